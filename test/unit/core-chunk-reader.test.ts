// Reading a socket with the one buffer: what was waiting comes first, chunks are copies, pausing and the end work as before, and
// the same connection can be taken over again.

import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { TLSSocket } from 'node:tls';
import t from 'tap';
import { canReadChunksAgain, isPlainSocket, readChunks, reuseChunk, reusePassed } from '../../src/core/chunk-reader.ts';
import { eventually } from '../support/eventually.ts';
import { socketPair } from '../support/socket-pair.ts';

const text = (chunks: readonly Buffer[]) => Buffer.concat(chunks).toString('latin1');

t.test('what came before comes first, and no chunk changes afterwards', async (t) => {
  const { near, far } = await socketPair(t);
  far.write('early ');
  near.on('readable', () => undefined);
  await eventually('it has come', () => near.readableLength > 0);
  near.removeAllListeners('readable');
  const chunks: Buffer[] = [];
  const taken = readChunks(near, (chunk) => chunks.push(chunk));
  t.not(taken, near);
  taken.resume();
  for (const words of ['one ', 'two ', 'three ']) {
    const before = text(chunks).length;
    far.write(words);
    await eventually('it has come', () => text(chunks).length > before);
  }
  t.equal(text(chunks), 'early one two three ');
});

t.test('large writes arrive whole, through pauses', async (t) => {
  const { near, far } = await socketPair(t);
  const sent = Buffer.alloc(5_000_000, 'abcdefghijk');
  const chunks: Buffer[] = [];
  const taken: Socket = readChunks(near, (chunk) => {
    chunks.push(chunk);
    taken.pause();
    setImmediate(() => taken.resume());
  });
  taken.resume();
  far.end(sent);
  await new Promise((resolve) => taken.once('end', resolve));
  t.ok(Buffer.concat(chunks).equals(sent));
});

t.test('both close together, and what is written arrives', async (t) => {
  const { near, far } = await socketPair(t);
  const taken = readChunks(near, () => undefined);
  const heard: Buffer[] = [];
  far.on('data', (chunk: Buffer) => heard.push(chunk));
  const closed = new Promise((resolve) => near.once('close', resolve));
  taken.resume();
  taken.end('bye');
  await closed;
  await eventually('the other side has it', () => text(heard) === 'bye');
  t.ok(taken.destroyed);
});

t.test('a connection is taken over again and again; its first stream closes with the last', async (t) => {
  const { near, far } = await socketPair(t);
  const seen: string[] = [];
  let taken = readChunks(near, (chunk) => seen.push(`first ${chunk.toString()}`));
  for (const name of ['second', 'third']) {
    t.ok(canReadChunksAgain(taken));
    taken = readChunks(taken, (chunk) => seen.push(`${name} ${chunk.toString()}`));
    taken.resume();
    const before = seen.length;
    far.write('x');
    await eventually('it has come', () => seen.length > before);
  }
  t.strictSame(seen, ['second x', 'third x']);
  const closed = new Promise((resolve) => near.once('close', resolve));
  far.destroy();
  await closed;
  t.notOk(canReadChunksAgain(taken));
});

t.test('what is no plain socket is read as streams are', async (t) => {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  t.equal(
    readChunks(stream, (chunk) => chunks.push(chunk)),
    stream,
  );
  t.notOk(canReadChunksAgain(stream));
  stream.write('tunnel');
  await eventually('it has come', () => text(chunks) === 'tunnel');
});

t.test('memory of a large chunk is used again only when it was given back, and once', async (t) => {
  const { near, far } = await socketPair(t);
  const chunks: Buffer[] = [];
  const taken = readChunks(near, (chunk) => chunks.push(chunk));
  taken.resume();
  const large = async (letter: string) => {
    const from = chunks.length;
    far.write(Buffer.alloc(60_000, letter));
    await eventually('it has come', () => chunks.slice(from).reduce((sum, it) => sum + it.length, 0) === 60_000);
    return chunks.slice(from);
  };
  const kept = await large('a');
  await large('b');
  t.ok(
    kept.every((chunk) => chunk.every((byte) => byte === 0x61)),
    'what was not given back stays as it is',
  );
  const [first = Buffer.alloc(0)] = kept;
  reuseChunk(first.subarray(1)); // a slice is not the chunk
  await large('c');
  t.equal(first[0], 0x61);
  for (const chunk of kept) {
    reuseChunk(chunk);
    reuseChunk(chunk);
  }
  const again = [...(await large('d')), ...(await large('e'))];
  t.equal(
    new Set(again.filter((chunk) => chunk.length > 20_000).map((chunk) => chunk.buffer)).size,
    again.filter((chunk) => chunk.length > 20_000).length,
  );
});

t.test('a chunk that was passed on leaves its memory to the next, and what is kept stays', async (t) => {
  const [source, sink] = [await socketPair(t), await socketPair(t)];
  const places: { readonly memory: ArrayBufferLike; readonly at: number }[] = [];
  let passes = true;
  const kept: Buffer[] = [];
  const taken = readChunks(source.near, (chunk) => {
    places.push({ memory: chunk.buffer, at: chunk.byteOffset });
    if (passes) {
      sink.near.write(chunk);
      reusePassed(chunk, sink.near);
    } else kept.push(chunk);
  });
  taken.resume();
  const heard: Buffer[] = [];
  sink.far.on('data', (chunk: Buffer) => heard.push(chunk));
  const words = ['one ', 'two ', 'three ', 'four ', 'five '];
  for (const [index, word] of words.entries()) {
    passes = index !== 2;
    source.far.write(word);
    await eventually('it has come', () => places.length === index + 1);
  }
  t.same(places[1], places[0]);
  t.same(places[2], places[0]);
  t.not(places[3]?.at, places[2]?.at, 'not over what is kept');
  t.equal(text(kept), 'three ');
  await eventually('all is heard', () => text(heard) === 'one two four five ');
});

t.test('what a slow reader makes wait is not read over, whatever comes meanwhile', async (t) => {
  const sessions = await Promise.all(
    Array.from({ length: 4 }, async () => ({
      source: await socketPair(t),
      sink: await socketPair(t),
      sent: [] as Buffer[],
      heard: [] as Buffer[],
    })),
  );
  let waited = 0;
  for (const { source, sink, heard } of sessions) {
    sink.far.pause();
    sink.far.on('data', (chunk: Buffer) => heard.push(chunk));
    sink.far.pause();
    readChunks(source.near, (chunk) => {
      sink.near.write(chunk);
      if (sink.near.writableLength > 0) waited += 1;
      reusePassed(chunk, sink.near);
    }).resume();
  }
  const lengths = [20, 300, 12_000, 40_000, 3];
  const round = async (number: number) => {
    for (const { source, sent } of sessions) {
      const bytes = randomBytes(lengths[number % lengths.length] ?? 1);
      sent.push(bytes);
      source.far.write(bytes);
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (let number = 0; waited < 400 && number < 20_000; number += 1) await round(number);
  t.ok(waited >= 400, 'some had to wait');
  for (const { sink } of sessions) sink.far.resume();
  for (let number = 0; number < 50; number += 1) await round(number);
  for (const { sent, heard } of sessions) {
    const total = Buffer.concat(sent);
    await eventually('all is heard', () => heard.reduce((sum, it) => sum + it.length, 0) === total.length);
    t.ok(Buffer.concat(heard).equals(total), 'every byte as it was sent');
  }
});

t.test('only a plain socket tells when the kernel has what was written', async (t) => {
  const { near } = await socketPair(t);
  t.ok(isPlainSocket(near));
  t.notOk(isPlainSocket(new PassThrough()));
  t.notOk(isPlainSocket(new TLSSocket(near)));
});
