// Sockets with TLS whose records go around Node's streams: the quick way is in use on this Node, in both directions, and in nothing else
// do they differ from its own.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectPlain, createServer as createPlainServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { connect, TLSSocket } from 'node:tls';
import t from 'tap';
import { readChunks, writeChunk } from '../../src/core/chunk-reader.ts';
import { LentStream } from '../../src/core/lent-stream.ts';
import { internals } from '../../src/core/plain-socket.ts';
import type { Handle } from '../../src/core/plain-socket.ts';
import { secureLane } from '../../src/core/secure-socket.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { tlsPair } from '../support/tls-pair.ts';
import { certificateFiles } from './agent-fixture.ts';

t.setTimeout(60_000);

/** As a client's socket is read, as a target's, and as Node does it. */
const ways = ['read around', 'lent', 'as all sockets of Node'] as const;

interface Pair {
  readonly stream: Duplex;
  readonly socket: TLSSocket;
  readonly far: TLSSocket;
  readonly seen: () => string;
}

async function pair(t: Teardown, way: (typeof ways)[number], onChunk: (chunk: Buffer) => void = () => undefined): Promise<Pair> {
  const { near, far } = await tlsPair(t);
  const chunks: Buffer[] = [];
  const take = (chunk: Buffer): void => {
    chunks.push(chunk);
    onChunk(chunk);
  };
  const stream =
    way === 'as all sockets of Node' ? near.on('data', take) : readChunks<Duplex>(way === 'lent' ? new LentStream(near) : near, take);
  stream.on('error', () => undefined).pause();
  return { stream, socket: near, far, seen: () => Buffer.concat(chunks).toString('latin1') };
}

/** Counts what goes through Node's own streams. */
function counted(socket: TLSSocket): { writes: number; pushes: number } {
  const counts = { writes: 0, pushes: 0 };
  const node = socket as unknown as Record<'_writeGeneric' | 'push', (...all: unknown[]) => unknown>;
  const { _writeGeneric: write, push } = node;
  node._writeGeneric = (...all) => {
    counts.writes += 1;
    return write.apply(socket, all);
  };
  node.push = (...all) => {
    if (all[0] !== null) counts.pushes += 1;
    return push.apply(socket, all);
  };
  return counts;
}

for (const way of ['read around', 'lent'] as const) {
  t.test(`${way}: the quick way is in use on the Node that the gateway runs on`, async (t) => {
    const { stream, socket, far, seen } = await pair(t, way);
    const counts = counted(socket);
    stream.resume();
    for (const words of ['one', 'two']) {
      const heard = once(far, 'data');
      await new Promise((resolve) => stream.write(Buffer.from(words), resolve));
      t.equal(String((await heard)[0]), words);
      far.write(words);
      await eventually('it came', () => seen().endsWith(words));
    }
    t.same(counts, { writes: 0, pushes: 0 }, 'src/core/secure-socket.ts does not know this Node: every statement costs more');
    const ended = once(stream, 'end');
    far.end('. The end');
    await ended;
    t.equal(seen(), 'onetwo. The end');
  });
}

for (const way of ways) {
  t.test(`${way}: a reader that is slow holds writes back; all of it arrives in order`, async (t) => {
    const { stream, far } = await pair(t, way);
    const total = 12 * 1024 * 1024;
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    let [drains, told, count] = [0, 0, 0];
    far.on('data', (chunk: Buffer) => received.update(chunk));
    far.pause();
    const ended = once(far, 'end');
    for (let bytes = 0; bytes < total; count += 1) {
      // Short and long ones, so that records of all kinds wait.
      const piece = randomBytes(count % 3 === 0 ? 50 : 100_000);
      bytes += piece.length;
      sent.update(piece);
      if (stream.write(piece, () => (told += 1))) continue;
      t.ok(stream.writableLength > 0);
      far.resume();
      await once(stream, 'drain');
      drains += 1;
      far.pause();
    }
    far.resume();
    stream.end();
    await ended;
    t.ok(drains > 0);
    t.equal(told, count, 'each write was told of once');
    t.equal(received.digest('hex'), sent.digest('hex'));
  });

  t.test(`${way}: writes of one turn, gathered ones, texts and empty ones arrive in their order`, async (t) => {
    const { stream, far } = await pair(t, way);
    const chunks: Buffer[] = [];
    far.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.write(Buffer.from('a'));
    stream.write(new Uint8Array([98]));
    stream.cork();
    stream.write(Buffer.from('c'));
    stream.write('d', 'latin1');
    stream.uncork();
    stream.write(Buffer.alloc(0));
    stream.write('e');
    setImmediate(() => {
      stream.write(Buffer.from('f'));
      stream.end(Buffer.from('g'));
    });
    await once(far, 'end');
    t.equal(Buffer.concat(chunks).toString(), 'abcdefg');
  });

  t.test(`${way}: what a pause finds already read waits, and comes once`, async (t) => {
    let isFirst = true;
    const { stream, socket, far, seen } = await pair(t, way, () => {
      if (isFirst) stream.pause();
      isFirst = false;
    });
    const text = 'x'.repeat(512) + 'y'.repeat(512) + 'z'.repeat(976);
    far.setMaxSendFragment(512); // several records that lie in one read
    stream.resume();
    far.write(text);
    await eventually('the rest waits', () => seen().length === 512 && (way === 'as all sockets of Node' || socket.readableLength > 0));
    await roundTrip(t);
    t.equal(seen().length, 512, 'nothing comes through a pause');
    isFirst = true;
    stream.resume();
    await eventually('more came', () => seen().length > 512);
    stream.resume();
    far.end();
    await once(stream, 'end');
    t.equal(seen(), text);
  });

  t.test(`${way}: a connection that is gone is an error of what is written`, async (t) => {
    const { stream, far } = await pair(t, way);
    far.pause();
    const closed = closeOf(stream);
    const told = new Promise((resolve) => {
      const piece = Buffer.alloc(1024 * 1024);
      const fill = (): void => {
        if (stream.write(piece)) fill();
        else stream.write(piece, resolve);
      };
      fill();
    });
    stream.resume();
    rawOf(far).resetAndDestroy();
    t.ok((await told) instanceof Error);
    await closed;
    t.equal(stream.destroyed, true);
  });

  t.test(`${way}: a write that is under way is told of when this side goes`, async (t) => {
    const { stream, far } = await pair(t, way);
    far.pause();
    const told: unknown[] = [];
    for (const bytes of [10, 8 * 1024 * 1024, 10]) stream.write(Buffer.alloc(bytes), (error) => told.push(error ?? null));
    const closed = closeOf(stream);
    stream.destroy();
    await closed;
    await eventually('all are told of', () => told.length === 3);
    t.ok(told.some((error) => error instanceof Error));
  });

  t.test(`${way}: the end of what the other side sends is an end, and what was written before this side's is sent`, async (t) => {
    const { stream, far, seen } = await pair(t, way);
    let heard = '';
    far.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    stream.resume();
    const [ended, farEnded] = [once(stream, 'end'), once(far, 'end')];
    stream.write(Buffer.from('last '));
    stream.end(Buffer.from('words'));
    await farEnded;
    t.equal(heard, 'last words');
    far.end('and those of the other');
    await ended;
    t.match(seen(), /^$|^and those of the other$/);
  });
}

for (const way of ways) {
  t.test(`${way}: bytes that are no record are an error`, async (t) => {
    const { stream, socket, far, seen } = await pair(t, way);
    stream.resume();
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    const { _handle: handle } = far as unknown as { _handle: { _parent: Pick<Handle, 'writeBuffer'> } };
    const request = new (internals as NonNullable<typeof internals>).WriteWrap();
    handle._parent.writeBuffer(request, Buffer.from('nothing that TLS knows, and longer than the head of a record'));
    t.match((await failed).code, /^ERR_SSL_/);
    t.equal(seen(), '');
  });
}

t.test('over a stream that is no socket, as through an agent: all of it in order, through pauses', async (t) => {
  const [nearEnd, farEnd] = duplexPair();
  const { cert, key } = certificateFiles(t);
  const far = new TLSSocket(farEnd, { isServer: true, cert: readFileSync(cert), key: readFileSync(key) });
  const near = connect({ socket: nearEnd, rejectUnauthorized: false });
  await once(near, 'secureConnect');
  const [there, back] = [randomBytes(2 * 1024 * 1024), randomBytes(2 * 1024 * 1024)];
  const heard: Buffer[] = [];
  const seen: Buffer[] = [];
  const lengthOf = (chunks: readonly Buffer[]) => chunks.reduce((sum, { length }) => sum + length, 0);
  far.on('data', (chunk: Buffer) => heard.push(chunk));
  const stream = readChunks<Duplex>(new LentStream(near), (chunk) => {
    seen.push(chunk);
    if (seen.length % 3 !== 0) return;
    stream.pause();
    // Within the turn in which more may come, and after it.
    if (seen.length % 2 === 0) process.nextTick(() => stream.resume());
    else setImmediate(() => stream.resume());
  }).resume();
  far.setMaxSendFragment(1000);
  far.write(back);
  for (let at = 0; at < there.length; at += 70_000) stream.write(there.subarray(at, at + 70_000));
  await eventually('all of it came', () => lengthOf(heard) === there.length && lengthOf(seen) === back.length, 20_000);
  t.ok(Buffer.concat(heard).equals(there));
  t.ok(Buffer.concat(seen).equals(back));
  stream.destroy();
  far.destroy();
});

t.test("a socket's own writes wait for one that went past it", async (t) => {
  const { near, far } = await tlsPair(t);
  let heard = '';
  far.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  readChunks(near, () => undefined);
  const order: string[] = [];
  for (const [index, word] of ['one ', 'two ', 'three ', 'four '].entries()) {
    if (index % 2 === 0) writeChunk(near, Buffer.from(word), () => order.push(word));
    else near.write(word, () => order.push(word));
  }
  await eventually('all of it came', () => heard === 'one two three four ');
  t.equal(order.join(''), heard);
  near.write('');
  writeChunk(near, Buffer.from('five'), () => undefined);
  await eventually('it came', () => heard === 'one two three four five');
});

t.test('what waits in a socket already is read as streams are, and first', async (t) => {
  const { near, far } = await tlsPair(t);
  far.write('before anybody reads, ');
  await eventually('it waits', () => near.readableLength > 0);
  t.equal(secureLane(near, Buffer.alloc(64 * 1024)), null);
  let seen = '';
  const stream = readChunks(near, (chunk) => (seen += chunk.toString())).resume();
  far.end('and after');
  await once(stream, 'end');
  t.equal(seen, 'before anybody reads, and after');
});

t.test('with a timeout it does as others do: what comes and goes puts it off', async (t) => {
  const { stream, socket, far, seen } = await pair(t, 'read around');
  socket.setTimeout(60_000);
  stream.resume();
  const counts = counted(socket);
  const heard = once(far, 'data');
  stream.write(Buffer.from('there'));
  await heard;
  far.write('back');
  await eventually('it came', () => seen() === 'back');
  t.equal(counts.writes, 1);
});

/** Whatever it fails of. */
function closeOf(stream: Duplex): Promise<void> {
  return new Promise((resolve) => stream.once('close', resolve));
}

/** Every other connection's bytes had their turn. */
async function roundTrip(t: Teardown): Promise<void> {
  const server = createPlainServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connectPlain((server.address() as AddressInfo).port, '127.0.0.1');
  t.teardown(() => server.close());
  t.teardown(() => socket.destroy());
  const heard = once(socket, 'data');
  socket.write('round');
  await heard;
}

/** The socket under the TLS of a server's side. */
function rawOf(far: TLSSocket): Socket {
  return (far as unknown as { _parent: Socket })._parent;
}
