// Large texts are read one after the other by a worker: who gives one up makes room for others. Where there is no worker, each is answered
// all the same.

import { Worker } from 'node:worker_threads';
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

t.test('every text is answered when no thread is to be had, and when one dies at once; the next one tries again', async (t) => {
  let start = (): Worker => {
    throw new Error('EAGAIN');
  };
  const texts = new LargeTexts(60_000, () => start());
  t.teardown(() => texts.close());
  const three = () => Promise.all([1, 2, 3].map(() => texts.classify(large, mode)));
  for (const one of await three())
    t.match(one, { understood: false, problem: { kind: 'parser-gave-up', message: 'the parser could not be started: EAGAIN' } });
  start = () => new Worker('process.exit(1)', { eval: true });
  for (const one of await three()) t.match(one, { understood: false, problem: { kind: 'parser-gave-up' } });
  start = () => new Worker(new URL('../../policies/classify/postgres/large-text-worker.ts', import.meta.url), { execArgv: [] });
  for (const one of await three()) t.match(one, { understood: true });
});
