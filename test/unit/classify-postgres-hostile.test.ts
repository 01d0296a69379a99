// Hostile texts: the classifier never throws, always answers, and still works afterwards. The seed of the random part is
// printed; SEED=… reruns it.

import t, { type Test } from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { ClassificationCache } from '../../src/core/classification-cache.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { ActionId } from '../../src/core/ids.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { statementOf } from '../support/statements.ts';

const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

async function classify(text: string): Promise<Classification> {
  const mode = { key: '-', settings: {}, catalogue: null };
  const action: Action = statementOf(text, mode);
  return classifier.classify(action);
}

async function stillWorks(t: Test): Promise<void> {
  const { summary } = await classify(`DELETE FROM orders WHERE id = ${Math.trunc(performance.now() * 1000)}`);
  t.same(summary.tables, ['orders']);
}

t.test('a hundred sums that break the parser: instances are replaced and no session notices', async (t) => {
  for (let round = 0; round < 100; round += 1) {
    const { understood } = await classify(`SELECT ${'1+'.repeat(10_000)}${round}`);
    t.notOk(understood);
    if (round % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
  }
  await t.resolves(untilUnderstood());
  t.ok(classifier.parsersReplaced() > 0, 'instances were thrown away');
  await stillWorks(t);
});

async function untilUnderstood(): Promise<void> {
  for (;;) {
    const { understood } = await classify(`SELECT ${Math.trunc(performance.now() * 1000)}`);
    if (understood) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const texts: readonly (readonly [name: string, text: string])[] = [
  ['deep parentheses', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
  ['deep subqueries', `SELECT ${'(SELECT '.repeat(3_000)}1${')'.repeat(3_000)}`],
  ['deep casts', `SELECT 1${'::int'.repeat(12_000)}`],
  ['a comment of 1.2 MB', `/*${'a'.repeat(1_200_000)}*/DELETE FROM victim`],
  ['a NUL', 'SELECT 1\0; DELETE FROM victim'],
  ['a lone high surrogate', "SELECT '\ud800'; DELETE FROM victim; --'"],
  ['a lone low surrogate', "SELECT '\udc00'"],
  ['an open string', "SELECT '"],
  ['an open dollar quote', 'SELECT $a$ DELETE FROM victim'],
  ['an unknown statement', 'MAKE SANDWICH'],
];

for (const [name, text] of texts) {
  t.test(`${name} is not understood`, async (t) => {
    const { understood, summary } = await classify(text);
    t.notOk(understood);
    t.equal(summary.access, 'unknown');
    await untilUnderstood();
    await stillWorks(t);
  });
}

t.test('a large text is judged beside the main thread, and above 1 MB not at all', async (t) => {
  const values = Array.from({ length: 20_000 }, (_, index) => `(${index}, 'name')`).join(',');
  const { understood, summary, problem } = await classify(`INSERT INTO t VALUES ${values}; DELETE FROM victim`);
  t.ok(understood, problem?.message ?? 'understood');
  t.same([...summary.tablesWritten].sort(), ['t', 'victim']);
});

t.test('random bytes and shuffled SQL never throw', async (t) => {
  let seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const next = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  const words =
    `SELECT FROM WHERE ( ) , ; ' " $$ /* */ -- DELETE WITH a AS b.c * 1 = OR SET EXPLAIN ANALYZE COPY :: [ ] E' U& \\ é 😀 JOIN ON VALUES`.split(
      ' ',
    );
  for (let round = 0; round < 1_500; round += 1) {
    const text =
      round % 2 === 0
        ? Array.from({ length: next(30) }, () => words[next(words.length)]).join(' ')
        : Array.from({ length: next(60) }, () => String.fromCharCode(next(round % 3 === 0 ? 65_536 : 256))).join('');
    const { understood, problem } = await classify(text);
    if (understood === (problem !== null)) t.fail(`understood and problem disagree: ${JSON.stringify(text)}`);
  }
  await stillWorks(t);
});

t.test('the cache forgets the old and keeps the asked for', async (t) => {
  const cache = new ClassificationCache({ entriesMax: 10, textUnitsMax: 1_000 });
  const value = classificationOf([]);
  cache.set('m', 'kept', value);
  for (let index = 0; index < 100; index += 1) {
    cache.set('m', `text ${index}`, value);
    t.equal(cache.get('m', 'kept'), value);
  }
  t.ok(cache.size <= 20);
  t.equal(cache.get('m', 'text 0'), undefined);
  t.equal(cache.get('other', 'kept'), undefined);
  cache.set('m', 'x'.repeat(2_000), value);
  t.equal(cache.get('m', 'x'.repeat(2_000)), undefined, 'too long to keep');
});

t.test('how fast it is (printed, not judged)', async (t) => {
  const time = (count: number, text: (index: number) => string): number => {
    const mode = { key: 'speed', settings: {}, catalogue: null };
    const base = {
      id: 'a1' as ActionId,
      kind: 'statement',
      parameters: null,
      digest: () => '',
      mode,
      transaction: 'none',
      classified: null,
      prepared: null,
    } as const;
    const texts = Array.from({ length: count }, (_, index) => Buffer.from(text(index)).toString());
    const start = performance.now();
    for (const one of texts) void classifier.classify({ ...base, text: one });
    return ((performance.now() - start) * 1000) / count;
  };
  const statement = 'UPDATE pgbench_accounts SET abalance = abalance + 10 WHERE aid = ';
  const miss = time(3_000, (index) => `${statement}${index}`);
  const hit = time(20_000, () => `${statement}1`);
  t.comment(`miss ${miss.toFixed(1)} us, hit ${hit.toFixed(2)} us`);
  t.ok(hit < miss);
});
