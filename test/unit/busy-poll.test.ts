// The event loop stays awake for the next chunk of one busy session, and for nothing else.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { busyPollUsDefault, ChunkArrivals, setBusyPoll } from '../../src/core/busy-poll.ts';
import { readChunks } from '../../src/core/chunk-reader.ts';
import { eventually } from '../support/eventually.ts';

const isAwake = (): boolean => process.getActiveResourcesInfo().includes('Immediate');
/** Longer than sources count as active. */
const pause = () => delay(10);
const asleep = () => eventually('the loop sleeps', () => !isAwake());

t.beforeEach(async () => {
  setBusyPoll(1000);
  await asleep();
  await pause();
});
t.teardown(() => setBusyPoll(busyPollUsDefault));

t.test('after a small chunk, and for a while only', async (t) => {
  t.notOk(isAwake());
  new ChunkArrivals().came(100);
  t.ok(isAwake());
  await asleep();
});

t.test('not after bulk, and not when it is turned off', async (t) => {
  new ChunkArrivals().came(64 * 1024);
  t.notOk(isAwake());
  setBusyPoll(0);
  new ChunkArrivals().came(100);
  t.notOk(isAwake());
});

t.test('not while more than one session is busy', async (t) => {
  let client = new ChunkArrivals();
  // On a machine that is busy itself the three may be too far apart to be busy together.
  await eventually('what was being waited for is not, either', async () => {
    await pause();
    client = new ChunkArrivals();
    client.came(10);
    new ChunkArrivals().came(10);
    const wasAwake = isAwake();
    new ChunkArrivals().came(10);
    await new Promise((resolve) => setImmediate(resolve));
    return wasAwake && !isAwake();
  });
  await pause();
  client.came(10);
  t.ok(isAwake(), 'alone again');
});

t.test('a source that is waited for in vain is given up, and tried again now and then', async (t) => {
  const slow = new ChunkArrivals();
  let waits = 0;
  for (let i = 0; i < 5; i++) {
    slow.came(10);
    if (isAwake()) waits += 1;
    await asleep();
  }
  t.ok(waits >= 1 && waits < 5, `${waits} of 5`);
  const other = new ChunkArrivals();
  other.came(10);
  t.ok(isAwake(), 'another one is not blamed');
  await asleep();
  await pause();
  let again = 0;
  for (let i = 0; i < 128; i++) {
    slow.came(10);
    if (isAwake()) again += 1;
    await asleep();
  }
  t.equal(again, 2, 'of 128');
});

t.test('of a socket that is read in chunks', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const address = server.address();
  const client = connect({ port: typeof address === 'object' && address !== null ? address.port : 0 });
  const [raw] = await accepted;
  const chunk = Promise.withResolvers<Buffer>();
  const socket = readChunks(raw, chunk.resolve);
  socket.resume();
  client.write('x');
  t.equal(String(await chunk.promise), 'x');
  t.ok(isAwake());
  client.destroy();
  socket.destroy();
  server.close();
});
