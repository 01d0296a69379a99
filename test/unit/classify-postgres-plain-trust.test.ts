// The early reader of plain queries is found out when it is wrong: the parser's word counts, it reads no more, the operator is told
// once, and what was judged is judged anew, in every thread.

import { Worker } from 'node:worker_threads';
import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { Parser } from '../../policies/classify/postgres/parser.ts';
import { firstDifference } from '../../policies/classify/postgres/plain/difference.ts';
import type { PlainReader } from '../../policies/classify/postgres/plain/early-reader.ts';
import { PlainQueries } from '../../policies/classify/postgres/plain/query.ts';
import { PlainTrust, threadTrust } from '../../policies/classify/postgres/plain/trust.ts';
import type { Action } from '../../src/core/action.ts';
import { eventually } from '../support/eventually.ts';

interface Made {
  readonly parser: Parser;
  readonly told: (string | null)[];
  readonly asked: string[];
}

async function withReader(read: PlainReader['read'], trust = new PlainTrust()): Promise<Made> {
  const told: (string | null)[] = [];
  const asked: string[] = [];
  const reader: PlainReader = {
    read(text) {
      asked.push(text);
      return read(text);
    },
  };
  const parser = await Parser.create({ reader, trust, onDistrusted: (words) => told.push(words) });
  t.teardown(() => parser.close());
  return { parser, told, asked };
}

const plain = new PlainQueries();
/** What a mistake would be: a condition, and a table, that nobody sees. */
const blind = (text: string) => plain.read(text.replace(/ WHERE .*/, ''));

t.test('a reader that overlooks a condition is found out at once', async (t) => {
  const { parser, told, asked } = await withReader(blind);
  t.same(parser.parse('SELECT a FROM t'), parser.parseInFull('SELECT a FROM t'));
  t.same(told, []);
  const text = "SELECT a FROM t WHERE b = (SELECT 'secret' FROM u)";
  t.same(parser.parse(text), parser.parseInFull(text), 'its tree counts for nothing');
  t.equal(told.length, 1);
  t.match(told[0], /\(statements\.0\.stmt\.SelectStmt\.whereClause\)/);
  t.notMatch(told[0], /secret/);
  const before = asked.length;
  parser.parse(text);
  parser.parse('SELECT 1');
  t.equal(asked.length, before, 'and is not asked again');
  t.equal(told.length, 1);
});

t.test('a tree of a text that is none is a difference, too', async (t) => {
  const { parser, told } = await withReader(() => plain.read('SELECT 1'));
  t.equal(parser.parse('SELECT FROM FROM').kind, 'syntax-error');
  t.match(told, [/\(a syntax error\)/]);
});

t.test('later it is found out now and then', async (t) => {
  const { parser, told } = await withReader((text) => (text === 'SELECT 2' ? plain.read('SELECT 3') : plain.read(text)));
  for (let read = 0; read < 64; read += 1) parser.parse('SELECT 1');
  let wrong = 0;
  while (told.length === 0 && wrong < 2_000) {
    wrong += 1;
    parser.parse('SELECT 2');
  }
  t.equal(wrong, 1_024 - 64);
  t.match(told, [/A_Const\.ival\.ival/]);
});

t.test('a reader that throws leaves the text to the parser', async (t) => {
  const { parser, told, asked } = await withReader(() => {
    throw new TypeError('of a mistake');
  });
  t.same(parser.parse('SELECT 1'), parser.parseInFull('SELECT 1'));
  t.match(told, [/it failed: TypeError/]);
  parser.parse('SELECT 1');
  t.equal(asked.length, 1);

  const short = await withReader(() => {
    throw new RangeError('Maximum call stack size exceeded');
  });
  t.same(short.parser.parse('SELECT 1'), short.parser.parseInFull('SELECT 1'));
  t.same(short.told, [], 'a short stack is no mistake of its own');
});

t.test('all that share a trust lose it together, and a closed one is not told', async (t) => {
  const trust = new PlainTrust();
  const one = await withReader(blind, trust);
  const other = await withReader((text) => plain.read(text), trust);
  const closed = await withReader((text) => plain.read(text), trust);
  closed.parser.close();
  one.parser.parse('SELECT a FROM t WHERE b');
  other.parser.parse('SELECT 1');
  t.same([one.told.length, other.told.length, closed.told.length], [1, 1, 0]);
  t.same(other.asked, []);
});

t.test('where two trees part', (t) => {
  t.equal(firstDifference({ a: [1, { b: 'x' }] }, { a: [1, { b: 'x' }] }), null);
  t.equal(firstDifference({ a: 1, b: 2 }, { b: 2, a: 1 }), 'b', 'the order counts');
  t.equal(firstDifference({ a: 1 }, { a: 1, b: undefined }), 'b');
  t.equal(firstDifference({ a: { b: [1, 2] } }, { a: { b: [1, 3] } }), 'a.b.1');
  t.equal(firstDifference({ a: 0 }, { a: -0 }), 'a');
  t.equal(firstDifference([], {}), 'as a whole');
  t.equal(firstDifference({ a: {} }, { a: null }), 'a');
  const deep = (levels: number, inner: unknown): unknown => {
    let made = inner;
    for (let level = 0; level < levels; level += 1) made = { x: made };
    return made;
  };
  t.equal(firstDifference(deep(50_000, 1), deep(50_000, 1)), null);
  t.equal(firstDifference(deep(50_000, 1), deep(50_000, 2))?.length, 47);
  t.end();
});

// The last one: afterwards this process has no early reader.
t.test('classifiers forget what they judged, in this thread and in others', async (t) => {
  const source = `
    import { parentPort } from 'node:worker_threads';
    import { createPostgresClassifier } from ${JSON.stringify(new URL('../../policies/classify/postgres/classifier.ts', import.meta.url).href)};
    import { threadTrust } from ${JSON.stringify(new URL('../../policies/classify/postgres/plain/trust.ts', import.meta.url).href)};
    let told = 0;
    await createPostgresClassifier({ onMisread: () => { told += 1; } });
    threadTrust.whenLost((words) => parentPort.postMessage({ isLost: threadTrust.isLost, words, told }));
    parentPort.postMessage('ready');
    setInterval(() => undefined, 1_000);
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { execArgv: [] });
  t.teardown(() => worker.terminate());
  const heard: unknown[] = [];
  worker.on('message', (message) => heard.push(message));
  await eventually('the thread runs', () => heard.length === 1);

  const told: string[] = [];
  const classifier = await createPostgresClassifier({ onMisread: (words) => told.push(words) });
  t.teardown(() => classifier.close());
  const action = {
    kind: 'statement',
    text: 'SELECT a FROM t',
    mode: { key: '', settings: {}, catalogue: null },
    classified: null,
  } as unknown as Action;
  const before = classifier.classify(action);
  t.equal(classifier.classify(action), before);
  threadTrust.lose('as a test says');
  threadTrust.lose('and again');
  t.match(told, [/as a test says.*restart the gateway/s]);
  const after = classifier.classify(action);
  t.not(after, before);
  t.same(after, before);
  await eventually('the thread hears of it', () => heard.length === 2);
  t.same(heard[1], { isLost: true, words: null, told: 0 }, 'told by the thread that found it');
});
