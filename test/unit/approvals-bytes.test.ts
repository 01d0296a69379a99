// What waiting holds keep in memory: a limit for all and for each person, and nothing once they have ended.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import type { PlacedHold } from '../../src/core/hold.ts';
import { bench, person, request } from './approvals-fixtures/desk.ts';

t.test('texts and parameters that wait have a limit together', async (t) => {
  const { desk } = bench({ limits: { bytesMax: 1000, bytesPerPersonMax: 600 } });
  const hold = desk.place(request({ text: 'é'.repeat(250) })); // 500 bytes, and one of its parameter
  desk.place(request({ text: 'x'.repeat(400), by: person('grace') }));
  const over =
    /^a text of 102 bytes can't wait for approval: with it (what you have waiting|all that waits) would be more than (600|1000) bytes$/;
  const placed = (by = person('alice')) => desk.place(request({ text: 'x'.repeat(101), by }));
  t.throws(() => placed(), { code: 'limit-reached', message: over, hint: /Run it again when/ });
  t.throws(() => placed(person('heidi')), { code: 'limit-reached', message: over, hint: /Run it again when/ });
  t.throws(() => desk.place(request({ text: 'x'.repeat(601), by: person('heidi') })), { code: 'limit-reached', hint: /smaller parts/ });
  t.throws(() => desk.place({ ...request(), parameters: [{ type: 'text', text: 'x'.repeat(601) }] }), { code: 'limit-reached' });
  hold.withdraw('made room');
  await hold.settled;
  t.ok(placed(), 'what has ended counts no more');
});

t.test('an approval that is used later keeps no text in memory', async (t) => {
  const { desk } = bench({ audit: { append: () => undefined, appendSoon: () => {}, appendInTurn: (_, then) => then(null) } });
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const usable: PlacedHold[] = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  const holds = 20;
  const text = (n: number) => Buffer.alloc(1_000_000, String(n % 10)).toString();
  for (let n = 0; n < holds; n++) {
    const hold = desk.place(request({ text: text(n), again: `k${n}` }));
    await desk.answer(hold.id, person('bob'), 'approve', null);
    usable.push(hold);
  }
  collect();
  t.ok(process.memoryUsage().heapUsed - before < (holds * 1_000_000) / 4);
  t.ok(usable.every((hold) => hold.use?.()));
});
