// What waits in streams of a link, in blocks that all of them share: each queue gives its own bytes in order, whatever the others do and
// whatever is written over what was given; and bytes that come one by one cost about as much memory as they are.

import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { ByteQueue } from '../../src/tunnel/byte-queue.ts';
import { blockBytes, giveBack, takeBlock } from '../../src/tunnel/memory.ts';
import { seededRandom } from '../support/seeded-random.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function inUse(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

t.test('one-byte pieces: a window of them is not a hundred windows of memory', async (t) => {
  const queues = Array.from({ length: 20 }, () => new ByteQueue());
  const before = inUse();
  const byte = Buffer.from('x');
  const count = 64 * 1024;
  for (let n = 0; n < count; n += 1) for (const queue of queues) queue.pushCopy(byte);
  const each = (inUse() - before) / queues.length;
  t.ok(each < 3 * count, `${Math.round(each / 1024)} kB for each`);
  t.ok(queues.every((queue) => queue.length === count));
});

t.test('a few bytes do not take a block', async (t) => {
  const before = inUse();
  const queues = Array.from({ length: 500 }, () => new ByteQueue());
  for (const queue of queues) for (let n = 0; n < 5; n += 1) queue.pushCopy(Buffer.alloc(100));
  t.ok(inUse() - before < (queues.length * blockBytes) / 8);
});

t.test('many queues at random: their own bytes, in order', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  t.comment(`SEED=${seed}`);
  const up = seededRandom(seed);
  const queues = Array.from({ length: 8 }, () => ({ queue: new ByteQueue(), wanted: [] as number[] }));
  const lengths = [1, 3, 100, 4096, 4097, 20_000, 65_000, 200_000];
  let wrong = 0;
  for (let step = 0; step < 3000; step += 1) {
    const of = queues[up(queues.length)];
    if (of === undefined) continue;
    const { queue, wanted } = of;
    const add = (isCopied: boolean) => {
      const bytes = randomBytes(1 + up(lengths[up(lengths.length)] ?? 1));
      for (const it of bytes.subarray(0, 40)) wanted.push(it);
      // What is in the middle of long pieces is not compared, but counted.
      for (let n = 40; n < bytes.length; n += 1) wanted.push(-1);
      if (!isCopied) return queue.push(bytes);
      queue.pushCopy(bytes);
      bytes.fill(0xee); // its sender uses the memory for something else
    };
    const take = () =>
      queue.shift(up(3) === 0 ? Infinity : 1 + up(30_000), (bytes) => {
        if (up(4) === 0) add(true);
        const expected = wanted.splice(0, bytes.length);
        if (expected.some((it, index) => it !== -1 && it !== bytes[index])) wrong += 1;
        bytes.fill(0xdd); // it is the receiver's to write into
        const other = takeBlock();
        other.fill(0xcc);
        giveBack(other);
      });
    const what = up(20);
    if (what < 8) add(true);
    else if (what < 10) add(false);
    else if (what < 19) take();
    else {
      queue.clear();
      wanted.length = 0;
    }
    if (queue.length !== wanted.length) wrong += 1;
  }
  t.equal(wrong, 0);
});
