// Access for a while with plain psql: denied with the command line that asks, let in after the yes, and put out at its end.

import t from 'tap';
import type { AccessRequestView, AuditEventView, GrantView, Page, SessionView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - id: open
    actions: [connect]
    needs: grant
    decision: allow
  - id: work
    needs: grant
    decision: allow
  - id: hold-drop
    needs: grant
    effects: { verbs: [drop] }
    decision: hold
    approvers: { groups: [dba] }
access:
  - id: on-call
    title: Engineers on production, for a while
    principals: { groups: [engineers] }
    longest: 2h
    approvers: { groups: [dba] }
  - id: look
    title: A short look needs nobody
    principals: { groups: [engineers] }
    longest: 15m
    read_only: true
    automatic: true
`;

async function given(gateway: TestGateway, body: object): Promise<GrantView> {
  const asked = (await gateway.api('alice').post<AccessRequestView>('/access-requests', body)).body;
  if (asked.state === 'pending') await gateway.api('bob').post(`/access-requests/${asked.id}/approve`, { reason: 'agreed' });
  const request = (await gateway.api('alice').get<AccessRequestView>(`/access-requests/${asked.id}`)).body;
  return (await gateway.api('alice').get<GrantView>(`/grants/${request.grant_id}`)).body;
}

t.test('access for a while in psql', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE orders AS SELECT n AS id FROM generate_series(1, 10) AS n');
  let shiftMs = 0;
  const gateway = await startTestGateway(t, {
    clock: { nowMs: () => Date.now() + shiftMs, monotonicMs: () => performance.now() + shiftMs },
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy },
  });
  const psql = tool('psql', 'postgresql-client');
  const url = gateway.url('alice', 'orders');

  await t.test('without it: words with the command line that asks', async (t) => {
    const { code, stderr } = await run(t, psql, [url, '-c', 'SELECT 1']);
    t.not(code, 0);
    t.match(stderr, /nothing allows alice to open a session on orders; ask for access: sallyport request orders --for 1h --reason/);
  });

  await t.test('a look is given at once and reaches reads only', async (t) => {
    const grant = await given(gateway, { target: 'orders', for_ms: 600_000, reason: 'ticket 7', read_only: true });
    t.match(grant, { state: 'active', approved_by: [], scope: { read_only: true } });
    const { stdout, stderr } = await run(t, psql, [
      url,
      '-At',
      '-c',
      'SELECT count(*) FROM orders',
      '-c',
      'DELETE FROM orders WHERE id = 1',
    ]);
    t.equal(stdout, '10\n');
    t.match(
      stderr,
      /nothing allows delete .*orders on orders; your access g-\w+ \(read-only\) does not reach it; ask for access: sallyport request/,
    );
    t.equal((await gateway.api('alice').post(`/grants/${grant.id}/revoke`, {})).status, 200, 'whoever has it may give it back');
  });

  await t.test('revoked in an open transaction: the session ends in words, nothing is committed', async (t) => {
    const grant = await given(gateway, { target: 'orders', for_ms: 3_600_000, reason: 'ticket 8' });
    const session = start(t, psql, [url, '-At']);
    session.write('BEGIN;\nDELETE FROM orders WHERE id <= 5;\n');
    await session.waitFor(/DELETE 5/);
    t.equal((await gateway.api('bob').post(`/grants/${grant.id}/revoke`, { reason: 'enough' })).status, 200);
    await eventually('the session is closed', async () => {
      return (await gateway.api('erin').get<Page<SessionView>>('/sessions?state=open')).body.items.length === 0;
    });
    session.write('COMMIT;\n');
    session.endInput();
    const ended = await session.end();
    t.match(ended.stderr, /your access g-\w+ to orders was ended by bob: enough/);
    t.equal((await server.sql('SELECT count(*)::int AS n FROM orders'))[0]?.['n'], 10);
  });

  await t.test('five minutes before the end the person is told', async (t) => {
    const grant = await given(gateway, { target: 'orders', for_ms: 360_000, reason: 'ticket 10' });
    const session = start(t, psql, [url, '-At']);
    session.write('SELECT 1;\n');
    await session.waitFor(/1\n/);
    shiftMs += 120_000;
    const words = new RegExp(`WARNING: {2}your access ${grant.id} to orders ends in \\d.*sallyport grants extend ${grant.id}`);
    await eventually('the warning is there', () => {
      session.write('SELECT 2;\n');
      return words.test(session.stderr);
    });
    session.endInput();
    await session.end();
    await gateway.api('alice').post(`/grants/${grant.id}/revoke`, {});
  });

  await t.test('at its end a waiting hold ends with the session', async (t) => {
    const grant = await given(gateway, { target: 'orders', for_ms: 3_000, reason: 'ticket 9' });
    const session = start(t, psql, [url, '-At']);
    session.write("SET sallyport.reason = 'OPS-12 wrong totals';\nDROP TABLE orders;\n");
    await session.waitFor(/NOTICE: {2}hold h-/);
    const hold = await gateway.api('bob').pendingHold();
    const why = { reason: 'OPS-12 wrong totals', access: [{ grant: grant.id, reason: 'ticket 9', break_glass: false }] };
    t.match(hold, why, 'who answers reads why it is asked');
    const held = await gateway.api('carol').get<Page<AuditEventView>>(`/audit?hold=${hold.id}&type=action.held`);
    t.match(held.body.items, [{ detail: { reason: why.reason, access: [grant.id] } }]);
    const stateOf = async (path: string) => (await gateway.api('bob').get<{ state: string }>(path)).body.state;
    await eventually('the access is over', async () => (await stateOf(`/grants/${grant.id}`)) === 'ended');
    await eventually('the hold is withdrawn', async () => (await stateOf(`/holds/${hold.id}`)) === 'withdrawn');
    t.equal((await gateway.api('bob').post(`/holds/${hold.id}/approve`, { reason: 'late' })).status, 409);
    session.endInput();
    t.match((await session.end()).stderr, /your access g-\w+ to orders is over/);
    t.equal((await server.sql('SELECT count(*)::int AS n FROM orders'))[0]?.['n'], 10);
    const after = await run(t, psql, [url, '-c', 'SELECT 1']);
    t.match(after.stderr, /ask for access/);
    const { timeline } = (await gateway.api('alice').get<GrantView>(`/grants/${grant.id}`)).body;
    t.same(
      timeline.map(({ what }) => what),
      ['access.requested', 'access.approval-given', 'access.granted', 'grant.used', 'grant.ended'],
    );
  });
});
