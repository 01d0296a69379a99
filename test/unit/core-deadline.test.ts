// A step with a time and signals: what ends it, in whose words, and what is left of it afterwards.

import { getEventListeners } from 'node:events';
import t from 'tap';
import { within } from '../../src/core/deadline.ts';

const untilAborted = (signal: AbortSignal) =>
  new Promise<never>((_resolve, reject) => {
    const told = () => reject(signal.reason as Error);
    if (signal.aborted) told();
    else signal.addEventListener('abort', told);
  });

t.test('a step that ends by itself leaves nothing', async (t) => {
  const one = new AbortController();
  const timers = () => process.getActiveResourcesInfo().filter((it) => it === 'Timeout').length;
  const before = timers();
  let given: AbortSignal | undefined;
  const value = await within(60_000, [one.signal], async (signal) => {
    given = signal;
    t.equal(getEventListeners(one.signal, 'abort').length, 1);
    return 7;
  });
  t.equal(value, 7);
  t.equal(getEventListeners(one.signal, 'abort').length, 0);
  one.abort(new Error('later'));
  t.equal(given?.aborted, false, 'what comes afterwards does not concern it');
  t.equal(timers(), before, 'no timer runs on');
});

t.test('each signal ends it, with its own reason', async (t) => {
  const [one, other] = [new AbortController(), new AbortController()];
  const step = within(60_000, [one.signal, other.signal], untilAborted);
  other.abort(new Error('the other one'));
  await t.rejects(step, { message: 'the other one' });
  await t.rejects(within(60_000, [one.signal, other.signal], untilAborted), { message: 'the other one' }, 'also one that was before');
  t.equal(getEventListeners(one.signal, 'abort').length, 0);
});

t.test('and the time does', async (t) => {
  await t.rejects(within(1, [], untilAborted), { name: 'TimeoutError', message: 'no answer within 0.001 s' });
  await t.rejects(
    within(1, [], untilAborted, () => new Error('too late')),
    { message: 'too late' },
  );
});
