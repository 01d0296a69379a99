// Answers of one turn of the event loop: alone they leave at once, among others at the turn's end, and each does.

import { setImmediate as turnEnd } from 'node:timers/promises';
import t from 'tap';
import { flushesSoon } from '../../src/core/turn-flushes.ts';
import { TurnGathering } from '../../src/core/turn-gathering.ts';

t.test('one thing a turn never waits', async (t) => {
  const gathering = new TurnGathering(() => undefined);
  for (let turn = 0; turn < 100; turn += 1) {
    t.notOk(gathering.takes(), `turn ${turn}`);
    await turnEnd();
  }
});

t.test('once a turn brought several they wait, until turns bring one again', async (t) => {
  let ends = 0;
  const gathering = new TurnGathering(() => (ends += 1));
  t.notOk(gathering.takes());
  t.notOk(gathering.takes(), 'not yet');
  await turnEnd();
  t.equal(ends, 1);
  for (let turn = 0; turn < 5; turn += 1) {
    t.ok(gathering.takes());
    t.ok(gathering.takes());
    await turnEnd();
  }
  t.equal(ends, 6, 'the end of each turn comes once');
  let waits = 0;
  for (let turn = 0; turn < 50; turn += 1) {
    if (gathering.takes()) waits += 1;
    await turnEnd();
  }
  t.ok(waits > 0 && waits < 20, `${waits} of 50`);
});

t.test('sessions are flushed at the end of the turn, in their order, and those of the next turn at its end', async (t) => {
  for (let count = 0; count < 40; count += 1) flushesSoon({ flush: () => undefined });
  await turnEnd();
  const flushed: string[] = [];
  const session = (name: string, then = () => undefined as unknown) => ({
    flush: () => {
      flushed.push(name);
      then();
    },
  });
  t.ok(flushesSoon(session('first', () => flushesSoon(session('third')))));
  t.ok(flushesSoon(session('second')));
  t.strictSame(flushed, []);
  await turnEnd();
  t.strictSame(flushed, ['first', 'second']);
  await turnEnd();
  t.strictSame(flushed, ['first', 'second', 'third']);
});
