// Byte streams between threads: order, windows, ends in order and out of order, with real threads and a real TCP server.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { MessageChannel, Worker } from 'node:worker_threads';
import t from 'tap';
import { canReadChunksAgain, readChunks } from '../../src/core/chunk-reader.ts';
import { Fault } from '../../src/core/errors.ts';
import { PortStream, carry, windowBytes } from '../../src/relay/port-stream.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { certificate } from './agent-fixture.ts';
import type { Part } from './relay-fixtures/port-thread.ts';

const lost = { code: 'target-lost' };

function pair(t: Teardown): { near: PortStream; far: PortStream } {
  const { port1, port2 } = new MessageChannel();
  const [near, far] = [new PortStream(port1), new PortStream(port2)];
  t.teardown(() => [near, far].forEach((stream) => stream.destroy()));
  return { near, far };
}

function thread(t: Teardown, part: Part): { stream: PortStream; worker: Worker } {
  const worker = new Worker(new URL('./relay-fixtures/port-thread.ts', import.meta.url));
  t.teardown(() => worker.terminate());
  const { port1, port2 } = new MessageChannel();
  worker.postMessage({ port: port2, part }, [port2]);
  const stream = new PortStream(port1);
  t.teardown(() => stream.destroy());
  return { stream, worker };
}

/** How it ended: its fault, or null when it closed in order. */
function ending(stream: Duplex): Promise<Error | null> {
  let fault: Error | null = null;
  stream.once('error', (error: Error) => (fault = error));
  return new Promise((resolve) => stream.once('close', () => resolve(fault)));
}

async function all(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(stream, 'end');
  return Buffer.concat(chunks);
}

/** Until a message behind those that were sent before came, and what those brought about as well. */
async function messagesCame(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    const { port1, port2 } = new MessageChannel();
    const came = once(port1, 'message');
    port2.postMessage(null);
    await came;
    port1.close();
  }
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

t.test('bytes go to another thread and back, in order, in pieces of any size', async (t) => {
  const { stream } = thread(t, 'echo');
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.comment(`seed ${seed}`);
  const die = seededRandom(seed);
  const sent: Buffer[] = [];
  const back = all(stream);
  const over = ending(stream);
  for (let bytes = 0; bytes < 6 * windowBytes;) {
    const piece = randomBytes(die(die(20) === 0 ? 3 * windowBytes : 5_000));
    sent.push(piece);
    bytes += piece.length;
    if (!stream.write(piece)) await once(stream, 'drain');
  }
  stream.end();
  t.equal(digest(await back), digest(Buffer.concat(sent)));
  t.equal(await over, null, 'both ends are over in order');
});

t.test('a reader that stands still stops the writer at a window, and loses nothing', async (t) => {
  const { near, far } = pair(t);
  const sent = randomBytes(10 * windowBytes);
  for (const [writer, reader] of [
    [near, far],
    [far, near],
  ] as const) {
    for (let from = 0; from < sent.length; from += 10_000) writer.write(sent.subarray(from, from + 10_000));
    reader.read(0);
    await messagesCame();
    t.ok(writer.writableLength >= sent.length - windowBytes - 64 * 1024, 'no more than a window has left');
    t.ok(writer.writableNeedDrain);
    t.ok(reader.readableLength <= windowBytes, 'and no more is kept at the other end');
    writer.end();
    t.equal(digest(await all(reader)), digest(sent));
  }
});

t.test('a thread that does not read bounds the memory of both', async (t) => {
  const { stream, worker } = thread(t, 'stall');
  await once(worker, 'online');
  let taken = 0;
  const piece = Buffer.alloc(16 * 1024, 1);
  const pump = (): void =>
    void stream.write(piece, (error) => (error === null || error === undefined ? ((taken += piece.length), pump()) : undefined));
  pump();
  await eventually('the window is used up', () => taken >= windowBytes - piece.length);
  const { port1, port2 } = new MessageChannel();
  const { stream: other } = { stream: new PortStream(port1) };
  t.teardown(() => other.destroy());
  worker.postMessage({ port: port2, part: 'echo' satisfies Part }, [port2]);
  other.write('are you there?');
  await once(other, 'data');
  t.ok(taken <= windowBytes + piece.length, `${taken} bytes were taken while nobody read`);
});

t.test('the memory of a chunk is its writer\u2019s again when it was taken', async (t) => {
  const { near, far } = pair(t);
  const slab = Buffer.alloc(1_000, 'a');
  await new Promise<void>((resolve) => near.write(slab.subarray(10, 20), () => resolve()));
  slab.fill('b');
  const [got] = (await once(far, 'data')) as [Buffer];
  t.equal(got.toString(), 'a'.repeat(10));
  t.equal(slab.length, 1_000, 'and was not moved away');
  t.ok(got.buffer.byteLength < 100, 'nothing else of its memory went over');
});

t.test('one direction ends, the other goes on', async (t) => {
  const { near, far } = pair(t);
  const endings = Promise.all([ending(near), ending(far)]);
  near.end('a question');
  t.equal((await all(far)).toString(), 'a question');
  t.notOk(far.destroyed);
  far.write('a long ');
  far.end('answer');
  t.equal((await all(near)).toString(), 'a long answer');
  t.same(await endings, [null, null]);
});

t.test('given up by either end, the other hears why', async (t) => {
  for (const why of [new Fault('target-unreachable', 'no way', { hint: 'try another' }), new Error('some error'), undefined]) {
    const { near, far } = pair(t);
    const endings = Promise.all([ending(near), ending(far)]);
    near.destroy(why);
    const [own, other] = await endings;
    t.equal(own, why ?? null);
    t.match(
      other,
      why === undefined ? lost : { message: why.message, ...(why instanceof Fault ? { code: why.code, hint: why.hint } : {}) },
    );
    t.notOk(far.readableEnded, 'no end in order is seen');
  }
  const { stream } = thread(t, 'refuse');
  t.match(await ending(stream), { code: 'target-unreachable', message: 'nobody there' });
});

t.test('a writer that waits for credit hears that the other end gave up', async (t) => {
  const { near, far } = pair(t);
  const over = ending(near);
  const late = new Promise<Error | null | undefined>((resolve) => near.write(Buffer.alloc(3 * windowBytes), resolve));
  far.destroy(new Fault('limit-reached', 'enough'));
  t.match(await over, { code: 'limit-reached', message: 'enough' });
  t.match(await late, { message: 'enough' });
});

t.test('a thread that dies ends its streams', async (t) => {
  const { stream, worker } = thread(t, 'echo');
  stream.write('hello');
  await once(stream, 'data');
  const over = ending(stream);
  await worker.terminate();
  t.match(await over, lost);
  t.notOk(stream.readableEnded);
});

/** A TCP server, one connection to it, and the stream that is carried to the other end of a port. */
async function carried(t: Teardown): Promise<{ server: Socket; dialled: Socket; far: PortStream }> {
  const listener = createServer({ allowHalfOpen: true });
  t.teardown(() => listener.close());
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = once(listener, 'connection') as Promise<[Socket]>;
  const dialled = connect({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  await once(dialled, 'connect');
  const [server] = await accepted;
  server.on('error', () => undefined);
  const { port1, port2 } = new MessageChannel();
  carry(dialled, port1);
  const far = new PortStream(port2);
  t.teardown(() => [server, dialled, far].forEach((stream) => stream.destroy()));
  return { server, dialled, far };
}

t.test('a carried stream: everything before an end arrives, though the connection is long closed', async (t) => {
  const { server, dialled, far } = await carried(t);
  const endings = Promise.all([ending(far), ending(dialled)]);
  const sent = randomBytes(8 * windowBytes);
  far.end('bye');
  const asked = all(server);
  server.end(sent);
  t.equal((await asked).toString(), 'bye');
  await eventually('a window has come, and nobody reads it', () => dialled.bytesRead >= windowBytes);
  t.ok(dialled.bytesRead < sent.length, 'the rest waits at the server');
  t.equal(digest(await all(far)), digest(sent));
  t.same(await endings, [null, null]);
});

t.test('a carried stream: the tail outlives a connection that is closed already', async (t) => {
  const { server, dialled, far } = await carried(t);
  const sent = randomBytes(windowBytes + 1_000); // more than the window, less than it and what is buffered
  far.end();
  server.resume().end(sent);
  if (!dialled.closed) await once(dialled, 'close');
  t.equal(digest(await all(far)), digest(sent));
});

t.test('a carried stream: broken at the server, given up by the thread, given up before it is carried', async (t) => {
  const broken = await carried(t);
  const hears = ending(broken.far);
  broken.server.resetAndDestroy();
  t.match(await hears, { message: /ECONNRESET/ });

  const left = await carried(t);
  const gone = once(left.server, 'end');
  left.server.resume();
  left.far.destroy();
  await gone;
  await eventually('the connection is closed', () => left.dialled.destroyed);

  const early = await carried(t);
  const never = new MessageChannel();
  early.dialled.destroy();
  await eventually('it is closed', () => early.dialled.closed);
  const late = new PortStream(never.port2);
  const said = ending(late);
  carry(early.dialled, never.port1);
  t.match(await said, lost);
});

t.test('a carried stream: a reset after the end is heard after what came before it', async (t) => {
  const { server, dialled, far } = await carried(t);
  const over = ending(far);
  const sent = randomBytes(1_000);
  server.end(sent);
  t.equal(digest(await all(far)), digest(sent));
  t.notOk(far.destroyed);
  dialled.destroy(new Error('reset'));
  t.match(await over, { message: 'reset' });
});

t.test('a carried stream: what its last bytes go to does not take them for ever', async (t) => {
  const stream = new Duplex({ read: () => void stream.push(null), write: () => undefined });
  const { port1, port2 } = new MessageChannel();
  const far = new PortStream(port2);
  const over = ending(far);
  carry(stream, port1, 50);
  far.resume().end('last words');
  t.equal(await over, null, 'for the thread it is over');
  t.notOk(stream.destroyed, 'and the rest has its time');
  await eventually('it is given up', () => stream.destroyed);
});

t.test('TLS goes through it, as a driver does to a target behind an agent', async (t) => {
  const server = createTlsServer({ ...certificate(t) });
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const dialled = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(dialled, 'connect');
  const { port1, port2 } = new MessageChannel();
  carry(dialled, port1);
  const far = new PortStream(port2);
  const secured = connectTls({ socket: far, rejectUnauthorized: false });
  t.teardown(() => [secured, far, dialled].forEach((stream) => stream.destroy()));
  await once(secured, 'secureConnect');
  const [socket] = await accepted;
  socket.on('error', () => undefined);
  const [up, down] = [randomBytes(5 * windowBytes), randomBytes(7 * windowBytes)];
  const heard = all(socket);
  const said = all(secured);
  const closed = Promise.all([ending(far), ending(dialled)]);
  secured.end(up);
  socket.end(down);
  t.equal(digest(await heard), digest(up));
  t.equal(digest(await said), digest(down));
  await closed;
});

t.test('a stream that somebody else reads from now on: every byte, and what may still be sent', async (t) => {
  const { near, far } = pair(t);
  const closed = once(near, 'close');
  const seen: Buffer[] = [];
  const sent = randomBytes(4 * windowBytes);
  let at = 0;
  const send = (count: number): void => void far.write(sent.subarray(at, (at += count)));
  const hasSeen = (count: number) => eventually(`${count} bytes came`, () => seen.reduce((sum, it) => sum + it.length, 0) === count);
  far.on('data', (chunk: Buffer) => far.write(chunk)); // an echo
  send(100_000);
  await messagesCame();
  let now: Duplex = readChunks<Duplex>(near, (chunk) => void seen.push(chunk));
  t.not(now, near);
  await messagesCame();
  t.same(seen, [], 'nothing before it is resumed');
  now.resume();
  await hasSeen(100_000);
  for (let round = 0; round < 30; round++) {
    t.equal(canReadChunksAgain(now), true);
    send(31_337);
    await hasSeen(100_000 + (round + 1) * 31_337);
    now = readChunks(now, (chunk) => void seen.push(chunk)).resume();
  }
  t.ok(Buffer.concat(seen).equals(sent.subarray(0, at)));
  now.write('more');
  await eventually('the echo', () => seen.at(-1)?.toString() === 'more');
  far.end();
  await eventually('its end is there', () => !canReadChunksAgain(now));
  now.destroy();
  await closed; // the first one closes with the last one
});
