// `wait: error` across real restarts of a gateway, delegation over the API, and escalation read in psql.

import t from 'tap';
import { people as demoPeople } from '../../docker/demo/gateway-files.ts';
import type { DelegationView, HoldView } from '../../src/api/contract.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = `policy: own
rules:
  - id: connecting
    actions: [connect]
    decision: allow
  - id: reading
    effects: { access: [read, session] }
    decision: allow
  - id: dropping
    title: Dropping is answered later
    effects: { verbs: [drop] }
    decision: hold
    wait: error
    approvers: { groups: [dba] }
  - id: emptying
    title: Emptying is answered later, by two
    effects: { verbs: [truncate] }
    decision: hold
    wait: error
    approvers: { groups: [dba], count: 2 }
  - id: deleting
    title: Deleting waits
    effects: { verbs: [delete] }
    decision: hold
    approvers: { groups: [dba], escalate: { after: 1s, to: [auditors] } }
`;

t.test('restarts, delegation, escalation', { timeout: 120_000 }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE one (id int); CREATE TABLE two (id int); INSERT INTO two VALUES (1)');
  const people: { name: string; groups: readonly string[] }[] = [...demoPeople];
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', {})], policies: { 'own.yaml': policy }, people });
  const psql = tool('psql', 'postgresql-client');
  const alice = (text: string) => run(t, psql, [gateway.url('alice', 'orders'), '-c', text]);
  const exists = async (name: string) => (await server.sql(`SELECT to_regclass('${name}') IS NOT NULL AS it`))[0]?.['it'];

  await t.test('asked, restarted, approved, restarted, run once', async (t) => {
    t.match(await alice('DROP TABLE one'), { code: 1, stderr: /it waits for approval/ });
    const { id } = await gateway.api('bob').pendingHold();
    await gateway.restart();
    t.match((await gateway.api('bob').get<HoldView>(`/holds/${id}`)).body, { state: 'pending' });
    t.equal((await gateway.api('bob').post(`/holds/${id}/approve`, {})).status, 200);
    t.ok(await exists('one'), 'the approval runs nothing by itself');
    await gateway.restart();
    t.match(await alice('DROP TABLE one CASCADE'), { code: 1 }, 'not for another text');
    t.match(await alice('DROP TABLE one'), { code: 0, stdout: /DROP TABLE/ });
    await server.sql('CREATE TABLE one (id int)');
    await gateway.restart();
    t.match(await alice('DROP TABLE one'), { code: 1, stderr: /it waits for approval/ }, 'used once');
    t.ok(await exists('one'));
  });

  await t.test('escalation is read in psql; then a member of the other group is asked', async (t) => {
    const session = start(t, psql, [gateway.url('alice', 'orders'), '-c', 'DELETE FROM two']);
    await session.waitFor(/of dba(?! or)/);
    await session.waitFor(/of dba or auditors/);
    const holds = await gateway.api('carol').get<{ items: HoldView[] }>('/holds?state=pending');
    const hold = holds.body.items.find((it) => it.text === 'DELETE FROM two');
    t.match(hold, { approver_groups: ['dba', 'auditors'] });
    await gateway.api('bob').post(`/holds/${hold?.id ?? ''}/deny`, { reason: 'no' });
    await session.end();
  });

  await t.test('delegation', async (t) => {
    const lent = await gateway.api('bob').post<DelegationView>('/delegations', { to: 'dana', for_ms: 3_600_000 });
    t.match(lent, { status: 200, body: { from: 'bob', to: 'dana' } });
    t.equal((await gateway.api('alice').post('/delegations', { to: 'dana', for_ms: 3_600_000 })).status, 403);
    t.equal((await gateway.api('bob').post('/delegations', { to: 'alice', for_ms: 3_600_000 })).status, 400);
    await gateway.restart();
    t.match((await gateway.api('carol').get('/delegations')).body, { items: [{ id: lent.body.id }] });
    t.equal((await gateway.api('alice').post(`/delegations/${lent.body.id}/end`, {})).status, 404);
    t.equal((await gateway.api('bob').post(`/delegations/${lent.body.id}/end`, {})).status, 200);
    t.match((await gateway.api('carol').get('/delegations')).body, { items: [] });
  });

  // The last: whoever was removed has no token any more.
  await t.test('what waits over a restart is answered by the people of the new configuration, and for them', async (t) => {
    t.match(await alice('TRUNCATE two'), { code: 1, stderr: /it waits for approval/ });
    const { id } = await gateway.api('bob').pendingHold();
    const hold = async () => (await gateway.api('bob').get<HoldView>(`/holds/${id}`)).body;
    t.equal((await gateway.api('dana').post(`/holds/${id}/approve`, {})).status, 200);
    await gateway.restart();
    t.match(await hold(), { state: 'pending', approvals: [{ by: 'dana' }] });
    people.splice(0, people.length, ...demoPeople.filter(({ name }) => name !== 'dana'));
    await gateway.restart();
    t.match(await hold(), { state: 'pending', approvals: { length: 0 } }, 'dana is gone, and her yes with her');
    people.splice(0, people.length, { name: 'zoe', groups: ['engineers'] }, ...demoPeople.filter(({ name }) => name !== 'alice'));
    await gateway.restart();
    t.match(await hold(), { state: 'withdrawn', settled_reason: /may no longer sign in/ }, 'it is not for the next alice');
  });
});
