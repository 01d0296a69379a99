// Hostile clients and hostile targets: random cuts, mutated and truncated messages, absurd lengths, garbage. The gateway stays up,
// another session is answered all along, and nobody is left without an end. SEED=… runs the same again.

import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import t from 'tap';
import * as wire from '../../protocols/postgres/messages.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { rowsOf, summary, WireClient } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const seed = Number(process.env['SEED'] ?? randomInt(1_000_000));
t.comment(`SEED=${seed}`);
let state = seed + 1;
/** mulberry32: a whole number below `below`. */
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let x = Math.imul(state ^ (state >>> 15), 1 | state);
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
  return ((x ^ (x >>> 14)) >>> 0) % below;
}

const server = await startPostgres(t);
await server.sql('CREATE TABLE victim AS SELECT n AS id FROM generate_series(1, 10) n');
/** A target that says what the test tells it to. */
let answer: (socket: Socket) => void = (socket) => socket.destroy();
const hostile = createServer((socket) => {
  socket.on('error', () => {});
  answer(socket);
});
await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve));
t.teardown(() => hostile.close());
const gateway = await startTestGateway(t, {
  targets: [
    targetOf(server, 'orders', { env: 'production' }),
    {
      name: 'hostile', protocol: 'postgres', host: '127.0.0.1', port: (hostile.address() as AddressInfo).port, user: 'x',
      database: 'x', labels: { env: 'development' },
    },
  ],
  config: { limits: { handshake_timeout: '2s' } },
}); // prettier-ignore
const { host, port } = gateway.address('postgres');
const open = (database = 'orders') => WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database });
const witness = await open();
const others = async (t: { same: (a: unknown, b: unknown, why: string) => unknown }) =>
  t.same(rowsOf(await witness.query('SELECT count(*) FROM victim')), [['10']], 'another session is answered and nothing ran');

const conversation = () => [
  pg.query('SELECT 1'), pg.parse('s', 'SELECT $1::int'), pg.bind('p', 's', ['7']), pg.describe('P', 'p'), pg.execute('p', 0),
  pg.close('P', 'p'), pg.sync, pg.query("SELECT 'é' WHERE false"), pg.query('BEGIN; SELECT 1; COMMIT'), pg.query('COPY (SELECT 1) TO STDOUT'),
]; // prettier-ignore

await t.test('any chunking gives the same answers', async (t) => {
  const bytes = Buffer.concat(conversation());
  const wanted = 'T D C(SELECT 1) ZI 1 2 T D C(SELECT 1) 3 ZI T C(SELECT 0) ZI C(BEGIN) T D C(SELECT 1) C(COMMIT) ZI H d c C(COPY 1) ZI';
  for (let round = 0; round < 20; round++) {
    const client = await open();
    const from = client.seen.length;
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + 1 + random(round < 10 ? 3 : 60));
      client.socket.write(bytes.subarray(at, end));
      at = end;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually('all five cycles', () => client.seen.slice(from).filter(({ type }) => type === 'Z').length === 5);
    t.equal(summary(client.seen.slice(from)), wanted);
    client.socket.destroy();
  }
});

await t.test('mutated, shortened, doubled and shuffled messages', async (t) => {
  for (let round = 0; round < 150; round++) {
    const client = await open();
    const parts = conversation();
    const at = random(parts.length);
    const part = Buffer.from(parts[at] as Buffer);
    switch (random(6)) {
      case 0:
        part[random(part.length)] = random(256);
        break;
      case 1:
        part.writeInt32BE([0, 3, -1, 0x7fffffff, 5, 70_000, 200_000_000][random(7)] as number, 1);
        break;
      case 2:
        parts.splice(at, 1, part, part);
        break;
      case 3:
        parts.splice(random(parts.length), 0, ...parts.splice(at, 1));
        break;
      case 4:
        part[0] = random(256);
        break;
      default:
        parts.splice(at, 1, part.subarray(0, random(part.length)));
    }
    if (parts[at]?.length === part.length) parts[at] = part;
    client.send(...parts, pg.sync, pg.terminate);
    client.socket.end();
    await client.closed();
  }
  await others(t);
});

await t.test('a message beyond its limit: an error with the limit in words, the session stays', async (t) => {
  const client = await open();
  t.match(summary(await client.query(`SELECT '${'x'.repeat(17 * 1024 * 1024)}'`)), /^E54000\(the message is \d+ bytes long.* ZI$/);
  t.match(summary(await client.cycle(pg.parse('', `SELECT '${'x'.repeat(17 * 1024 * 1024)}'`), pg.execute(), pg.sync)), /^E54000\(.* ZI$/);
  t.match(summary(await client.query('SELECT 1')), /C\(SELECT 1\) ZI/);
});

await t.test('NUL, invalid UTF-8, statements without number, endless unanswered messages', async (t) => {
  const client = await open();
  const raw = (text: Buffer) => wire.message(wire.fromClient.query, Buffer.concat([text, Buffer.from([0])]));
  t.match(summary(await client.cycle(raw(Buffer.from('SELECT 1\0; DELETE FROM victim')))), /^E08P01.* ZI$/);
  const held = raw(Buffer.from([0x53, 0x45, 0x4c, 0x45, 0x43, 0x54, 0x20, 0x27, 0xff, 0x27]));
  client.send(held);
  const first = await client.until('E', 'N');
  t.match(summary(first), /^(E|N)/, 'refused or waiting, never run');
  client.socket.destroy();
  const many = await open();
  for (let n = 0; n < 30; n++) many.send(...Array.from({ length: 1000 }, () => pg.describe('S', 'x')));
  t.match(summary(await many.cycle(pg.sync)), /E26000.* ZI$/);
  const names = await open();
  for (let n = 0; n < 11; n++) names.send(...Array.from({ length: 1000 }, (_, i) => pg.parse(`s${n}-${i}`, 'SELECT 1')));
  t.match(summary((await names.cycle(pg.sync)).slice(-2)), /E53400.* ZI/);
});

await t.test('garbage and silence before sign-in', async (t) => {
  const sockets = Array.from({ length: 60 }, (_, n) => {
    const socket = connect(port, host);
    socket.on('error', () => {});
    const bytes = Buffer.from(Array.from({ length: 1 + random(300) }, () => random(256)));
    if (n % 3 === 0) socket.write(bytes);
    if (n % 3 === 1) socket.write(wire.startup({ user: 'alice', database: 'orders' }).subarray(0, 1 + random(20)));
    return new Promise<void>((resolve) => socket.once('close', () => resolve()).resume());
  });
  await others(t);
  await Promise.all(sockets);
  t.pass('all are closed after the time for a handshake');
});

await t.test('hostile targets: the session ends in words', async (t) => {
  const ready = Buffer.concat([wire.authentication(0), wire.parameterStatus('server_version', '15.1'), wire.readyForQuery(0x49)]);
  const endings: [string, (socket: Socket) => void][] = [
    ['closes at once', (socket) => socket.destroy()],
    ['garbage', (socket) => socket.write(Buffer.from(Array.from({ length: 100 }, () => random(256))))],
    ['an absurd length at sign-in', (socket) => socket.write(Buffer.concat([Buffer.from('R'), wire.int32(0x7fffffff)]))],
    ['too many iterations', (socket) => socket.write(wire.authentication(11, Buffer.from('r=x,s=eA==,i=999999999')))],
    ['an unknown method', (socket) => socket.write(wire.authentication(7))],
    ...[
      Buffer.concat([Buffer.from('D'), wire.int32(2)]),
      Buffer.concat([Buffer.from('Z'), wire.int32(5), Buffer.from('?')]),
      Buffer.concat([Buffer.from('\x00'), wire.int32(4)]),
      Buffer.concat([Buffer.from('C'), wire.int32(0x7fffffff)]),
      wire.message(wire.fromTarget.copyIn, Buffer.from([0, 0, 0])),
      wire.message(wire.fromTarget.copyBoth, Buffer.from([0, 0, 0])),
      wire.authentication(3),
    ].map((bytes): [string, (socket: Socket) => void] => [
      `after sign-in: ${bytes.subarray(0, 8).toString('hex')}`,
      (socket) => {
        socket.once('data', () => socket.write(ready));
        socket.once('data', () => setImmediate(() => socket.write(bytes)));
      },
    ]),
  ];
  for (const [name, act] of endings) {
    answer = (socket) => {
      if (name.startsWith('after')) return act(socket);
      socket.once('data', () => act(socket));
    };
    const words = await open('hostile').then(
      async (client) => {
        client.send(pg.query('SELECT 1'));
        await client.closed();
        return summary(client.seen).replace(/^.*ZI ?/, '');
      },
      (refused: Error) => refused.message,
    );
    t.match(words, /target|E08P01|E58000|E08006|E57P01/, `${name}: ${words}`);
  }
  await others(t);
});
