// Long statements that come in part wait in memory, together no more than limits.reading_bytes, and of one person no more than
// reading_bytes_per_person: one more is refused in words, everybody else goes on, and who leaves makes room.

import type { Duplex } from 'node:stream';
import t from 'tap';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { rawClient } from '../support/mysql-wire.ts';
import { startPostgres } from '../support/postgres.ts';
import { WireClient } from '../support/postgres-wire.ts';

/** For each, on a slow and busy machine; it takes a fraction. */
const testMsMax = 120_000;
const mebibyte = 1024 * 1024;
const limits = { reading_bytes: '35MiB', reading_bytes_per_person: '20MiB' };
const policies = { 'p.yaml': 'policy: p\nrules: [{ id: in, actions: [connect], decision: allow }, { id: all, decision: allow }]\n' };
const words = /no room for it now/;

interface Begun {
  readonly stream: Duplex;
  said(): string;
}

/** The first 9 MiB of a message of 15, and what the gateway says to it. */
function begin(stream: Duplex, head: Buffer): Begun {
  const said: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => said.push(chunk));
  stream.on('error', () => undefined);
  stream.write(Buffer.concat([head, Buffer.alloc(9 * mebibyte, 'x')]));
  return { stream, said: () => Buffer.concat(said).toString('latin1') };
}

/** Of these, which come at the same time, one is told that there is no room: that one, and the others. */
async function oneRefused<T extends Begun>(what: string, begun: readonly T[]): Promise<{ refused: T; waiting: T[] }> {
  await eventually(`one more than the room ${what} is told`, () => begun.some(({ said }) => words.test(said())));
  const [refused, ...more] = begun.filter(({ said }) => said() !== '');
  if (refused === undefined || more.length > 0) throw new Error('more than one were told');
  return { refused, waiting: begun.filter((it) => it !== refused) };
}

t.test('PostgreSQL: the session goes on, and a transaction fails as after any error', { timeout: testMsMax }, async (t) => {
  const server = await startPostgres(t);
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', {})], policies, config: { limits } });
  const { host, port } = gateway.address('postgres');
  const head = Buffer.alloc(5, 'Q');
  head.writeInt32BE(15 * mebibyte - 1, 1);
  const rest = Buffer.alloc(6 * mebibyte - 5, ' ');
  rest[rest.length - 1] = 0;
  const clientOf = (user: string) => WireClient.open(t, { host, port, user, password: gateway.token(user), database: 'orders' });
  const begins = async (user: string) => {
    const client = await clientOf(user);
    await client.query('BEGIN');
    return { client, ...begin(client.socket, head) };
  };
  const ofAlice = await oneRefused('of one person', [await begins('alice'), await begins('alice'), await begins('alice')]);
  const { client } = ofAlice.refused;
  client.socket.write(rest);
  await client.until('Z');
  t.match((await client.query('SELECT 1')).map(({ type, bytes }) => `${type} ${bytes}`)[0], /^E.*25P02/s);
  t.match((await client.query('ROLLBACK')).map(({ type }) => type).join(''), 'CZ');

  const ofBob = await oneRefused('of all', [await begins('bob'), await begins('bob')]);
  t.same(
    ofAlice.waiting.map(({ said }) => said()),
    ['', ''],
    'who was there before is not told',
  );
  ofBob.waiting[0]?.stream.write(rest);
  await eventually('a whole one is judged', () => /not understood/.test(ofBob.waiting[0]?.said() ?? ''));
  for (const { stream } of ofAlice.waiting) stream.destroy();
  await eventually('who leaves makes room', async () => {
    const begun = await begins('alice');
    await client.query('SELECT 1');
    return begun.said() === '';
  });
});

t.test('MySQL: the connection ends, as after any packet that is too large', { timeout: testMsMax }, async (t) => {
  const server = await startMariadb(t);
  const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', {})], policies, config: { limits } });
  const { port } = gateway.address('mysql');
  const open = async (user: string) => {
    const capabilities = { standard: flag.deprecateEof, extended: 0 };
    return (await rawClient(t, { port, user: `${user}:shop`, password: gateway.token(user), capabilities })).stream;
  };
  const begins = async (user: string) => begin(await open(user), Buffer.from([0, 0, 0xf0, 0, 3]));
  const { waiting } = await oneRefused('of one person', [await begins('alice'), await begins('alice'), await begins('alice')]);
  await oneRefused('of all', [await begins('bob'), await begins('bob')]);
  t.same(
    waiting.map(({ said }) => said()),
    ['', ''],
    'who was there before is not told',
  );
  for (const { stream } of waiting) stream.destroy();
  await eventually('who leaves makes room', async () => {
    const begun = await begins('alice');
    await open('bob');
    return begun.said() === '';
  });
});
