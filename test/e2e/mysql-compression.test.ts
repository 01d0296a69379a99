// The compressed protocol: clients that ask for it get it, statements in it are judged and held as without, and bytes that
// promise one thing and are another end the connection.

import { connect, type Socket } from 'node:net';
import { deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import t, { type Test } from 'tap';
import { readPacket, writePacket } from '../../protocols/mysql/byte-stream.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { nativeAnswer } from '../../protocols/mysql/passwords.ts';
import { handshakeResponse, readGreeting } from '../../protocols/mysql/sign-in-messages.ts';
import { readExactly } from '../../src/core/read-exactly.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { errorOf, wireSignal } from '../support/mysql-wire.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const server = await startMariadb(t);
await server.sql(`
  CREATE TABLE victim (id int PRIMARY KEY, note longtext);
  INSERT INTO victim SELECT seq, REPEAT(CONCAT('note ', seq), 1000) FROM seq_1_to_300`);
const gateway = await startTestGateway(t, {
  targets: [mariadbTarget(server, 'shop', { env: 'production' })],
});
const { port } = gateway.address('mysql');
const bob = gateway.api('bob');
const token = gateway.token('alice');
const cli = ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', `-p${token}`, '--compress', '-N', '-B'];

t.test('mariadb --compress: large results, holds and Ctrl-C', async (t) => {
  const mariadb = tool('mariadb', 'mariadb-client');
  const whole = await run(t, mariadb, [...cli, 'shop', '-e', "SHOW STATUS LIKE 'Compression'; SELECT note FROM victim"]);
  t.equal(whole.code, 0, whole.stderr);
  t.equal(
    whole.stdout.length,
    (
      await run(t, mariadb, [
        ...cli.filter((it) => it !== '--compress'),
        'shop',
        '-e',
        "SHOW STATUS LIKE 'Compression'; SELECT note FROM victim",
      ])
    ).stdout.length,
  );
  const session = start(t, mariadb, [...cli, '--force', '--unbuffered', 'shop']);
  session.write('DELETE FROM victim;\n');
  const hold = await bob.pendingHold('DELETE FROM victim');
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'not compressed either' });
  await session.waitFor(/ERROR 1142.*not compressed either/);
  session.write('DELETE FROM victim;\n');
  await bob.pendingHold('DELETE FROM victim');
  session.kill('SIGINT');
  await session.waitFor(/ERROR 1317/);
  session.write('SELECT 40 + 2;\n');
  await session.waitFor(/42/);
  session.endInput();
  await session.end();
});

t.test('mysql2 with compress, its target named late, a packet over 16 MB', async (t) => {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'alice', password: token, compress: true });
  t.teardown(() => connection.destroy());
  await connection.query('USE shop');
  const [rows] = await connection.execute<RowDataPacket[]>('SELECT COUNT(*) AS n, ? AS long_text FROM victim', ['x'.repeat(100_000)]);
  t.equal(rows[0]?.['n'], 300);
  t.equal(String(rows[0]?.['long_text']).length, 100_000);
  const [large] = await connection.execute<RowDataPacket[]>('SELECT LENGTH(?) AS n', ['y'.repeat(17_000_000)]);
  t.match(large, [{ n: 17_000_000 }]);
});

/** A client by hand, up to the OK of its sign-in, with these flags. */
async function signedIn(t: Test, flags: number, zstdLevel: Buffer = Buffer.alloc(0)): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  const greeted = readGreeting((await readPacket(socket, 0, 10_000, wireSignal)).payload);
  const standard =
    flags | flag.mysql | flag.protocol41 | flag.secureConnection | flag.pluginAuth | flag.connectWithDatabase | flag.deprecateEof;
  const response = handshakeResponse({
    capabilities: { standard, extended: 0 },
    charset: 45,
    user: 'alice',
    answer: nativeAnswer(token, greeted.nonce),
    database: 'shop',
    plugin: 'mysql_native_password',
    attributes: new Map(),
  });
  writePacket(socket, Buffer.concat([response, zstdLevel]), 1);
  t.equal((await readPacket(socket, 2, 10_000, wireSignal)).payload[0], 0x00);
  return socket;
}

function compressed(body: Buffer, payloadBytes: number, sequence = 0): Buffer {
  const head = Buffer.alloc(7);
  head.writeUIntLE(body.length, 0, 3);
  head[3] = sequence;
  head.writeUIntLE(payloadBytes, 4, 3);
  return Buffer.concat([head, body]);
}

async function readCompressed(socket: Socket): Promise<{ body: Buffer; sequence: number; payloadBytes: number }> {
  const head = await readExactly(socket, 7, wireSignal);
  const body = await readExactly(socket, head.readUIntLE(0, 3), wireSignal);
  return { body, sequence: head[3] as number, payloadBytes: head.readUIntLE(4, 3) };
}

t.test('zstd', async (t) => {
  const socket = await signedIn(t, flag.zstd, Buffer.from([9]));
  const query = framed(wire.query(`SELECT REPEAT('z', 5000) /* ${'a'.repeat(200)} */`), 0);
  socket.write(compressed(zstdCompressSync(query), query.length));
  const { body, sequence, payloadBytes } = await readCompressed(socket);
  t.equal(sequence, 1, "the answer counts on from the client's packet");
  const payload = zstdDecompressSync(body);
  t.equal(payload.length, payloadBytes);
  t.match(payload.toString('latin1'), /z{5000}/);
});

t.test('what can not be read ends the connection in words, and runs nothing', async (t) => {
  const small = framed(wire.query('DELETE FROM victim'), 0);
  const bomb = deflateSync(Buffer.alloc(8 * 1024 * 1024));
  const cases: readonly (readonly [string, Buffer])[] = [
    ['more than its header says', compressed(bomb, 1000)],
    ['less than its header says', compressed(deflateSync(small), small.length + 1)],
    ['not compressed by what was agreed', compressed(zstdCompressSync(small), small.length)],
    ['out of order', compressed(small, 0, 7)],
  ];
  for (const [name, bytes] of cases) {
    const socket = await signedIn(t, flag.compress);
    socket.write(bytes);
    const { body, payloadBytes } = await readCompressed(socket);
    t.match(errorOf((payloadBytes === 0 ? body : inflateSync(body)).subarray(4)), /1157/, name);
    await t.rejects(readExactly(socket, 1, wireSignal), name);
  }
  t.match(await server.sql('SELECT COUNT(*) AS n FROM victim'), [{ n: 300 }]);
});
