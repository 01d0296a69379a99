// Large texts are read one after the other by a worker: who gives one up makes room for others.

import t from 'tap';
import { LargeTexts } from '../../policies/classify/postgres/large-texts.ts';

const mode = { key: '', settings: {}, catalogue: null };
const large = `SELECT ${'1, '.repeat(40_000)}1`;

t.test('what nobody waits for any more leaves the queue', async (t) => {
  const texts = new LargeTexts(60_000);
  t.teardown(() => texts.close());
  const first = texts.classify(large, mode);
  const givenUp = new AbortController();
  const waiting = Array.from({ length: 32 }, () => texts.classify(large, mode, givenUp.signal));
  t.match(await texts.classify(large, mode), { understood: false }, 'the queue is full');
  givenUp.abort();
  for (const one of await Promise.all(waiting)) t.match(one, { understood: false, problem: { kind: 'parser-gave-up' } });
  const next = texts.classify(large, mode);
  t.match(await first, { understood: true });
  t.match(await next, { understood: true });
});
