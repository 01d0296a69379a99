// A connection read in chunks and then as a stream again: nothing is lost between the two, and it ends as it did.

import t from 'tap';
import { readChunks } from '../../src/core/chunk-reader.ts';
import { ChunkStream } from '../../src/core/chunk-stream.ts';
import { readExactly } from '../../src/core/read-exactly.ts';
import { eventually } from '../support/eventually.ts';
import { socketPair } from '../support/socket-pair.ts';

const signal = AbortSignal.timeout(10_000);

t.test('chunks, then messages, then chunks', async (t) => {
  const { near, far } = await socketPair(t);
  const early: Buffer[] = [];
  const taken = readChunks(near, (chunk) => early.push(chunk));
  taken.resume();
  far.write('first');
  await eventually('it has come', () => Buffer.concat(early).toString() === 'first');
  taken.pause();
  const stream = new ChunkStream(taken);
  far.write('second third');
  t.equal((await readExactly(stream, 6, signal)).toString(), 'second');
  t.equal((await readExactly(stream, 6, signal)).toString(), ' third');
  const late: Buffer[] = [];
  readChunks(stream, (chunk) => late.push(chunk)).resume();
  const sent = Buffer.alloc(3_000_000, 'abcdefghijk');
  far.end(sent);
  await new Promise((resolve) => stream.once('end', resolve));
  t.ok(Buffer.concat(late).equals(sent));
  t.equal(Buffer.concat(early).toString(), 'first', 'the first reader hears nothing more');
});

t.test('what was written arrives before the end, and both close', async (t) => {
  const { near, far } = await socketPair(t);
  const stream = new ChunkStream(readChunks(near, () => undefined));
  const heard: Buffer[] = [];
  far.on('data', (chunk: Buffer) => heard.push(chunk));
  const closed = Promise.all([
    new Promise((resolve) => far.once('close', resolve)),
    new Promise((resolve) => near.once('close', resolve)),
    new Promise((resolve) => stream.once('close', resolve)),
  ]);
  const sent = Buffer.alloc(2_000_000, 'xyz');
  stream.write(sent);
  stream.destroySoon();
  await closed;
  t.ok(Buffer.concat(heard).equals(sent));
});

t.test('a connection that is cut ends the stream', async (t) => {
  const { near, far } = await socketPair(t);
  const stream = new ChunkStream(readChunks(near, () => undefined));
  stream.on('error', () => undefined).resume();
  far.resetAndDestroy();
  await new Promise((resolve) => stream.once('close', resolve));
  t.ok(stream.destroyed);
});
