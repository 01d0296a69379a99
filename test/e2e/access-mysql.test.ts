// The end of access for a while, felt by MySQL clients: the session ends in words, its transaction is rolled back, what waits is
// withdrawn.

import { createConnection } from 'mysql2/promise';
import t from 'tap';
import type { AccessRequestView, GrantView, HoldView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: production
rules:
  - { id: open, actions: [connect], needs: grant, decision: allow }
  - { id: work, needs: grant, decision: allow }
  - { id: hold-drop, needs: grant, effects: { verbs: [drop] }, decision: hold, approvers: { groups: [dba] } }
access:
  - { id: on-call, principals: { groups: [engineers] }, longest: 2h, automatic: true }
`;

t.test('the end of access in mysql', async (t) => {
  const server = await startMariadb(t);
  await server.sql('CREATE TABLE orders AS SELECT seq AS id FROM seq_1_to_10');
  const gateway = await startTestGateway(t, {
    targets: [mariadbTarget(server, 'shop', { env: 'production' })],
    policies: { 'production.yaml': policy },
  });
  const { port } = gateway.address('mysql');
  const alice = gateway.api('alice');
  const granted = async (forMs: number): Promise<string> => {
    const { body } = await alice.post<AccessRequestView>('/access-requests', { target: 'shop', for_ms: forMs, reason: 'ticket 7' });
    return body.grant_id ?? '';
  };
  const count = async () => Number((await server.sql('SELECT count(*) AS n FROM orders'))[0]?.['n']);
  const client = [
    ...['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', `-p${gateway.token('alice')}`, '-N', '-B'],
    ...['--skip-reconnect', '--unbuffered', 'shop'],
  ];
  const mariadb = tool('mariadb', 'mariadb-client');

  await t.test('revoked in an open transaction', async (t) => {
    const grant = await granted(3_600_000);
    const connection = await createConnection({
      host: '127.0.0.1',
      port,
      user: 'alice',
      password: gateway.token('alice'),
      database: 'shop',
    });
    const lost = new Promise<Error>((resolve) => connection.on('error', resolve));
    await connection.query('BEGIN');
    await connection.query('DELETE FROM orders');
    t.equal((await gateway.api('erin').post(`/grants/${grant}/revoke`, { reason: 'enough' })).status, 200);
    await lost;
    await eventually('the target rolled back', async () => (await server.sql('SHOW PROCESSLIST')).length === 1);
    t.equal(await count(), 10);
  });

  await t.test('over by itself: the session ends in words, what waits is withdrawn', async (t) => {
    const grant = await granted(4_000);
    const session = start(t, mariadb, [...client, '-e', "SET @sallyport_reason = 'OPS-3'; DROP TABLE orders"]);
    const hold = await eventually('it is held', async () => {
      return (await gateway.api('bob').get<Page<HoldView>>('/holds?state=pending')).body.items[0];
    });
    t.match(hold, { reason: 'OPS-3', access: [{ grant, reason: 'ticket 7' }] }, 'who answers reads why it is asked');
    const { code, stderr } = await session.ended;
    t.not(code, 0);
    t.match(stderr, new RegExp(`your access ${grant} to shop is over`));
    t.equal((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body.state, 'withdrawn');
    t.equal((await gateway.api('bob').post(`/holds/${hold.id}/approve`, {})).status, 409, 'a late yes runs nothing');
    t.equal((await alice.get<GrantView>(`/grants/${grant}`)).body.end_kind, 'over');
    t.equal(await count(), 10);
    const after = await start(t, mariadb, [...client, '-e', 'SELECT 1']).ended;
    t.match(after.stderr, /ask for access: sallyport request shop/);
  });
});
