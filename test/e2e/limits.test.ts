// Limits of a whole gateway: thousands of connections that say nothing, hundreds of holds at once, a client that sends far ahead
// while its statement waits. What is over a limit is refused in words; everybody else is served.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import pg from 'pg';
import t from 'tap';
import type { Test } from 'tap';
import type { HoldView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const idle = 2000;
const signedIn = 100;
const holdsAtOnce = 300;
const mebibyte = 1024 * 1024;

t.setTimeout(fileMsMax);

t.test(`${idle} connections that say nothing, ${signedIn} that are signed in`, { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t, { settings: { max_connections: String(signedIn + 20) } });
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    config: { limits: { connections: idle + signedIn + 10, connections_per_address: idle + signedIn + 5, handshake_timeout: '10s' } },
  });
  const { port } = gateway.address('postgres');
  const clients = await Promise.all(Array.from({ length: signedIn }, () => signIn(t, gateway)));
  const sockets = await Promise.all(Array.from({ length: idle }, () => open(t, port)));
  t.match(await run(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-Atc', 'SELECT 42']), { stdout: '42\n' });
  t.match(await Promise.all(clients.slice(0, 10).map((client) => client.query('SELECT 1 AS one'))), [{ rows: [{ one: 1 }] }]);
  t.equal((await gateway.api('bob').get('/me')).status, 200, 'the API answers');

  const more = await Promise.all(Array.from({ length: 6 }, () => open(t, port)));
  const refused = await eventually('the one over the limit is told', () => more.map(said).find((words) => words.includes('53300')));
  t.match(refused, /too many clients/);
  await eventually('who says nothing is cut off', () => sockets.every((socket) => socket.destroyed), 40_000);
  t.match(await Promise.all(clients.map((client) => client.query('SELECT 1 AS one'))), [{ rows: [{ one: 1 }] }], 'who is signed in stays');
  await Promise.all(clients.map((client) => client.end()));
});

t.test(`${holdsAtOnce} holds at once, and one more`, { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t, { settings: { max_connections: String(holdsAtOnce + 20) } });
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    config: { limits: { holds: holdsAtOnce, holds_per_person: holdsAtOnce } },
  });
  const bob = gateway.api('bob');
  const clients = await Promise.all(Array.from({ length: holdsAtOnce }, () => signIn(t, gateway)));
  const results = clients.map((client, n) =>
    client.query(`UPDATE payments SET id = id + 1 /* ${n} */`).then(
      ({ rowCount }) => rowCount,
      (error: Error) => error.message,
    ),
  );
  const holds = await eventually('all wait', async () => {
    const all = await every<HoldView>(gateway, '/holds?state=pending');
    return all.length === holdsAtOnce ? all : null;
  });
  const last = await run(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', 'DROP TABLE payments']);
  t.match(last, { code: 1, stderr: new RegExp(`${holdsAtOnce} holds are waiting, the limit`) }, 'refused, not queued');
  const answers = holds.map(({ id }, n) => bob.post(`/holds/${id}/${n % 3 === 0 ? 'deny' : 'approve'}`, { reason: 'counted' }));
  t.ok((await Promise.all(answers)).every(({ status }) => status === 200));
  const ended = await Promise.all(results);
  t.equal(ended.filter((it) => it === 10).length, (holdsAtOnce / 3) * 2, 'the approved ones ran');
  t.equal(ended.filter((it) => String(it).startsWith('denied by bob: counted')).length, holdsAtOnce / 3, 'the denied ones were told');
  t.same(await server.sql('SELECT min(id) AS min FROM payments'), [{ min: 1 + (holdsAtOnce / 3) * 2 }], 'each exactly once');
  t.match((await gateway.api('carol').get('/audit/verify')).body, { ok: true });
  await Promise.all(clients.map((client) => client.end()));
});

t.test('one person cannot take all the holds', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments (id int)');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    config: { limits: { holds_per_person: 2 } },
  });
  const hold = (person: string) =>
    start(t, tool('psql', 'postgresql-client'), [gateway.url(person, 'orders'), '-c', 'DROP TABLE payments']);
  const alices = [hold('alice'), hold('alice')];
  for (const session of alices) await session.waitFor(/NOTICE: {2}hold h-/);
  t.match(await hold('alice').end(), {
    code: 1,
    stderr: /ERROR: {2}refused: you have 2 holds waiting, the limit\n.*HINT: {2}Run it again when/,
  });
  await hold('dana').waitFor(/NOTICE: {2}hold h-/);
});

t.test('a client that sends far ahead while its statement waits is left in the kernel', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments (id int)');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    config: { limits: { held_bytes: '64KiB' } },
  });
  const client = await signIn(t, gateway);
  client.query('DROP TABLE payments').catch(() => undefined);
  await gateway.api('bob').pendingHold();
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  const memoryBefore = process.memoryUsage().arrayBuffers;
  const message = queryMessage(`SELECT 1 /* ${'x'.repeat(mebibyte / 2)} */`);
  const sentBytes = 128 * message.length;
  for (let n = 0; n < 128; n += 1) stream.write(message);
  let taken = -1;
  await eventually('nothing more is taken', () => {
    const before = taken;
    taken = sentBytes - stream.writableLength;
    return taken > 0 && taken === before;
  });
  t.ok(
    taken < sentBytes / 2,
    `${Math.round(taken / mebibyte)} of ${Math.round(sentBytes / mebibyte)} MiB left the client, mostly into the kernel`,
  );
  t.ok(process.memoryUsage().arrayBuffers - memoryBefore < sentBytes / 2);
  t.match(await run(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-Atc', 'SELECT 42']), { stdout: '42\n' });
  stream.destroy();
  await eventually('the client is gone, so its hold is withdrawn', async () => {
    const { body } = await gateway.api('bob').get<Page<HoldView>>('/holds?state=withdrawn');
    return body.items.length === 1;
  });
});

async function signIn(t: Test, gateway: TestGateway): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: gateway.url('alice', 'orders'), ssl: false });
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end().catch(() => undefined));
  return client;
}

const words = new WeakMap<Socket, string>();
const said = (socket: Socket): string => words.get(socket) ?? '';

function open(t: Test, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    t.teardown(() => socket.destroy());
    socket.on('data', (chunk) => words.set(socket, said(socket) + chunk.toString('latin1')));
    socket.on('error', reject);
  });
}

function queryMessage(text: string): Buffer {
  const body = Buffer.from(`${text}\0`);
  const head = Buffer.from([0x51, 0, 0, 0, 0]);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

async function every<T>(gateway: TestGateway, path: string): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const at: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page: Page<T> = (await gateway.api('bob').get<Page<T>>(`${path}&limit=200${at}`)).body;
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}
