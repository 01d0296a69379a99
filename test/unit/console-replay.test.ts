// The replay's axis: idle time is shortened, waiting is not, and going there and back ends where it began.

import t from 'tap';
import { replayAxis, toRealMs, toShownMs, whenOf } from '../../src/console/replay/layout.ts';

const entry = (askedMs: number, finishedMs: number) => ({ asked_ms: askedMs, released_ms: askedMs, finished_ms: finishedMs });
const entries = [entry(500, 600), entry(600_000, 660_000), entry(661_000, 661_000)];

t.test('ten idle minutes become a mark, a minute of waiting stays a minute', async (t) => {
  const axis = replayAxis(entries);
  t.equal(axis.cuts.length, 1);
  t.equal(axis.cuts[0]?.idleMs, 599_400);
  t.equal(toShownMs(axis, 660_000) - toShownMs(axis, 600_000), 60_000);
  t.ok(axis.shownMs < 70_000);
});

t.test('real → shown → real is the same moment', async (t) => {
  const axis = replayAxis(entries);
  for (const ms of [0, 250, 500, 600, 300_000, 600_000, 630_000, 660_000, 660_500, 661_000]) {
    t.ok(Math.abs(toRealMs(axis, toShownMs(axis, ms)) - ms) < 0.001, `${ms} ms`);
  }
});

t.test('the axis never runs backwards, also with overlapping lanes out of order', async (t) => {
  const axis = replayAxis([entry(5_000, 9_000), entry(1_000, 8_000), entry(2_000, 2_000)]);
  let last = -1;
  for (let ms = 0; ms <= 10_000; ms += 100) {
    const shown = toShownMs(axis, ms);
    t.ok(shown >= last, `at ${ms}`);
    last = shown;
  }
});

t.test('no entry gives an axis that can be drawn', async (t) => {
  const axis = replayAxis([]);
  t.ok(axis.shownMs > 0);
  t.equal(toShownMs(axis, 0), 0);
});

t.test('an entry is future, now, past', async (t) => {
  t.equal(whenOf(entry(100, 200), 50), 'future');
  t.equal(whenOf(entry(100, 200), 150), 'now');
  t.equal(whenOf(entry(100, 200), 5_000), 'past');
});
