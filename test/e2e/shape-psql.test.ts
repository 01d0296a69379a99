// A shape approved for a while, with plain psql: what it lets through, and everything that it must not.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuditEventView, HoldShapeView, HoldView, Page, ShapeView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = (longest: string) => `
policy: production
rules:
  - id: open
    actions: [connect]
    decision: allow
  - id: work
    effects: { access: [read, session, write] }
    decision: allow
  - id: hold-writes
    effects: { verbs: [update, delete] }
    decision: hold
    approvers: { groups: [dba]${longest === '' ? '' : `, shape: { longest: ${longest} }`} }
  - id: no-drop
    effects: { verbs: [drop] }
    decision: deny
`;

t.test('a shape approved for a while, in psql', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE orders AS SELECT n AS id, $$new$$::text AS state FROM generate_series(1, 100) AS n');
  await server.sql('CREATE SCHEMA other; CREATE TABLE other.orders AS SELECT * FROM orders');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' }), targetOf(server, 'copy', { env: 'production' })],
    policies: { 'production.yaml': policy('30m') },
    people: people(),
  });
  const psql = tool('psql', 'postgresql-client');

  /** Runs one statement in a session of its own. A hold that it makes is denied. */
  const tried = async (sql: string, { person = 'alice', target = 'orders', before = 'SELECT 1' } = {}): Promise<string> => {
    const session = start(t, psql, [gateway.url(person, target), '-At', '-c', before, '-c', sql]);
    const hold = await eventually(`${sql} ran or was held`, async () => (session.running ? await pendingOf(gateway, person) : 'none'));
    if (hold !== 'none') await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'no' });
    const { code } = await session.ended;
    return hold !== 'none' ? 'held' : code === 0 ? 'ran' : 'refused';
  };

  /** Has the statement held and its shape approved. */
  const approved = async (sql: string, body: object): Promise<ShapeView> => {
    const session = start(t, psql, [gateway.url('alice', 'orders'), '-At', '-c', sql]);
    const hold = await eventually('it is held', () => pendingOf(gateway, 'alice'));
    const { status, body: answer } = await gateway.api('bob').post<HoldView>(`/holds/${hold.id}/approve`, { shape: body });
    t.equal(status, 200, JSON.stringify(answer));
    t.equal((await session.ended).code, 0);
    const { shape } = (await gateway.api('bob').get<HoldShapeView>(`/holds/${hold.id}/shape`)).body;
    if (shape === null) throw new Error('no shape was approved');
    return shape;
  };

  const withPolicy = async (text: string): Promise<void> => {
    const loads = () => gateway.log.filter(({ message }) => message === 'policies loaded').length;
    const before = loads();
    writeFileSync(join(gateway.policyDir, 'production.yaml'), text);
    await eventually('the policies are loaded', () => loads() > before);
  };

  const anyState = { hole: 2, condition: { kind: 'any' } };
  const upTo50 = { hole: 1, condition: { kind: 'range', least: '1', most: '50' } };
  const base = "DELETE FROM orders WHERE id = 5 AND state = 'new'";

  await t.test('what the approver sees, and what is refused', async (t) => {
    const session = start(t, psql, [gateway.url('alice', 'orders'), '-At', '-c', base]);
    const hold = await eventually('it is held', () => pendingOf(gateway, 'alice'));
    const { offer } = (await gateway.api('bob').get<HoldShapeView>(`/holds/${hold.id}/shape`)).body;
    t.match(offer, { words: 'DELETE FROM orders WHERE id = ‹1› AND state = ‹2›', duration_ms_max: 1_800_000 });
    const wrong = [
      { for_ms: 3_600_000 },
      { for_ms: 60_000, parameters: [{ hole: 3, condition: { kind: 'any' } }] },
      { for_ms: 60_000, parameters: [{ hole: 2, condition: { kind: 'range', least: '1', most: '2' } }] },
      { for_ms: 60_000, parameters: [{ hole: 1, condition: { kind: 'range', least: '10', most: '20' } }] },
      { for_ms: 60_000, parameters: [upTo50, upTo50] },
    ];
    for (const shape of wrong) {
      const { status } = await gateway.api('bob').post(`/holds/${hold.id}/approve`, { shape });
      t.equal(status, 400, JSON.stringify(shape));
    }
    t.equal((await gateway.api('alice').post(`/holds/${hold.id}/approve`, { shape: { for_ms: 60_000 } })).status, 403, 'not oneself');
    t.equal((await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'no', shape: { for_ms: 60_000 } })).status, 400);
    t.equal((await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`)).body.state, 'pending', 'none of this was an answer');
    await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'no' });
    await session.ended;
  });

  await t.test('while it lasts', async (t) => {
    const shape = await approved(base, { for_ms: 1_800_000, parameters: [upTo50, anyState] });
    t.match(shape, { state: 'active', principal: 'alice', target: 'orders', approved_by: ['bob'], uses: 0 });
    const ran = {
      'the same': base,
      'another literal': "DELETE FROM orders WHERE id = 50 AND state = 'old'",
    };
    for (const [name, sql] of Object.entries(ran)) t.equal(await tried(sql), 'ran', name);
    const held = {
      'out of the range': "DELETE FROM orders WHERE id = 51 AND state = 'new'",
      'another table': "DELETE FROM other.orders WHERE id = 5 AND state = 'new'",
      two: `${base}; ${base}`,
      prepared: "PREPARE p AS DELETE FROM orders WHERE id = 5 AND state = 'new'; EXECUTE p",
    };
    for (const [name, sql] of Object.entries(held)) t.equal(await tried(sql), 'held', name);
    t.equal(await tried(base, { before: 'SET search_path = other, public' }), 'held', 'search_path');
    t.equal(await tried(base, { before: 'CREATE TEMP TABLE orders (id int, state text)' }), 'held', 'a temporary table of the name');
    t.equal(await tried(base, { person: 'amy' }), 'held', 'another person');
    t.equal(await tried(base, { target: 'copy' }), 'held', 'another target');
    t.equal(await tried('DROP TABLE orders'), 'refused', 'deny rules deny');
    const now = (await gateway.api('alice').get<ShapeView>(`/shapes/${shape.id}`)).body;
    t.equal(now.uses, 2);
    const events = (await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=action.released&limit=50')).body.items;
    t.ok(
      events.some(({ detail }) => detail['shape'] === shape.id && String(detail['approved_by']) === 'bob'),
      'the log names the shape',
    );
  });

  await t.test('a restart does not lengthen it, nor end it', async (t) => {
    await gateway.restart();
    t.equal(await tried(base), 'ran');
  });

  await t.test('the policies of now count', async (t) => {
    await withPolicy(policy(''));
    t.equal(await tried(base), 'held', 'the rule lets no shape be approved any more');
    await withPolicy(policy('30m'));
    t.equal(await tried(base), 'ran');
  });

  await t.test('revoked', async (t) => {
    const [shape] = (await gateway.api('alice').get<Page<ShapeView>>('/shapes?state=active')).body.items;
    t.equal((await gateway.api('amy').get(`/shapes/${shape!.id}`)).status, 404, 'others do not see it');
    t.equal((await gateway.api('bob').post<ShapeView>(`/shapes/${shape!.id}/revoke`, { reason: 'enough' })).body.end_kind, 'revoked');
    t.equal(await tried(base), 'held');
  });

  await t.test('used up', async (t) => {
    await approved(base, { for_ms: 60_000, uses_max: 1 });
    t.equal(await tried(base), 'ran');
    t.equal(await tried(base), 'held', 'used up');
  });
});

function people() {
  return [
    { name: 'alice', groups: ['engineers'] },
    { name: 'amy', groups: ['engineers'] },
    { name: 'bob', groups: ['dba'] },
    { name: 'carol', groups: ['auditors'] },
    { name: 'erin', groups: ['operators'] },
  ];
}

async function pendingOf(gateway: TestGateway, person: string): Promise<HoldView | undefined> {
  return (await gateway.api('bob').get<Page<HoldView>>(`/holds?state=pending&principal=${person}`)).body.items[0];
}
