// Clients that begin to sign in and never come to the end of it, a byte at a time: each protocol ends them when its time is over,
// in words, and whoever is signed in does not notice.

import { connect } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { makeKeyPair, publicKeyOf } from '../../docker/demo/ssh-server.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** Between two bytes of a slow client. */
const dripMs = 100;
const handshakeMs = 2_000;
/** The handshake's time, and a busy machine. */
const patienceMs = 15_000;

type Protocol = 'postgres' | 'mysql' | 'ssh';

interface Ended {
  readonly said: string;
  readonly afterMs: number;
}

/** Sends `first`, then a byte of `rest` from time to time, until the other side ends it. */
function drip(port: number, first: string, rest: string): Promise<Ended> {
  const begunMs = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const socket = connect(port, '127.0.0.1');
  let said = '';
  let at = 0;
  const timer = setInterval(() => rest !== '' && socket.write(rest.charAt(at++ % rest.length), 'latin1'), dripMs);
  const late = setTimeout(() => reject(new Error(`still open after ${patienceMs} ms: ${said}`)), patienceMs);
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  socket.once('connect', () => socket.write(first, 'latin1'));
  socket.once('close', () => {
    clearInterval(timer);
    clearTimeout(late);
    resolve({ said, afterMs: performance.now() - begunMs });
  });
  return promise.finally(() => socket.destroy());
}

const rows: readonly (readonly [string, Protocol, string, string, RegExp])[] = [
  ['PostgreSQL: nothing', 'postgres', '', '', /sign-in took too long/],
  ['PostgreSQL: half a length', 'postgres', '\0\0', '', /sign-in took too long/],
  ['PostgreSQL: a start-up packet by the byte', 'postgres', '\0\0\x20\0\0\x03\0\0user\0', 'a', /sign-in took too long/],
  ['PostgreSQL: TLS asked for and not begun', 'postgres', '\0\0\0\x08\x04\xd2\x16\x2f', '', /N|S/],
  ['MySQL: nothing', 'mysql', '', '', /sign-in took too long/],
  ['MySQL: a handshake response by the byte', 'mysql', '\xff\0\0\x01', 'a', /sign-in took too long/],
  ['SSH: nothing', 'ssh', '', '', /^SSH-2\.0-/],
  ['SSH: a version by the byte', 'ssh', 'SSH-2.0-', 'a', /^SSH-2\.0-/],
  ['SSH: a packet by the byte', 'ssh', 'SSH-2.0-slow\r\n\0\0\x03\xfc', 'a', /^SSH-2\.0-/],
];

t.test('slow sign-ins', async (t) => {
  const server = await startPostgres(t);
  const key = join(temporaryDirectory(t, 'key'), 'key');
  makeKeyPair(key, 'nobody');
  const other = { host: '127.0.0.1', port: 9, user: 'nobody', password: 'nothing' };
  const gateway = await startTestGateway(t, {
    targets: [
      targetOf(server, 'orders', { env: 'development' }),
      { name: 'shop', protocol: 'mysql', ...other },
      { name: 'web-1', protocol: 'ssh', ...other, ...{ host_keys: [publicKeyOf(key)] } },
    ],
    config: { limits: { handshake_timeout: `${handshakeMs / 1000}s` } },
  });
  const psql = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-At']);
  psql.write('SELECT 40 + 1;\n');
  await psql.waitFor(/41/);
  const ended = await Promise.all(rows.map(async ([, protocol, first, rest]) => drip(gateway.address(protocol).port, first, rest)));
  rows.forEach(([name, , , , words], at) => {
    t.match(ended[at]?.said, words, name);
    t.ok((ended[at]?.afterMs ?? 0) >= handshakeMs / 2, `${name}: not at once`);
  });
  t.notMatch(ended.map(({ said }) => said).join('\n'), /TimeoutError|aborted/, 'in words for people');
  psql.write('SELECT 40 + 2;\n');
  await psql.waitFor(/42/);
  psql.endInput();
  await psql.end();
});
