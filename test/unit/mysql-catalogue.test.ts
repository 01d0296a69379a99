// What is known of a target's own objects is never older than its limit when something is judged by it.

import t from 'tap';
import type { Catalogue } from '../../src/core/action.ts';
import { CatalogueEntry, catalogueAgeMsMax } from '../../src/core/catalogue-cache.ts';
import type { Log } from '../../src/core/driver.ts';

const log: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function entryAt(clock: { nowMs: number }, load: () => Promise<Catalogue>): CatalogueEntry {
  return new CatalogueEntry(load, { nowMs: () => clock.nowMs, monotonicMs: () => clock.nowMs }, log);
}

t.test('it ages during a session, and an unchanged one stays the same object', async (t) => {
  const clock = { nowMs: 1_000_000 };
  let version = 'one';
  let loads = 0;
  const entry = entryAt(clock, async () => {
    loads += 1;
    return { version, content: null };
  });
  t.equal(entry.isFresh, false, 'nothing is known at first');
  await entry.refresh();
  const first = entry.current;
  clock.nowMs += catalogueAgeMsMax;
  t.equal(entry.isFresh, true);
  await entry.refresh();
  t.equal(loads, 1, 'a fresh one is not read again');
  clock.nowMs += 1;
  t.equal(entry.isFresh, false, 'one millisecond over the limit');
  await entry.refresh();
  t.equal(loads, 2);
  t.equal(entry.current, first, 'unchanged: the same object');
  version = 'two';
  clock.nowMs += catalogueAgeMsMax + 1;
  await entry.refresh();
  t.equal(entry.current?.version, 'two');
});

t.test('the time that reading takes counts', async (t) => {
  const clock = { nowMs: 1_000_000 };
  const entry = entryAt(clock, async () => {
    clock.nowMs += 10_000;
    return { version: 'one', content: null };
  });
  await entry.refresh();
  clock.nowMs += catalogueAgeMsMax - 10_000 + 1;
  t.equal(entry.isFresh, false);
});

t.test('one that cannot be read any more is not known, and is tried again only when old', async (t) => {
  const clock = { nowMs: 1_000_000 };
  let down = false;
  const entry = entryAt(clock, async () => {
    if (down) throw new Error('the target is down');
    return { version: 'one', content: null };
  });
  await entry.refresh();
  down = true;
  clock.nowMs += catalogueAgeMsMax + 1;
  await entry.refresh();
  t.equal(entry.current, null);
  t.equal(entry.isFresh, true, 'no loop of attempts');
});

t.test('a change seen while reading is not taken for known', async (t) => {
  const clock = { nowMs: 1_000_000 };
  const entry: CatalogueEntry = entryAt(clock, async () => {
    if (entry.current === null) entry.changed();
    return { version: 'one', content: null };
  });
  await entry.refresh();
  t.equal(entry.isFresh, false);
});
