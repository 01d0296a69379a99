// Memory that is used again never shows in what arrives: over TLS and plain links, for readers that keep what they were given, that write
// over it, and that stop and go on, and for targets that do not read.

import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { readChunks, readInPlace } from '../../src/core/chunk-reader.ts';
import { readIntoBuffer } from '../../src/core/socket-buffer.ts';
import { ByteQueue } from '../../src/tunnel/byte-queue.ts';
import { blockBytes, giveBack, takeBlock } from '../../src/tunnel/memory.ts';
import { eventually } from '../support/eventually.ts';
import { agentOf, byName, certificate, linked, startSide, targetAt } from './agent-fixture.ts';
import type { Teardown } from '../support/directories.ts';

const sentBytes = 3_000_000;
/** More than windows and kernels take. */
const stalledBytes = 16_000_000;
const nothing = Buffer.alloc(0);
const seed = randomInt(2 ** 31);
t.comment(`seed ${seed}`);

/** Numbers that look like chance and can be had again. */
function chance(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** Echoes, and stops reading for some turns of the loop now and then. */
async function slowEcho(t: Teardown): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket.on('error', () => undefined).on('end', () => socket.end()));
    const next = chance(seed);
    socket.on('data', (chunk: Buffer) => {
      socket.write(chunk);
      if (next(20) > 0) return;
      socket.pause();
      void restAndResume(socket, next(10));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  });
  return (server.address() as AddressInfo).port;
}

async function restAndResume(stream: Duplex, turns: number): Promise<void> {
  stream.pause();
  for (let left = turns; left > 0; left -= 1) await turn();
  stream.resume();
}

async function send(stream: Duplex, bytes: Buffer): Promise<void> {
  const next = chance(seed + 1);
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.subarray(at, at + 1 + next(next(4) === 0 ? 100 : 150_000));
    at += piece.length;
    if (!stream.write(piece)) await once(stream, 'drain');
  }
  stream.end();
}

type Reading = (stream: Duplex, chunks: Buffer[]) => Duplex;

/** Ways to read a stream, each with stops. */
const readings: Readonly<Record<string, Reading>> = {
  'as a stream of Node': (stream, chunks) => stream.on('data', (chunk: Buffer) => chunks.push(chunk)),
  'keeping chunks': (stream, chunks) => readChunks(stream, (chunk) => void chunks.push(chunk)),
  'in place, writing over what was read': (stream, chunks) => {
    const taken = readInPlace(stream);
    if (taken === null) throw new Error('it can not be read in place');
    return taken.on('data', (chunk: Buffer) => {
      chunks.push(Buffer.from(chunk));
      chunk.fill(0xff);
    });
  },
};

for (const isTls of [true, false]) {
  t.test(`what comes back is what was sent: ${isTls ? 'TLS' : 'plain'}`, async (t) => {
    const pem = certificate(t);
    const side = await startSide(t, isTls ? { tls: pem } : {});
    const agent = agentOf(t, { gateway: side.url, token: side.token('vpc'), ca: isTls ? () => pem.cert : undefined });
    await linked(agent);
    const target = targetAt(await slowEcho(t), byName('vpc'));
    await Promise.all(
      Object.entries(readings).map(async ([name, read], at) => {
        const sent = randomBytes(sentBytes);
        const chunks: Buffer[] = [];
        const stream = read(await side.agents.dial(target, new AbortController().signal, 5_000), chunks);
        const next = chance(seed + at);
        stream.resume().on('error', () => undefined);
        const sending = send(stream, sent);
        while (chunks.reduce((sum, { length }) => sum + length, 0) < sent.length) {
          if (next(3) === 0) await restAndResume(stream, next(20));
          else await turn();
          if (stream.destroyed) break;
        }
        await sending;
        t.ok(Buffer.concat(chunks).equals(sent), name);
      }),
    );
  });
}

t.test('targets that do not read until nothing moves any more get what was sent', async (t) => {
  const side = await startSide(t, {});
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc') });
  await linked(agent);
  const got = new Map<Socket, Hash>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const hash = createHash('sha256');
    got.set(
      socket.on('data', (chunk) => hash.update(chunk)).on('error', () => undefined),
      hash,
    );
    socket.pause();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => {
    server.close();
    got.forEach((_hash, socket) => socket.destroy());
  });
  const target = targetAt((server.address() as AddressInfo).port, byName('vpc'));
  const sent = Array.from({ length: 3 }, () => randomBytes(stalledBytes));
  const sending = sent.map(async (bytes) => {
    const stream = await side.agents.dial(target, new AbortController().signal, 5_000);
    await send(
      stream.on('error', () => undefined),
      bytes,
    );
  });
  let [moved, same] = [-1, 0];
  await eventually('nothing moves', () => {
    const now = side.agents.list()[0]?.bytesSent ?? 0;
    same = now === moved ? same + 1 : 0;
    moved = now;
    return same > 10;
  });
  t.ok(moved < stalledBytes * sent.length, 'the targets keep it waiting');
  got.forEach((_hash, socket) => socket.resume());
  await Promise.all([...sending, ...[...got.keys()].map((socket) => once(socket, 'end'))]);
  const digests = [...got.values()].map((hash) => hash.digest('hex')).sort();
  t.same(digests, sent.map((bytes) => createHash('sha256').update(bytes).digest('hex')).sort());
});

t.test('a queue gives what was put in, in order, whatever was copied', async (t) => {
  const next = chance(seed);
  const queue = new ByteQueue();
  const [expected, got]: [Buffer[], Buffer[]] = [[], []];
  const lent = Buffer.alloc(200_000);
  for (let round = 0; round < 3_000; round += 1) {
    const count = next(3) === 0 ? next(150_000) : next(3_000);
    const bytes = randomBytes(count);
    if (next(2) === 0) {
      queue.push(bytes);
      expected.push(bytes);
    } else {
      bytes.copy(lent);
      queue.pushCopy(lent.subarray(0, count));
      lent.fill(0, 0, count);
      expected.push(bytes);
    }
    while (queue.length > 0 && next(2) === 0) {
      queue.shift(next(3) === 0 ? Infinity : 1 + next(80_000), (piece) => {
        got.push(Buffer.from(piece));
        if (next(4) === 0) queue.pushCopy(nothing);
      });
    }
    if (next(50) > 0) continue;
    while (queue.length > 0) queue.shift(Infinity, (piece) => void got.push(Buffer.from(piece)));
    if (!Buffer.concat(got.splice(0)).equals(Buffer.concat(expected.splice(0)))) return t.fail(`round ${round}`);
  }
  t.pass('all rounds');
});

t.test('a queue copies into blocks, gives out no more than 64 kB at once, and leaves the blocks to the next', async (t) => {
  const queue = new ByteQueue();
  for (let put = 0; put < 5; put += 1) queue.pushCopy(Buffer.alloc(50_000, put));
  const lengths: number[] = [];
  while (queue.length > 0) queue.shift(Infinity, ({ length }) => void lengths.push(length));
  t.same(lengths, [65_536, 65_536, 65_536, 3_392, 50_000]);
  const used = takeBlock();
  queue.unshift(Buffer.from('first'));
  queue.pushCopy(Buffer.alloc(50_000));
  queue.clear();
  t.equal(queue.length, 0);
  const again = takeBlock();
  t.ok(used !== again && used.length === blockBytes && again.length === blockBytes);
  giveBack(used);
  t.equal(takeBlock(), used, 'what was given back is taken again');
});

t.test('a socket is read into a buffer where its parts are known, and left alone where they are not', async (t) => {
  const server = createServer((socket) => socket.end('words'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  await once(socket, 'connect');
  const buffer = Buffer.alloc(100);
  let heard = '';
  const came = (count: number): void => void (heard += buffer.toString('latin1', 0, count));
  const hidden = { _handle: Reflect.get(socket, '_handle') as unknown, destroyed: false, readableLength: 0 };
  t.notOk(readIntoBuffer(hidden as unknown as Socket, buffer, came), 'something else with a handle');
  t.ok(readIntoBuffer(socket, buffer, came));
  t.notOk(readIntoBuffer(socket, buffer, came), 'not twice');
  socket.on('data', () => t.fail('nobody else hears it')).resume();
  await once(socket, 'end');
  t.equal(heard, 'words');
  await eventually('it is closed', () => socket.destroyed || !socket.writable);
  t.notOk(readIntoBuffer(socket.destroy(), buffer, came), 'one that is over');
});
