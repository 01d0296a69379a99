// Sockets whose chunks go around Node's streams: the quick way is in use on this Node, and in nothing else do they differ from its own.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Socket as SocketOfNode, type Socket } from 'node:net';
import t from 'tap';
import { isQuick, PlainSocket, type Taken } from '../../src/core/plain-socket.ts';
import type { Teardown } from '../support/directories.ts';
import { socketPair } from '../support/socket-pair.ts';

const ways = ['quick', 'as all sockets of Node'] as const;

interface Pair {
  readonly plain: Socket;
  readonly far: Socket;
  /** What `plain` was sent. */
  readonly seen: () => string;
}

async function pair(t: Teardown, way: (typeof ways)[number]): Promise<Pair> {
  const { near, far } = await socketPair(t);
  const inner = near as unknown as { _handle: object };
  const handle = inner._handle;
  inner._handle = null as never;
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(64 * 1024);
  const callback: Taken = (count, bytes) => void chunks.push(Buffer.from(bytes.subarray(0, count)));
  const options = { handle, onread: { buffer, callback }, pauseOnCreate: true };
  const plain = way === 'quick' ? new PlainSocket(handle, buffer, callback) : new SocketOfNode(options as never);
  t.teardown(() => plain.destroy());
  return { plain, far, seen: () => Buffer.concat(chunks).toString('latin1') };
}

t.test('the quick way is in use on the Node that the gateway runs on', async (t) => {
  t.ok(isQuick, 'src/core/plain-socket.ts does not know this Node: every statement costs more');
  const { plain, far, seen } = await pair(t, 'quick');
  let ordinary = 0;
  const node = plain as unknown as { _writeGeneric: (...all: unknown[]) => unknown };
  const written = node._writeGeneric;
  node._writeGeneric = (...all) => {
    ordinary += 1;
    return written.apply(plain, all);
  };
  plain.resume();
  for (const words of ['one', 'two']) {
    const heard = once(far, 'data');
    t.equal(plain.write(words === 'one' ? Buffer.from(words) : new Uint8Array(Buffer.from(words))), true);
    t.equal(plain.writableLength, 0, 'it is with the kernel');
    t.equal(String((await heard)[0]), words);
  }
  t.equal(ordinary, 0);
  t.equal(plain.bytesWritten, 6);
  far.end('answer');
  await once(plain, 'end');
  t.equal(seen(), 'answer');
});

for (const way of ways) {
  t.test(`${way}: a reader that is slow holds writes back; all of it arrives in order`, async (t) => {
    const { plain, far } = await pair(t, way);
    far.pause();
    const total = 24 * 1024 * 1024;
    const piece = randomBytes(64 * 1024);
    const sent = createHash('sha256');
    const received = createHash('sha256');
    let drains = 0;
    let told = 0;
    let wasHeldBack = false;
    far.on('data', (chunk: Buffer) => received.update(chunk));
    const ended = once(far, 'end');
    for (let bytes = 0; bytes < total; bytes += piece.length) {
      const copy = Buffer.from(piece);
      copy.writeUInt32BE(bytes);
      sent.update(copy);
      if (plain.write(copy, () => (told += 1))) continue;
      wasHeldBack = true;
      t.ok(plain.writableLength > 0);
      far.resume();
      await once(plain, 'drain');
      drains += 1;
      t.equal(plain.writableLength, 0);
      far.pause();
    }
    far.resume();
    plain.end();
    await ended;
    t.ok(wasHeldBack && drains > 0);
    t.equal(told, total / piece.length, 'each write was told of once');
    t.equal(received.digest('hex'), sent.digest('hex'));
  });

  t.test(`${way}: writes that are gathered, and texts, arrive in their order between others`, async (t) => {
    const { plain, far } = await pair(t, way);
    const chunks: Buffer[] = [];
    far.on('data', (chunk: Buffer) => chunks.push(chunk));
    plain.write(Buffer.from('a'));
    plain.cork();
    plain.write(Buffer.from('b'));
    plain.write('c', 'latin1');
    plain.uncork();
    plain.write('d');
    plain.end(Buffer.from('e'));
    await once(far, 'end');
    t.equal(Buffer.concat(chunks).toString(), 'abcde');
  });

  t.test(`${way}: a connection that is gone is an error of the write, in the words of Node`, async (t) => {
    const { plain, far } = await pair(t, way);
    far.resetAndDestroy();
    await once(far, 'close');
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => plain.once('error', resolve));
    const closed = new Promise((resolve) => plain.once('close', resolve));
    const told: unknown[] = [];
    // Nothing reads, so only writing finds out.
    while (!plain.destroyed) {
      plain.write(Buffer.alloc(1000), (error) => told.push(error));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const error = await failed;
    await closed;
    t.match(error.code, /^(EPIPE|ECONNRESET)$/);
    t.match(error, { message: `write ${error.code ?? ''}`, syscall: 'write', errno: Number });
    t.ok(told.includes(error));
  });

  t.test(`${way}: a write that waits fails when the other side goes, and is told of`, async (t) => {
    const { plain, far } = await pair(t, way);
    far.pause();
    const told = new Promise((resolve) => {
      const piece = Buffer.alloc(1024 * 1024);
      const fill = (): void => {
        if (plain.write(piece)) return fill();
        plain.write(piece, resolve);
      };
      fill();
    });
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => plain.once('error', resolve));
    far.resetAndDestroy();
    const error = await failed;
    t.match(error.code, /^(EPIPE|ECONNRESET)$/);
    t.ok((await told) instanceof Error);
  });

  t.test(`${way}: a write that waits is told of when this side goes`, async (t) => {
    const { plain, far } = await pair(t, way);
    far.pause();
    const piece = Buffer.alloc(1024 * 1024);
    while (plain.write(piece));
    const told = new Promise((resolve) => plain.write(piece, resolve));
    plain.destroy();
    t.ok((await told) instanceof Error);
    await once(plain, 'close');
  });

  t.test(`${way}: nothing is read while it is paused`, async (t) => {
    const { plain, far, seen } = await pair(t, way);
    plain.resume();
    await new Promise((resolve) => setImmediate(resolve)); // Node begins to read a tick later
    plain.pause();
    far.write('first');
    // The kernel has it; a round through another connection gives the event loop every chance to read it.
    const other = await pair(t, way);
    const heard = once(other.far, 'data');
    other.plain.write(Buffer.from('round'));
    await heard;
    t.equal(seen(), '');
    plain.resume();
    far.end();
    await once(plain, 'end');
    t.equal(seen(), 'first');
  });

  t.test(`${way}: with a timeout it does as others do: what comes and goes puts it off`, async (t) => {
    const { plain, far, seen } = await pair(t, way);
    plain.setTimeout(60_000);
    plain.resume();
    const heard = once(far, 'data');
    plain.write(Buffer.from('there'));
    await heard;
    const timeouts: string[] = [];
    plain.on('timeout', () => timeouts.push('timeout'));
    plain.setTimeout(10);
    await once(plain, 'timeout');
    plain.setTimeout(0);
    far.end('back');
    await once(plain, 'end');
    t.equal(seen(), 'back');
    t.strictSame(timeouts, ['timeout']);
  });
}
