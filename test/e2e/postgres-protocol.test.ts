// The corners of the protocol that no single tool reaches, message by message through the gateway against a real server.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import * as wire from '../../protocols/postgres/messages.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { lateCancels } from '../support/late-cancels.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { rowsOf, summary, WireClient } from '../support/postgres-wire.ts';
import type { WireOptions } from '../support/postgres-wire.ts';

const server = await startPostgres(t);
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'scratch', { env: 'development' })] });
const login = (): WireOptions => ({
  ...gateway.address('postgres'),
  user: 'alice',
  password: gateway.token('alice'),
  database: 'scratch',
});
const open = (more: Partial<WireOptions> = {}) => WireClient.open(t, { ...login(), ...more });
const through = (text: string, values: string[] = []) => [pg.parse('', text), pg.bind('', '', values), pg.execute('')];

await t.test('row-limited Execute, across Flush, and a portal that ends with its transaction', async (t) => {
  const client = await open();
  client.send(pg.parse('', 'SELECT n FROM generate_series(1, 5) n'), pg.bind('p', ''), pg.describe('P', 'p'), pg.execute('p', 2), pg.flush);
  t.equal(summary(await client.until('s')), '1 2 T D D s');
  client.send(pg.execute('p', 2), pg.flush);
  t.equal(summary(await client.until('s')), 'D D s');
  t.equal(summary(await client.cycle(pg.execute('p', 2), pg.sync)), 'D C(SELECT 1) ZI');
  t.match(summary(await client.cycle(pg.execute('p', 1), pg.sync)), /E34000\(.* ZI/);
});

await t.test('portals over Sync inside a transaction, cursors of SQL by Execute, CLOSE', async (t) => {
  const client = await open();
  await client.query('BEGIN; DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 9) n');
  await client.cycle(pg.parse('', 'SELECT n FROM generate_series(1, 5) n'), pg.bind('p', ''), pg.execute('p', 2), pg.sync);
  t.equal(summary(await client.cycle(pg.execute('p', 2), pg.sync)), 'D D s ZT');
  t.same(rowsOf(await client.query('FETCH 2 FROM c')), [['1'], ['2']]);
  t.same(rowsOf(await client.cycle(pg.execute('c', 3), pg.sync)), [['3'], ['4'], ['5']]);
  t.equal(summary(await client.cycle(pg.close('P', 'p'), pg.sync)), '3 ZT');
  t.match(summary(await client.query('CLOSE c')), /C\(CLOSE CURSOR\) ZT/);
  t.match(summary(await client.query('COMMIT')), /C\(COMMIT\) ZI/);
});

await t.test('Describe of statements and portals, with and without rows; Close of what is not there', async (t) => {
  const client = await open();
  const answer = await client.cycle(
    pg.parse('s', 'SELECT $1::int AS n'), pg.describe('S', 's'), pg.bind('', 's', ['1']), pg.describe('P'),
    pg.parse('t', 'CREATE TEMP TABLE described (a int)'), pg.describe('S', 't'), pg.close('S', 'nobody'), pg.close('P', 'nobody'), pg.sync,
  ); // prettier-ignore
  t.equal(summary(answer), '1 t T 2 T 1 t n 3 3 ZI');
});

await t.test('a failed re-Parse keeps the named statement and loses the unnamed one', async (t) => {
  const client = await open();
  await client.cycle(pg.parse('s', 'SELECT 1'), pg.parse('', 'SELECT 2'), pg.sync);
  t.match(summary(await client.cycle(pg.parse('s', 'SELECT 3'), pg.sync)), /E42P05.* ZI/);
  t.match(summary(await client.cycle(pg.parse('', 'SELECT nothing'), pg.sync)), /E42703.* ZI/);
  t.same(rowsOf(await client.cycle(pg.bind('', 's'), pg.execute(), pg.sync)), [['1']]);
  t.match(summary(await client.cycle(pg.bind('', ''), pg.execute(), pg.sync)), /E26000.* ZI/);
});

await t.test('PREPARE, EXECUTE, DEALLOCATE and DISCARD share their names with Parse', async (t) => {
  const client = await open();
  await client.query('PREPARE s AS SELECT 7');
  t.same(rowsOf(await client.cycle(pg.bind('', 's'), pg.execute(), pg.sync)), [['7']]);
  await client.cycle(pg.parse('w', 'SELECT 8'), pg.sync);
  t.same(rowsOf(await client.query('EXECUTE w')), [['8']]);
  t.same(rowsOf(await client.cycle(...through('PREPARE x AS SELECT 9'), pg.bind('', 'x'), pg.execute(), pg.sync)), [['9']]);
  await client.query('DEALLOCATE w');
  t.match(summary(await client.cycle(pg.bind('', 'w'), pg.sync)), /E26000/);
  await client.query('DISCARD ALL');
  t.match(summary(await client.cycle(pg.bind('', 's'), pg.sync)), /E26000/);
});

await t.test('errors within batches: silence up to Sync, the next batch runs', async (t) => {
  const client = await open();
  client.send(...through('SELECT 1'), ...through('SELECT 1/0'), ...through('SELECT 2'), pg.sync, ...through('SELECT 3'), pg.sync);
  t.equal(summary(await client.until('Z')), '1 2 D C(SELECT 1) 1 E22012(division by zero) ZI');
  t.equal(summary(await client.until('Z')), '1 2 D C(SELECT 1) ZI');
  t.match(summary(await client.cycle(pg.parse('', 'SELECT nothing'), pg.query('SELECT 1'), pg.sync)), /^E42703\([^)]*\) ZI$/);
});

await t.test('FunctionCall is refused, COPY data that nobody asked for is ignored', async (t) => {
  const client = await open();
  t.match(summary(await client.cycle(pg.functionCall(1598))), /^E4\d+\(.*\) ZI$/);
  t.equal(summary(await client.cycle(pg.copyData('x'), pg.copyDone, pg.query('SELECT 1'))), 'T D C(SELECT 1) ZI');
});

await t.test('COPY in and out, errors midway, in the simple and the extended protocol', async (t) => {
  const client = await open();
  await client.query('CREATE TEMP TABLE c (n int, name text)');
  client.send(pg.query('COPY c FROM STDIN'));
  await client.until('G');
  t.equal(summary(await client.cycle(pg.copyData('1\ta\n2\t'), pg.copyData('b\n'), pg.copyDone)), 'C(COPY 2) ZI');
  client.send(...through('COPY c FROM STDIN'), pg.sync);
  await client.until('G');
  t.equal(summary(await client.cycle(pg.copyData('3\tc\n'), pg.copyDone, pg.sync)), 'C(COPY 1) ZI');
  client.send(pg.query('COPY c FROM STDIN'));
  await client.until('G');
  t.match(summary(await client.cycle(pg.copyData('4\td\nx\ty\n'), pg.copyDone)), /^E22P02\(.*\) ZI$/);
  client.send(...through('COPY c FROM STDIN'));
  client.send(pg.sync);
  await client.until('G');
  t.match(summary(await client.cycle(pg.copyData('x\ty\n'), pg.copyDone, pg.sync)), /^E22P02\(.*\) ZI$/);
  client.send(pg.query('COPY c FROM STDIN'));
  await client.until('G');
  t.match(
    summary(await client.cycle(wire.message(wire.fromClient.copyFail, Buffer.from('changed my mind\0')))),
    /^E57014\(.*changed my mind\) ZI/,
  );
  t.match(summary(await client.query('COPY c TO STDOUT (FORMAT binary)')), /^H d d d d d? ?c C\(COPY 3\) ZI$/);
  t.same(rowsOf(await client.query('SELECT count(*) FROM c')), [['3']]);
  const atOnce = [...through('COPY c FROM STDIN'), pg.copyData('4\td\n'), pg.copyDone, pg.sync];
  t.equal(summary(await client.cycle(...atOnce)), '1 2 G C(COPY 1) ZI', 'data that does not wait to be asked for');
  t.same(rowsOf(await client.query('SELECT count(*) FROM c')), [['4']]);
  t.equal(summary(await client.cycle(...through('SELECT 1'), pg.sync)), '1 2 D C(SELECT 1) ZI', 'in step afterwards');
});

await t.test('LISTEN and NOTIFY reach an idle session, notices come where they belong', async (t) => {
  const client = await open();
  await client.query('LISTEN news');
  await server.sql("NOTIFY news, 'from elsewhere'");
  const [told] = await client.until('A');
  t.match(told?.bytes.toString(), /from elsewhere/);
  t.equal(summary(await client.query("DO $$ BEGIN RAISE NOTICE 'one'; END $$; SELECT 1")), 'N00000(one) C(DO) T D C(SELECT 1) ZI');
});

await t.test('CancelRequest ends a running statement; a wrong key does nothing; the answer to it is silence', async (t) => {
  const client = await open();
  const cancel = async (secret: Buffer) => {
    const other = new WireClient(connect(login().port, login().host));
    other.send(wire.cancelRequest(client.processId, secret));
    await other.closed();
    t.equal(other.seen.length, 0);
  };
  client.send(pg.query('SELECT pg_sleep(20)'));
  const running = () => server.sql("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)' AND state = 'active'");
  await eventually('it runs', async () => (await running()).length === 1);
  await cancel(Buffer.from([1, 2, 3, 4]));
  t.equal((await running()).length, 1, 'a wrong key cancels nothing');
  await cancel(client.secret);
  t.match(summary(await client.until('Z')), /E57014\(.* ZI/);
});

await t.test('a cancellation that is late hits no later statement, and its connection ends when the target has heard it', async (t) => {
  const slow = await lateCancels(t, server.port);
  const targets = [targetOf({ ...server, port: slow.port }, 'scratch', { env: 'development' })];
  const behind = await startTestGateway(t, { targets });
  const at = behind.address('postgres');
  const client = await WireClient.open(t, { ...at, user: 'alice', password: behind.token('alice'), database: 'scratch' });
  for (const next of [pg.query('SELECT pg_sleep(0.4)'), Buffer.concat([...through('SELECT pg_sleep(0.4)'), pg.sync])]) {
    client.send(pg.query('SELECT pg_sleep(0.3)'));
    const other = new WireClient(connect(at.port, at.host));
    await eventually(
      'it runs',
      async () => (await server.sql("SELECT 1 FROM pg_stat_activity WHERE query LIKE '%sleep(0.3)' AND state = 'active'")).length === 1,
    );
    other.send(wire.cancelRequest(client.processId, client.secret));
    let isOver = false;
    const over = other.closed().then(() => (isOver = true));
    await eventually('the cancellation is on its way', () => slow.waiting === 1);
    t.match(summary(await client.until('Z')), /C\(SELECT 1\) ZI/, 'what was to be cancelled was faster');
    client.send(next);
    await setTimeout(100);
    t.notOk(isOver, 'who asked still waits');
    slow.pass();
    t.match(summary(await client.until('Z')), /C\(SELECT 1\) ZI/);
    await over;
  }
});

await t.test('protocol 3.2: a longer cancel key; newer versions and unknown options are negotiated', async (t) => {
  t.equal((await open()).secret.length, 4);
  t.equal((await open({ minor: 2 })).secret.length, 32);
  const newer = await open({ minor: 9, startup: { '_pq_.future': 'on' } });
  const [negotiated] = newer.seen.filter(({ type }) => type === 'v');
  t.match(negotiated?.bytes.toString('latin1'), /_pq_\.future/);
  t.equal(negotiated?.bytes.readInt32BE(5), 3 * 65536 + 2);
});

await t.test('GSSENCRequest is answered N and plain sign-in goes on', async (t) => {
  const socket = await dialled();
  socket.write(wire.int32(8, wire.requestCode.gssenc));
  t.equal(await oneByte(socket), 'N');
  t.match(summary(await (await open({ socket })).query('SELECT 1')), /C\(SELECT 1\) ZI/);
});

await t.test('start-up packets that make no sense are refused in the protocol', async (t) => {
  const refusals: [string, Buffer, RegExp][] = [
    ['an old protocol', wire.int32(8, 2 * 65536), /E0A000\(unsupported frontend protocol 2\.0/],
    ['no user', wire.startup({ database: 'scratch' }), /E28000\(no user name/],
    ['an endless packet', wire.int32(0x7fffffff, 3 * 65536), /E08P01\(a start-up packet of/],
    ['a tiny length', wire.int32(4, 3 * 65536), /E08P01\(a start-up packet of/],
    ['names without an end', Buffer.concat([wire.int32(13, 3 * 65536), Buffer.from('user\x01')]), /E08P01/],
    ['options that are no settings', wire.startup({ user: 'alice', database: 'scratch', options: '-P' }), /R|E08P01/],
  ];
  for (const [name, packet, expected] of refusals) {
    const client = new WireClient(await dialled());
    client.send(packet);
    await client.until('E', 'R');
    t.match(summary(client.seen), expected, name);
    client.socket.destroy();
  }
});

await t.test('replication connections are refused in words', async (t) => {
  await t.rejects(open({ startup: { replication: 'database' } }), /replication/);
  await t.rejects(open({ startup: { options: '-P' } }), /not a setting/);
});

await t.test('pg_terminate_backend passes through as the server says it, once', async (t) => {
  const client = await open();
  const [[pid] = []] = rowsOf(await client.query('SELECT pg_backend_pid()'));
  await server.sql(`SELECT pg_terminate_backend(${pid})`);
  await client.closed();
  t.match(summary(client.seen), /ZI E57P01\(terminating connection due to administrator command\)$/);
});

await t.test('an ERROR of three megabytes, 1,600 columns, an empty query', async (t) => {
  const client = await open();
  const [large] = await client.query("DO $$ BEGIN RAISE EXCEPTION '%', repeat('x', 3000000); END $$");
  t.equal(large?.type, 'E');
  t.ok((large?.bytes.length ?? 0) > 3_000_000);
  const columns = Array.from({ length: 1600 }, (_, n) => `${n} AS c${n}`).join(', ');
  t.match(summary(await client.query(`SELECT ${columns}`)), /T D C\(SELECT 1\) ZI/);
  t.equal(summary(await client.query('')), 'I ZI');
  t.equal(summary(await client.cycle(...through(''), pg.sync)), '1 2 I ZI');
});

async function dialled(): Promise<Socket> {
  const { host, port } = gateway.address('postgres');
  const socket = connect(port, host);
  await new Promise((resolve) => socket.once('connect', resolve));
  t.teardown(() => socket.destroy());
  return socket;
}

function oneByte(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('readable', () => resolve((socket.read(1) as Buffer).toString('latin1')));
  });
}
