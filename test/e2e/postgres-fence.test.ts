// The read-only fence, against a real server: what was judged to only read can't write, whatever hides in it. Functions are
// replaced behind the gateway's back, so that its catalogue still calls them harmless and only the fence stands.

import { connect } from 'node:net';
import t from 'tap';
import { cancelRequest, readDiagnostic } from '../../protocols/postgres/messages.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { rowsOf, summary, WireClient } from '../support/postgres-wire.ts';
import type { WireMessage } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startPostgres(t, { from: 'debian' });
await server.sql(`
  CREATE TABLE victim (id int PRIMARY KEY, name text);
  CREATE TABLE other (id int);
  CREATE FUNCTION peek(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
  CREATE FUNCTION quiet(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
  CREATE VIEW seen AS SELECT id, quiet(id) AS q FROM victim`);

const policy = `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read, session] }, fence: read-only, decision: allow }
  - { id: limited, targets: { names: [limited] }, max_rows: 3, statement_timeout: 1s, decision: allow }
  - { id: why, targets: { names: [why] }, effects: { access: [read, session] }, require_reason: true, decision: allow }
  - { id: ticket, targets: { names: [ticket] }, effects: { access: [read] }, when: '!glob(session.reason, "OPS-?*")', decision: deny, message: 'say the ticket: {effect}' }
  - { id: factor, targets: { names: [why] }, effects: { tables: [other, public.other] }, require_second_factor: 5m, decision: allow }
  - { id: changes, effects: { tables: [other, public.other] }, decision: allow }
  - { id: rest, effects: { access: [write, unknown] }, otherwise: true, decision: hold, approvers: { groups: [dba] } }
`;
const gateway = await startTestGateway(t, {
  targets: [targetOf(server, 'orders', {}), targetOf(server, 'limited', {}), targetOf(server, 'why', {}), targetOf(server, 'ticket', {})],
  policies: { 'p.yaml': policy },
});
const bob = gateway.api('bob');

/** Reads while it is given less than 100, and deletes with more. */
const writing = `CREATE OR REPLACE FUNCTION peek(int) RETURNS int LANGUAGE plpgsql VOLATILE AS
  'BEGIN IF $1 < 100 THEN RETURN $1; END IF; DELETE FROM victim; RETURN (SELECT count(*) FROM victim); END'`;
const harmless = "CREATE OR REPLACE FUNCTION peek(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1'";
const victims = async () => Number((await server.sql('SELECT count(*)::int AS n FROM victim'))[0]?.['n']);
const seen = (messages: readonly WireMessage[]) =>
  summary(messages.filter(({ type }) => type !== 'N')).replace(/hold h-[^ :)]+/g, 'hold h');

/** A session whose catalogue was read while peek was harmless; now it is not. */
async function open(): Promise<WireClient> {
  await server.sql(`${harmless}; DELETE FROM victim; INSERT INTO victim VALUES (1, 'a'), (2, 'b'); TRUNCATE other`);
  const { host, port } = gateway.address('postgres');
  const client = await WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'orders' });
  await client.query('ALTER TABLE other SET (fillfactor = 90)'); // the catalogue is read again
  t.equal(seen(await client.query('SELECT peek(1)')), 'T D C(SELECT 1) ZI');
  await server.sql(writing);
  return client;
}

/** Runs and answers the hold that comes of it. */
async function answered(client: WireClient, answer: 'approve' | 'deny', ...messages: Buffer[]): Promise<string> {
  const from = client.seen.length;
  const before = await victims();
  client.send(...messages);
  const hold = await bob.pendingHold(/peek/);
  t.equal(await victims(), before, 'nothing has changed while it waits');
  await bob.post(`/holds/${hold.id}/${answer}`, { reason: 'no' });
  await eventually('an answer', () => client.seen.at(-1)?.type === 'Z');
  while (client.seen.length > from && (await client.next()) !== client.seen.at(-1));
  return seen(client.seen.slice(from));
}

const extended = (text: string) => [pg.parse('', text), pg.bind('', ''), pg.describe('P'), pg.execute(''), pg.sync];

t.test('a write that the fence stops waits for people, and runs without it after their yes', async (t) => {
  const client = await open();
  t.equal(await answered(client, 'approve', pg.query('SELECT peek(100)')), 'T D C(SELECT 1) ZI');
  t.equal(await victims(), 0);
  t.match(client.seen.filter(({ type }) => type === 'N').map(({ bytes }) => readDiagnostic(bytes).message).join(), /cannot execute DELETE in a read-only/); // prettier-ignore
  t.equal(seen(await client.query('SHOW transaction_read_only')), 'T D C(SHOW) ZI');
});

t.test('denied, it is an error and nothing else', async (t) => {
  const client = await open();
  t.match(await answered(client, 'deny', pg.query('SELECT peek(100)')), /^E42501\(denied by bob.*\) ZI$/);
  t.match(await answered(client, 'deny', ...extended('SELECT peek(100)')), /^1 2 T E42501\(denied by bob.*\) ZI$/);
  t.equal(await victims(), 2);
  t.equal(seen(await client.query('SELECT 1')), 'T D C(SELECT 1) ZI');
});

t.test('in a transaction of the client: it lives on, and can write', async (t) => {
  const client = await open();
  await client.query('BEGIN');
  t.equal(seen(await client.query('INSERT INTO other VALUES (1)')), 'C(INSERT 0 1) ZT');
  t.equal(seen(await client.query('SELECT peek(1), count(*) FROM other')), 'T D C(SELECT 1) ZT');
  t.match(await answered(client, 'deny', pg.query('SELECT peek(100)')), /^E42501\(denied by bob.*\) ZT$/);
  t.match(await answered(client, 'deny', ...extended('SELECT peek(100)')), /^1 2 T E42501\(denied by bob.*\) ZT$/);
  t.equal(seen(await client.query('INSERT INTO other VALUES (2)')), 'C(INSERT 0 1) ZT');
  t.equal(await answered(client, 'approve', ...extended('SELECT peek(100)')), '1 2 T D C(SELECT 1) ZT');
  t.equal(seen(await client.query('COMMIT')), 'C(COMMIT) ZI');
  t.equal(await victims(), 0);
  t.same(await server.sql('SELECT count(*)::int AS n FROM other'), [{ n: 2 }]);
});

t.test('extended: approved, with the unnamed statement kept for the next time', async (t) => {
  const client = await open();
  t.equal(await answered(client, 'approve', pg.parse('', 'SELECT peek($1::int)'), pg.describe('S'), pg.bind('', '', ['100']), pg.execute(), pg.sync), '1 t T 2 D C(SELECT 1) ZI'); // prettier-ignore
  t.equal(await victims(), 0);
  // What ran without the fence may have prepared anything: names of statements are asked about from then on.
  t.equal(await answered(client, 'approve', pg.bind('', '', ['5']), pg.execute(), pg.sync), '2 D C(SELECT 1) ZI');
});

t.test('a read-only transaction of the client gets the error that the server gives', async (t) => {
  const client = await open();
  await client.query('BEGIN READ ONLY');
  t.match(seen(await client.query('SELECT peek(100)')), /^E25006\(cannot execute DELETE in a read-only transaction\) ZE$/);
  await client.query('ROLLBACK');
  await client.query('BEGIN READ ONLY');
  t.match(seen(await client.cycle(...extended('SELECT peek(100)'))), /^1 2 T E25006\(cannot execute DELETE .*\) ZE$/);
  t.equal(seen(await client.query('ROLLBACK')), 'C(ROLLBACK) ZI');
});

t.test('what was answered in part is not run twice: it says so, and waits the next time', async (t) => {
  const client = await open();
  const text = 'SELECT peek(n) FROM generate_series(98, 100) n';
  t.match(seen(await client.query(text)), /^T D D E42501\(.*cannot execute DELETE.*\) ZI$/);
  t.equal(await answered(client, 'approve', pg.query(text)), 'T D D D C(SELECT 3) ZI');
  const two = await open();
  t.match(seen(await two.query('SELECT 1; SELECT peek(100)')), /^T D C\(SELECT 1\) T E42501\(.*\) ZI$/);
  t.match(seen(await two.cycle(pg.parse('', 'SELECT peek(100)'), pg.bind('', ''), pg.execute(''), pg.parse('', 'INSERT INTO other VALUES (1)'), pg.bind('', ''), pg.execute(''), pg.sync)), /^1 2 E42501\(.*\) ZI$/); // prettier-ignore
  t.equal(await victims(), 2);
});

t.test('pipelines: reads and writes of one batch are one transaction, and only the writes write', async (t) => {
  const client = await open();
  const batch = (...texts: string[]) => [...texts.flatMap((text) => [pg.parse('', text), pg.bind('', ''), pg.execute('')]), pg.sync];
  t.equal(seen(await client.cycle(...batch('SELECT peek(1)', 'SELECT 2'))), '1 2 D C(SELECT 1) 1 2 D C(SELECT 1) ZI');
  t.equal(seen(await client.cycle(...batch('SELECT peek(1)', 'INSERT INTO other VALUES (1)', 'SELECT peek(2)', 'INSERT INTO other VALUES (2)'))), '1 2 D C(SELECT 1) 1 2 C(INSERT 0 1) 1 2 D C(SELECT 1) 1 2 C(INSERT 0 1) ZI'); // prettier-ignore
  t.match(seen(await client.cycle(...batch('SELECT peek(1)', 'INSERT INTO other VALUES (3)', 'SELECT 1/0', 'SELECT 2'))), /^1 2 D C\(SELECT 1\) 1 2 C\(INSERT 0 1\) 1 (2 )?E22012\(division by zero\) ZI$/); // prettier-ignore
  t.same(await server.sql('SELECT count(*)::int AS n FROM other'), [{ n: 2 }], 'a failed batch is undone as a whole');
  t.equal(seen(await client.cycle(...batch('BEGIN', 'SELECT peek(1)', 'INSERT INTO other VALUES (4)'))), '1 2 C(BEGIN) 1 2 D C(SELECT 1) 1 2 C(INSERT 0 1) ZT'); // prettier-ignore
  t.equal(seen(await client.cycle(...batch('SELECT peek(1)', 'COMMIT', 'SELECT peek(1)'))), '1 2 D C(SELECT 1) 1 2 C(COMMIT) 1 2 D C(SELECT 1) ZI'); // prettier-ignore
  t.same(await server.sql('SELECT count(*)::int AS n FROM other'), [{ n: 3 }]);
  client.send(...batch('SELECT peek(1)').slice(0, 3), pg.flush);
  t.equal(seen(await client.until('C')), '1 2 D C(SELECT 1)');
  t.equal(seen(await client.cycle(pg.parse('', 'INSERT INTO other VALUES (5)'), pg.bind('', ''), pg.execute(''), pg.sync)), '1 2 C(INSERT 0 1) ZI'); // prettier-ignore
});

t.test('portals, cursors and COPY keep their meaning', async (t) => {
  const client = await open();
  await client.query('BEGIN');
  const rows = 'SELECT peek(n) FROM generate_series(1, 5) n';
  t.equal(seen(await client.cycle(pg.parse('', rows), pg.bind('p', ''), pg.execute('p', 2), pg.sync)), '1 2 D D s ZT');
  t.equal(seen(await client.query('INSERT INTO other VALUES (1)')), 'C(INSERT 0 1) ZT');
  t.equal(seen(await client.cycle(pg.execute('p', 2), pg.sync)), 'D D s ZT');
  t.equal(seen(await client.cycle(pg.execute('p', 2), pg.close('P', 'p'), pg.sync)), 'D C(SELECT 1) 3 ZT');
  await client.query('DECLARE c CURSOR FOR SELECT peek(n) FROM generate_series(98, 101) n');
  t.equal(seen(await client.query('FETCH 2 FROM c')), 'T D D C(FETCH 2) ZT');
  t.equal(seen(await client.query('SAVEPOINT a')), 'C(SAVEPOINT) ZT');
  t.match(await answered(client, 'deny', pg.query('SELECT peek(100)')), /ZT$/);
  t.match(seen(await client.query('SELECT nothing FROM victim')), /^E42703\(.*\) ZE$/);
  t.equal(seen(await client.query('ROLLBACK TO a')), 'C(ROLLBACK) ZT');
  t.match(seen(await client.query('COPY (SELECT peek(3)) TO STDOUT')), /^H d c C\(COPY 1\) ZT$/);
  t.equal(seen(await client.query('COMMIT')), 'C(COMMIT) ZI');
  t.match(await answered(client, 'deny', pg.query('COPY (SELECT peek(100)) TO STDOUT')), /^E42501\(.*\) ZI$/);
  t.equal(seen(await client.query('FETCH 1 FROM c')), 'E34000(cursor "c" does not exist) ZI');
});

t.test('errors stand where the client wrote them, and nothing of the fence is left behind', async (t) => {
  const client = await open();
  const position = (messages: readonly WireMessage[]) =>
    /P(\d+)\0/.exec(messages.find(({ type }) => type === 'E')?.bytes.toString() ?? '')?.[1];
  t.equal(position(await client.query('SELECT nothing FROM victim')), '8');
  await client.query('BEGIN');
  t.equal(position(await client.query('SELECT nothing FROM victim')), '8');
  await client.query('ROLLBACK');
  t.same(rowsOf(await client.query('SELECT count(*) FROM pg_prepared_statements')), [['0']]);
  t.same(rowsOf(await client.cycle(pg.parse('s', 'SELECT name FROM pg_prepared_statements'), pg.bind('', 's'), pg.execute(), pg.sync)), [['s']]); // prettier-ignore
  t.same(rowsOf(await client.query('SELECT name FROM pg_cursors')), []);
  t.match(seen(await client.query('LISTEN x')), /^C\(LISTEN\) ZI$/);
});

t.test('a cancellation never lets the text run without its fence', async (t) => {
  const client = await open();
  client.send(pg.query('SELECT pg_sleep(60), peek(100)'));
  await eventually('it runs', async () => (await server.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length > 0);
  const { host, port } = gateway.address('postgres');
  const socket = connect(port, host, () => socket.end(cancelRequest(client.processId, client.secret)));
  socket.on('error', () => {});
  t.match(seen(await client.until('Z')), /E57014\(.*\) ZI$/);
  t.equal(await victims(), 2);
});

t.test('limits: too many rows and too much time end in an error that names the rule', async (t) => {
  const { host, port } = gateway.address('postgres');
  const limited = await WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'limited' });
  const rows = (n: number) => `SELECT generate_series(1, ${n}) n`; // in FROM all of them would be made before the first is sent
  t.equal(seen(await limited.query(rows(3))), 'T D D D C(SELECT 3) ZI');
  t.match(seen(await limited.query(rows(4))), /^T D D D E54000\(.*more than 3 rows.*rule p\/limited.*\) ZI$/);
  t.match(seen(await limited.query(rows(5_000_000))), /^T D D D E54000\(.*\) ZI$/);
  t.match(seen(await limited.cycle(...extended(rows(5_000_000)))), /^1 2 T D D D E54000\(.*\) ZI$/);
  t.match(seen(await limited.query(`COPY (${rows(9)}) TO STDOUT`)), /^H d d d (c )?E54000\(.*\) ZI$/);
  t.equal(seen(await limited.query('SELECT 1')), 'T D C(SELECT 1) ZI', 'the cancellation has met nothing else');
  // Some rows at a time: an end with fewer rows than were asked for would be taken for the end of the result.
  const [parsed, bound] = extended(rows(5_000_000));
  t.match(
    seen(await limited.cycle(parsed!, bound!, pg.execute('', 2), pg.execute('', 2), pg.execute('', 2), pg.sync)),
    /^1 2 (T )?D D s D E54000\(.*\) ZI$/,
  );
  await limited.query('BEGIN');
  t.match(seen(await limited.cycle(pg.parse('', rows(9)), pg.bind('p', ''), pg.execute('p', 2), pg.sync)), /^1 2 D D s ZT$/);
  t.match(seen(await limited.cycle(pg.execute('p', 5), pg.sync)), /^D E54000\(.*more than 3 rows.*\) Z[TE]$/);
  t.match(seen(await limited.cycle(pg.execute('p', 5), pg.sync)), /^E(54000|34000|25P02)\(.*\) Z[TE]$/, 'and no more rows come');
  await limited.query('ROLLBACK');
  t.equal(seen(await limited.query('SELECT 1')), 'T D C(SELECT 1) ZI', 'the cancellation has met nothing else');
  await limited.query('BEGIN');
  t.match(seen(await limited.query(rows(5_000_000))), /^T D D D E54000\(.*\) ZE$/);
  await limited.query('ROLLBACK');
  t.match(seen(await limited.query('SELECT pg_sleep(60)')), /^T E57014\(.*longer than 1 s.*rule p\/limited.*\) ZI$/);
  t.match(seen(await limited.cycle(...extended('SELECT pg_sleep(60)'))), /^1 2 T E57014\(.*longer than 1 s.*\) ZI$/);
  t.equal(seen(await limited.query('SELECT pg_sleep(0.3)')), 'T D C(SELECT 1) ZI');
});

t.test('a reason: asked for in words, given by SET or PGOPTIONS, kept in the audit log', async (t) => {
  const { host, port } = gateway.address('postgres');
  const to = { host, port, user: 'alice', password: gateway.token('alice'), database: 'why' };
  const client = await WireClient.open(t, to);
  const refused = await client.query('SELECT 1');
  t.match(seen(refused), /^E42501\(.*p\/why wants a reason.*\) ZI$/);
  t.match(String(refused[0]?.bytes), /SET sallyport\.reason = 'why'/);
  t.equal(seen(await client.query('BEGIN')), 'C(BEGIN) ZT', 'a transaction needs none');
  t.equal(seen(await client.query("SET sallyport.reason = 'ticket 12'")), 'C(SET) ZT');
  t.equal(seen(await client.query('SELECT 1')), 'T D C(SELECT 1) ZT');
  t.match(seen(await client.query('SELECT * FROM other')), /^E42501\(.*second factor.*none was proved.*\) ZE$/);
  await client.query('ROLLBACK');
  const started = await WireClient.open(t, { ...to, startup: { options: '-c sallyport.reason=ticket\\ 13' } });
  t.equal(seen(await started.query('SELECT 2')), 'T D C(SELECT 1) ZI');
  const log = await gateway.api('carol').get('/audit?limit=100');
  t.match(JSON.stringify(log.body), /"reason":"ticket 12"/);
  t.match(JSON.stringify(log.body), /"reason":"ticket 13"/);
});

t.test('a condition reads the reason as it is at each statement', async (t) => {
  const { host, port } = gateway.address('postgres');
  const client = await WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'ticket' });
  const reads = async () => seen(await client.query('SELECT * FROM victim'));
  t.match(await reads(), /^E42501\(.*say the ticket.*\) ZI$/);
  t.equal(seen(await client.query("SET sallyport.reason = 'OPS-12'")), 'C(SET) ZI');
  const prepared = async () => seen(await client.cycle(...extended('SELECT * FROM victim')));
  for (const ask of [reads, reads, prepared, prepared]) t.match(await ask(), /T .*C\(SELECT \d+\) ZI$/);
  t.equal(seen(await client.query("SET sallyport.reason = ''")), 'C(SET) ZI');
  for (const ask of [reads, prepared]) t.match(await ask(), /E42501\(.*say the ticket.*\) ZI$/, 'nothing of it is remembered');
});
