// Texts are judged on the event loop that all sessions share: a line of a few kilobytes that anybody who may read can send must
// not keep it busy, however many columns and tables it stands for.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';

const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

const nothing = { functions: [], types: [], relations: [], builtins: [] };
const relations = [
  { ...{ id: '20000', schema: 'public', name: 'orders', kind: 'table' }, columns: ['id', 'a', 'b', 'c', 'd'], reading: nothing, writing: nothing, reacts: false },
]; // prettier-ignore
const catalogue = {
  version: 'v',
  content: { searchPath: '"$user", public', user: 'x', functions: [], operators: [], types: [], relations },
};
const mode = { key: 'k', settings: { standard_conforming_strings: 'on', client_encoding: 'UTF8', default_transaction_read_only: 'off' }, catalogue }; // prettier-ignore

const many = (count: number, one: (at: number) => string, between = ',') => Array.from({ length: count }, (_, at) => one(at)).join(between);
const doubling = (levels: number) =>
  `WITH c0 AS (SELECT * FROM orders), ${many(levels, (at) => `c${at + 1} AS (SELECT a.*, b.* FROM c${at} a, c${at} b)`)}`;
const texts: Record<string, string> = {
  'columns that double': `${doubling(22)} SELECT 1 FROM c22`,
  'and stand side by side': `${doubling(13)} SELECT 1 FROM ${many(150, (at) => `c13 x${at}`)}`,
  'joined one by one': `${doubling(8)} SELECT 1 FROM c8 x ${many(150, (at) => `NATURAL JOIN c8 x${at}`, ' ')}`,
  united: `${doubling(8)} ${many(500, () => 'SELECT * FROM c8', ' UNION ')}`,
  'three thousand tables': `SELECT 1 FROM ${many(3000, (at) => `orders t${at}`)} WHERE false`,
  'a thousand joins': `SELECT t1.id FROM orders t0 ${many(1000, (at) => `JOIN orders t${at + 1} ON t${at + 1}.id = t0.id`, ' ')}`,
  'natural joins': `SELECT 1 FROM orders t0 ${many(1500, (at) => `NATURAL JOIN orders t${at + 1}`, ' ')}`,
};
/** The first took half a minute, and more as long as one likes; a busy machine is slow. */
const soonMs = 5_000;

for (const [name, text] of Object.entries(texts)) {
  t.test(name, async (t) => {
    const startedMs = Date.now();
    const action = { kind: 'statement', text, parameters: null, classified: null, transaction: 'none', mode } as unknown as Action;
    const classification: Classification = await classifier.classify(action);
    t.ok(Date.now() - startedMs < soonMs, `${Date.now() - startedMs} ms for ${text.length} characters`);
    if (classification.understood) t.same(classification.summary.verbs, ['read']);
  });
}

// Those take PostgreSQL's own scanner seconds: a worker reads them, or ends.
for (const [name, text] of Object.entries({
  comments: many(16_000, () => '/**/', ''),
  'comments in comments': many(32_000, () => '/*', ''),
  signs: `SELECT ${many(60_000, () => '+', '')}1`,
})) {
  t.test(`${name} keep nobody else waiting`, async (t) => {
    const action = { kind: 'statement', text, parameters: null, classified: null, transaction: 'none', mode } as unknown as Action;
    const before = process.threadCpuUsage();
    await classifier.classify(action);
    const tookMs = process.threadCpuUsage(before).user / 1000;
    t.ok(tookMs < 1_000, `${Math.round(tookMs)} ms of this thread`);
  });
}
