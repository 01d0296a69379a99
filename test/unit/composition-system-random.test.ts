// Bytes that were drawn in advance: each goes to one asker, and none is left over from the last filling.

import t from 'tap';
import { systemRandom } from '../../src/composition/system-random.ts';

t.test('every piece is as long as was asked for, and another one', async (t) => {
  const random = systemRandom();
  const seen = new Set<string>();
  let drawn = 0;
  for (let round = 0; round < 2000; round += 1) {
    const count = 16 + (round % 40);
    const bytes = random.bytes(count);
    if (bytes.length !== count) t.fail(`${bytes.length} bytes instead of ${count}`);
    seen.add(bytes.toString('hex'));
    drawn += count;
  }
  t.ok(drawn > 10 * 4096, 'through several fillings');
  t.equal(seen.size, 2000, 'no two are alike');
  t.equal(random.bytes(0).length, 0);
  t.equal(random.bytes(10_000).length, 10_000);
  t.notSame(random.bytes(10_000), Buffer.alloc(10_000));
});

t.test('what an asker does with its bytes is its own affair', async (t) => {
  const random = systemRandom();
  const first = random.bytes(32);
  const copy = Buffer.from(first);
  const others = Array.from({ length: 300 }, () => random.bytes(32));
  t.same(first, copy, 'nobody writes into them');
  first.fill(0);
  t.ok(others.every((it) => !it.equals(first)));
  t.ok(
    [first, ...others].every((it) => it.buffer.byteLength === 32),
    'with no memory of anybody else behind them',
  );
});
