// When the target or the client misbehaves in size or in time: huge values stream through with flat memory, slow readers hold
// up nobody else, and a target that dies says so in the session.

import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import * as pg from '../support/postgres-wire.ts';
import { summary, WireClient } from '../support/postgres-wire.ts';
import { tool } from '../support/tools.ts';

t.setTimeout(170_000); // a busy machine takes its time

const server = await startPostgres(t);
const psql = tool('psql', 'postgresql-client');
/** A way to the server that can be cut. */
const links = new Set<Socket>();
const cuttable = createServer((near) => {
  const far = connect(server.port, server.host);
  for (const side of [near, far]) {
    links.add(side);
    side.on('error', () => {}).on('close', () => links.delete(side));
  }
  near.pipe(far).pipe(near);
});
await new Promise<void>((resolve) => cuttable.listen(0, '127.0.0.1', resolve));
t.teardown(() => cuttable.close());
const gateway = await startTestGateway(t, {
  targets: [
    targetOf(server, 'scratch', { env: 'development' }),
    { ...targetOf(server, 'cut', { env: 'development' }), port: (cuttable.address() as AddressInfo).port },
    { ...targetOf(server, 'down', { env: 'development' }), port: 1 },
  ],
});
const open = (database: string) =>
  WireClient.open(t, { ...gateway.address('postgres'), user: 'alice', password: gateway.token('alice'), database });
const megabytes = (bytes: number) => Math.round(bytes / 1024 / 1024);

await t.test('a field of 300 MB streams through', async (t) => {
  const beforeMb = megabytes(process.memoryUsage().arrayBuffers);
  let peakMb = 0;
  const timer = setInterval(() => (peakMb = Math.max(peakMb, megabytes(process.memoryUsage().arrayBuffers))), 20);
  const url = gateway.url('alice', 'scratch');
  const script = `psql=${psql}; "$psql" -XAt '${url}' -c "SELECT repeat('x', 300000000)" | wc -c`;
  const { stdout, stderr } = await run(t, '/bin/sh', ['-c', script], { timeoutMs: 60_000 });
  clearInterval(timer);
  t.equal(stdout.trim(), '300000001', stderr);
  t.comment(`buffers of the whole test process: ${beforeMb} MB before, at most ${peakMb} MB`);
  t.ok(peakMb - beforeMb < 150, 'never held as a whole');
});

await t.test('a client that stops reading a large result holds up nobody, and takes no memory', async (t) => {
  const slow = await open('scratch');
  const beforeMb = megabytes(process.memoryUsage().arrayBuffers);
  slow.socket.pause();
  slow.send(pg.query('SELECT repeat(md5(n::text), 30) FROM generate_series(1, 300000) n')); // 290 MB
  const other = await open('scratch');
  for (let n = 0; n < 50; n++) t.match(summary(await other.query('SELECT 1')), /ZI/);
  const waits = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT repeat(md5%' AND wait_event = 'ClientWrite'";
  await eventually('the target waits for its reader', async () => (await server.sql(waits)).length === 1);
  t.ok(megabytes(process.memoryUsage().arrayBuffers) - beforeMb < 100);
  slow.socket.destroy();
  await eventually('it is cancelled at the target', async () => (await server.sql(waits)).length === 0);
});

await t.test('COPY of 100 MB goes in while the target is slow', async (t) => {
  await server.sql('CREATE TABLE bulk (line text)');
  const url = gateway.url('alice', 'scratch');
  const beforeMb = megabytes(process.memoryUsage().arrayBuffers);
  const script = `yes ${'x'.repeat(99)} | head -n 1000000 | ${psql} -X '${url}' -c 'COPY bulk FROM STDIN'`;
  const { stdout, stderr } = await run(t, '/bin/sh', ['-c', script], { timeoutMs: 60_000 });
  t.match(stdout, /COPY 1000000/, stderr);
  t.ok(megabytes(process.memoryUsage().arrayBuffers) - beforeMb < 150);
});

await t.test('the link to the target breaks in the middle of a statement: outcome unknown, FATAL in words', async (t) => {
  const client = await open('cut');
  client.send(pg.query('SELECT pg_sleep(20)'));
  await eventually(
    'it runs',
    async () => (await server.sql("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)' AND state = 'active'")).length === 1,
  );
  for (const link of links) link.destroy();
  await client.closed();
  t.match(
    summary(client.seen),
    /E08006\(the target closed the connection while a statement was running: whether it took effect is unknown\)$/,
  );
});

await t.test('a target that is down is named in words', async (t) => {
  const { stderr, code } = await run(t, psql, ['-X', gateway.url('alice', 'down'), '-c', 'SELECT 1']);
  t.equal(code, 2);
  t.match(stderr, /target "down" can.t be reached .*refused/);
});

await t.test('the server stops while a session is idle: its own words pass through', async (t) => {
  const session = start(t, psql, ['-X', gateway.url('alice', 'scratch')]);
  session.write('SELECT 42 AS it;\n');
  await session.waitFor(/42/);
  await server.stop();
  session.write('SELECT 1;\n');
  await session.waitFor(/terminating connection due to administrator command/);
});
