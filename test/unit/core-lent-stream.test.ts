// A connection with TLS that one user has after the other: each gets what comes in its time, and what an earlier one still does
// with its stream is nobody's.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import t from 'tap';
import { canReadChunksAgain, readChunks } from '../../src/core/chunk-reader.ts';
import { LentStream } from '../../src/core/lent-stream.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { tlsPair } from '../support/tls-pair.ts';

t.setTimeout(30_000);

/** A user of the stream, and what came to it. */
function use(stream: Duplex): { now: Duplex; heard: () => string } {
  let heard = '';
  const now = readChunks(stream, (chunk) => (heard += chunk.toString())).resume();
  return { now, heard: () => heard };
}

await t.test('each user gets what comes in its time, and writes in its time only', async (t) => {
  const { near, far } = await tlsPair(t);
  far.write('before anybody reads, ');
  const first = use(new LentStream(near));
  let atFar = '';
  far.on('data', (chunk: Buffer) => (atFar += chunk.toString()));
  far.write('to the first');
  first.now.write('from the first, ');
  await eventually('it came', () => first.heard() === 'before anybody reads, to the first' && atFar === 'from the first, ');
  t.equal(canReadChunksAgain(first.now), true);

  const second = use(first.now);
  t.not(second.now, first.now);
  t.equal(canReadChunksAgain(first.now), false, 'lent once');
  first.now.write('too late, ');
  first.now.resume().destroy();
  second.now.write('from the second');
  far.write('to the second');
  await eventually('it came', () => second.heard() === 'to the second' && atFar === 'from the first, from the second');
  t.equal(first.heard(), 'before anybody reads, to the first');
  t.equal(near.listenerCount('data'), 2, 'one user, and the count of bytes');
  t.equal(near.listenerCount('close') + near.listenerCount('end'), 2 + (await plainListeners(t)), 'nothing is left of the first');

  second.now.end('. The end');
  await once(far, 'end');
  t.equal(atFar, 'from the first, from the second. The end');
});

/** Listeners for an end that a socket has of its own. */
async function plainListeners(t: Teardown): Promise<number> {
  const { near } = await tlsPair(t);
  return near.listenerCount('close') + near.listenerCount('end');
}

await t.test('not while something is on its way', async (t) => {
  const { near, far } = await tlsPair(t);
  const { now } = use(new LentStream(near));
  const large = randomBytes(8 * 1024 * 1024);
  far.pause();
  now.write(large);
  t.equal(canReadChunksAgain(now), false, 'written, and not sent');
  let received = 0;
  far.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
  await eventually('all of it came', () => received === large.length && canReadChunksAgain(now));
});

await t.test('not while something that was read waits behind a pause', async (t) => {
  const { near, far } = await tlsPair(t);
  let heard = 0;
  const stream = readChunks<Duplex>(new LentStream(near), (chunk) => {
    heard += chunk.length;
    stream.pause();
  }).resume();
  far.setMaxSendFragment(512); // several records that lie in one read
  far.write(Buffer.alloc(1024));
  await eventually('the second waits', () => heard === 512 && !canReadChunksAgain(stream));
  stream.resume();
  await eventually('it came', () => heard === 1024 && canReadChunksAgain(stream));
});

await t.test('a reader that pauses stops the other end; bulk comes whole in both directions', async (t) => {
  const { near, far } = await tlsPair(t);
  const large = randomBytes(24 * 1024 * 1024);
  let received = 0;
  let sum = 0;
  const stream = readChunks<Duplex>(new LentStream(near), (chunk) => {
    received += chunk.length;
    sum += chunk[0] as number;
    stream.pause();
    setImmediate(() => stream.resume());
  });
  far.write(large);
  await eventually('the other end waits', () => far.writableNeedDrain);
  t.equal(received, 0, 'nothing is read until it is resumed');
  stream.resume();
  await eventually('all of it came', () => received === large.length, 20_000);
  t.ok(sum > 0);
  const echoed: Buffer[] = [];
  far.on('data', (chunk: Buffer) => void echoed.push(chunk));
  for (let at = 0; at < large.length; at += 100_000) stream.write(large.subarray(at, at + 100_000));
  await eventually('all of it went', () => echoed.reduce((bytes, { length }) => bytes + length, 0) === large.length, 20_000);
  t.ok(Buffer.concat(echoed).equals(large), 'in order');
});

await t.test('its end and its loss are told to who has it', async (t) => {
  const ended = await tlsPair(t);
  const one = use(use(new LentStream(ended.near)).now);
  ended.far.end('last words');
  await once(one.now, 'end');
  t.equal(one.heard(), 'last words');
  t.equal(canReadChunksAgain(one.now), false);

  const lost = await tlsPair(t);
  const first = use(new LentStream(lost.near));
  const other = use(first.now);
  const closed = Promise.all([once(first.now, 'close'), once(other.now, 'close')]);
  lost.far.destroy();
  await closed;
  t.equal(canReadChunksAgain(other.now), false);
  t.equal(lost.near.destroyed, true);

  const left = await tlsPair(t);
  const stream = new LentStream(left.near);
  stream.destroy();
  await once(left.far, 'close');
  t.equal(left.near.destroyed, true, 'who has it closes it');
});
