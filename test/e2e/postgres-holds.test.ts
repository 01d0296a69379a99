// What waiting means on the wire: exactly once, never without approval, the session and its transaction as PostgreSQL leaves them.

import { connect } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cancelRequest } from '../../protocols/postgres/messages.ts';
import type { HoldView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { rowsOf, summary, WireClient } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startPostgres(t);
const gateway = await startTestGateway(t, {
  targets: [targetOf(server, 'orders', { env: 'production' })],
  policies: { 'holds.yaml': policy('dba') },
});
const bob = gateway.api('bob');
const dana = gateway.api('dana');

/** DELETE waits for one of the group, TRUNCATE for two, DROP for five seconds; all else runs. */
function policy(group: string): string {
  const hold = (id: string, verb: string, count: number, expires: string) => `
  - id: ${id}
    title: ${verb} waits
    effects: { verbs: [${verb}] }
    decision: hold
    approvers: { groups: [${group}], count: ${count} }
    expires: ${expires}`;
  const all = '{ id: all, title: All else, actions: [connect, statement], decision: allow }';
  return `policy: holds\nrules:\n  - ${all}${hold('one', 'delete', 1, '5m')}${hold('two', 'truncate', 2, '5m')}${hold('short', 'drop', 1, '5s')}\n`;
}

const open = (database = 'orders') => {
  const { host, port } = gateway.address('postgres');
  return WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database });
};
const count = async () => Number((await server.sql('SELECT count(*) AS n FROM victim'))[0]?.['n']);
const fill = () => server.sql('DROP TABLE IF EXISTS victim; CREATE TABLE victim AS SELECT n AS id FROM generate_series(1, 10) n');
const hold = async (text: string | RegExp) => (await bob.pendingHold(text)).id;
const extended = (text: string, values: string[] = []) => [pg.parse('', text), pg.bind('', '', values), pg.execute(''), pg.sync];
const seen = (messages: readonly pg.WireMessage[]) => summary(messages).replace(/hold h-[^ :)]+/g, 'hold h');
/** Statements that the target is running or holds locks with, besides this look. */
const busyAtTarget = async () =>
  (await server.sql("SELECT query FROM pg_stat_activity WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()"))
    .length; // prettier-ignore

await t.test('approved: the exact text with its parameters, once, in every protocol', async (t) => {
  for (const messages of [
    [pg.query('DELETE FROM victim WHERE id = 3')],
    extended('DELETE FROM victim WHERE id = $1', ['3']),
    [pg.parse('s', 'DELETE FROM victim WHERE id = $1'), pg.sync, pg.bind('p', 's', ['3']), pg.execute('p'), pg.close('S', 's'), pg.sync],
  ]) {
    await fill();
    const client = await open();
    client.send(...messages);
    const id = await hold(/DELETE/);
    t.equal(await count(), 10, 'nothing has run');
    t.equal(await busyAtTarget(), 0, 'nothing is locked at the target while people think');
    t.equal((await bob.post(`/holds/${id}/approve`)).status, 200);
    await eventually('it ran', async () => (await count()) === 9);
    t.equal((await dana.post(`/holds/${id}/approve`)).status, 409, 'another yes comes too late');
    await bob.post(`/holds/${id}/approve`); // the same click again
    client.send(pg.terminate);
    await client.closed();
    t.match(seen(client.seen), /C\(DELETE 1\)/);
    t.equal(seen(client.seen).match(/C\(DELETE/g)?.length, 1);
  }
});

await t.test('approve to forward is quick', async (t) => {
  await fill();
  const client = await open();
  const tookMs: number[] = [];
  for (let n = 0; n < 5; n++) {
    client.send(pg.query(`DELETE FROM victim WHERE id = ${n}`));
    const id = await hold(`DELETE FROM victim WHERE id = ${n}`);
    const before = performance.now();
    const answered = bob.post(`/holds/${id}/approve`);
    await client.until('Z');
    tookMs.push(performance.now() - before);
    await answered;
  }
  tookMs.sort((a, b) => a - b);
  t.comment(
    `approve by HTTP to result in the session: median ${tookMs[2]?.toFixed(1)} ms of ${tookMs.map((it) => it.toFixed(1)).join(', ')}`,
  );
  t.ok((tookMs[2] as number) < 500, 'far below what a person notices, on a busy machine');
});

await t.test('denied in a simple query, outside and inside a transaction', async (t) => {
  await fill();
  const client = await open();
  client.send(pg.query('DELETE FROM victim'));
  await bob.post(`/holds/${await hold('DELETE FROM victim')}/deny`, { reason: 'no, Ada' });
  const alone = seen(await client.until('Z'));
  t.match(alone, /N00000\(hold h: .*E42501\(.*no, Ada.* ZI$/);
  await client.query('BEGIN');
  await client.query('INSERT INTO victim VALUES (11)');
  client.send(pg.query('DELETE FROM victim'));
  await bob.post(`/holds/${await hold('DELETE FROM victim')}/deny`, { reason: 'no' });
  t.match(seen(await client.until('Z')), /E42501\(.* ZE$/, 'the transaction has failed, as after any error');
  t.match(seen(await client.query('SELECT 1')), /E25P02/);
  t.match(seen(await client.query('ROLLBACK')), /C\(ROLLBACK\) ZI/);
  t.equal(await count(), 10);
  t.match(seen(await client.query('SELECT 42')), /C\(SELECT 1\) ZI/, 'the session goes on');
});

await t.test('denied within a savepoint: ROLLBACK TO saves the transaction', async (t) => {
  await fill();
  const client = await open();
  await client.query('BEGIN; INSERT INTO victim VALUES (11); SAVEPOINT a');
  client.send(pg.query('DELETE FROM victim'));
  await bob.post(`/holds/${await hold('DELETE FROM victim')}/deny`);
  await client.until('Z');
  t.match(seen(await client.query('ROLLBACK TO a')), /C\(ROLLBACK\) ZT/);
  t.match(seen(await client.query('COMMIT')), /C\(COMMIT\) ZI/);
  t.equal(await count(), 11, 'what was before the savepoint is kept');
});

await t.test('denied in a pipeline: one error, the batch is undone, later batches run', async (t) => {
  await fill();
  const client = await open();
  client.send(
    ...extended('INSERT INTO victim VALUES (20)').slice(0, 3),
    ...extended('DELETE FROM victim').slice(0, 3),
    ...extended('INSERT INTO victim VALUES (21)'),
    ...extended('INSERT INTO victim VALUES (22)'),
  );
  const id = await hold('DELETE FROM victim');
  await client.until('C'); // what came before it is answered meanwhile
  await bob.post(`/holds/${id}/deny`, { reason: 'no' });
  const first = seen(await client.until('Z'));
  t.equal(first.match(/E42501/g)?.length, 1);
  t.match(first, / ZI$/);
  t.equal(seen(await client.until('Z')), '1 2 C(INSERT 0 1) ZI');
  t.same(await server.sql('SELECT id FROM victim WHERE id > 10'), [{ id: 22 }], 'only the batch after the Sync');
});

await t.test('approved in a pipeline: everything in order', async (t) => {
  await fill();
  const client = await open();
  client.send(
    ...extended('SELECT 1').slice(0, 3),
    ...extended('DELETE FROM victim WHERE id < $1', ['4']).slice(0, 3),
    ...extended('SELECT count(*) FROM victim'),
  );
  await bob.post(`/holds/${(await bob.pendingHold(/DELETE/)).id}/approve`);
  const answer = await client.until('Z');
  t.match(seen(answer.filter(({ type }) => type !== 'N')), /^1 2 D C\(SELECT 1\) 1 2 C\(DELETE 3\) 1 2 D C\(SELECT 1\) ZI$/);
  t.same(rowsOf(answer), [['1'], ['7']]);
});

await t.test('two people are needed: progress is told, one person counts once', async (t) => {
  await fill();
  const client = await open();
  client.send(pg.query('TRUNCATE victim'));
  const id = await hold('TRUNCATE victim');
  t.equal((await bob.post(`/holds/${id}/approve`)).status, 200);
  await bob.post(`/holds/${id}/approve`);
  t.equal((await bob.get<HoldView>(`/holds/${id}`)).body.state, 'pending', 'one person counts once');
  await client.until('N');
  const progress = await client.until('N');
  t.ok(progress.some(({ bytes }) => /1 of 2 given/.test(bytes.toString())), 'the session hears of the first'); // prettier-ignore
  t.equal(await count(), 10);
  t.equal((await gateway.api('alice').post(`/holds/${id}/approve`)).status, 403, 'not the one who asked');
  t.equal((await dana.post(`/holds/${id}/approve`)).status, 200);
  t.match(seen(await client.until('Z')), /C\(TRUNCATE TABLE\) ZI/);
});

await t.test('expired: words, and a late approval runs nothing', async (t) => {
  await fill();
  const client = await open();
  client.send(pg.query('DROP TABLE victim'));
  const id = await hold('DROP TABLE victim');
  t.match(seen(await client.until('Z')), /E42501\(approval expired.* ZI$/);
  t.equal((await bob.post(`/holds/${id}/approve`)).status, 409);
  t.equal(await count(), 10);
});

await t.test('withdrawn by CancelRequest, in both protocols: 57014, late approval 409', async (t) => {
  await fill();
  for (const messages of [[pg.query('DELETE FROM victim')], extended('DELETE FROM victim')]) {
    const client = await open();
    client.send(...messages);
    const id = await hold('DELETE FROM victim');
    const canceller = new WireClient(connect(gateway.address('postgres').port, '127.0.0.1'));
    canceller.send(cancelRequest(client.processId, client.secret));
    await canceller.closed();
    t.match(seen(await client.until('Z')), /E57014\(.* ZI$/);
    t.equal((await bob.get<HoldView>(`/holds/${id}`)).body.state, 'withdrawn');
    t.equal((await bob.post(`/holds/${id}/approve`)).status, 409);
    t.match(seen(await client.query('SELECT 1')), /C\(SELECT 1\) ZI/);
  }
  t.equal(await count(), 10);
});

await t.test('a client that is gone: withdrawn, the target idle, nothing ran', async (t) => {
  await fill();
  for (const full of [false, true]) {
    const client = await open();
    client.send(pg.query('DELETE FROM victim'));
    const id = await hold('DELETE FROM victim');
    // More than the gateway reads ahead: it has stopped reading, and must find out all the same.
    if (full) for (let n = 0; n < 400; n++) client.send(pg.query(`SELECT '${'x'.repeat(8000)}'`));
    client.socket.destroy();
    await eventually('the hold is withdrawn', async () => (await bob.get<HoldView>(`/holds/${id}`)).body.state === 'withdrawn', 20_000);
    t.equal((await bob.post(`/holds/${id}/approve`)).status, 409);
    await eventually('the target is idle', async () => (await busyAtTarget()) === 0);
  }
  t.equal(await count(), 10);
});

await t.test('inside a transaction the target holds its locks meanwhile, and lets go when the client leaves', async (t) => {
  await fill();
  const client = await open();
  await client.query('BEGIN');
  await client.query('INSERT INTO victim VALUES (11)');
  client.send(pg.query('DELETE FROM victim'));
  const id = await hold('DELETE FROM victim');
  t.equal((await bob.get<HoldView>(`/holds/${id}`)).body.transaction, 'open', 'the approver is told');
  client.socket.destroy();
  await eventually('the transaction is gone', async () => (await busyAtTarget()) === 0);
  t.equal(await count(), 10, 'rolled back');
});

await t.test('the session is killed, and the gateway says so', async (t) => {
  await fill();
  const client = await open();
  client.send(pg.query('DELETE FROM victim'));
  const { id, session_id: session } = await bob.pendingHold('DELETE FROM victim');
  const killed = await gateway.api('erin').post(`/sessions/${session}/kill`);
  t.ok(killed.status < 300, `killed: ${killed.status}`);
  await client.closed();
  t.match(seen(client.seen), /E57P01\(ended by erin\)$/);
  t.equal((await bob.post(`/holds/${id}/approve`)).status, 409);
  t.equal(await count(), 10);
});

await t.test('a COPY waits as a whole; its data follows after the approval', async (t) => {
  await fill();
  const client = await open();
  client.send(pg.query('WITH gone AS (DELETE FROM victim RETURNING id) SELECT 1'), pg.query('SELECT 2'));
  await bob.post(`/holds/${(await bob.pendingHold(/^WITH/)).id}/deny`);
  t.match(seen(await client.until('Z')), /E42501/);
  t.same(rowsOf(await client.until('Z')), [['2']], 'what was sent ahead is answered in order');
  t.equal(await count(), 10);
});

await t.test('a policy that changes while it waits: denied now, withdrawn with words', async (t) => {
  await fill();
  const client = await open();
  client.send(pg.query('DELETE FROM victim'));
  const id = await hold('DELETE FROM victim');
  const file = join(gateway.policyDir, 'holds.yaml');
  const [hold1, deny] = [/decision: hold\n.*count: 1 \}\n    expires: 5m/, 'decision: deny\n    message: frozen for the night'];
  writeFileSync(file, policy('dba').replace(hold1, deny));
  t.match(seen(await client.until('Z')), /E57014\(.*frozen for the night.* ZI$/);
  t.equal((await bob.post(`/holds/${id}/approve`)).status, 409);
  t.equal(await count(), 10);
  writeFileSync(file, policy('dba'));
  await eventually('the old policy is back', async () => {
    const probe = await open();
    probe.send(pg.query('DELETE FROM victim'));
    const [first] = await probe.until('N', 'E');
    probe.socket.destroy();
    return first?.type === 'N';
  });
});
