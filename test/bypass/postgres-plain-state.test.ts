// What the early reader of plain queries keeps between two texts, and what its trees share, never changes what is read or judged: words of
// equal hashes, names that every object of JavaScript has, a stack that ends in the middle, and nodes that stand in many trees.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import t from 'tap';
import { Judge } from '../../policies/classify/postgres/judge.ts';
import { outlinesOf } from '../../policies/classify/postgres/outline.ts';
import { Parser } from '../../policies/classify/postgres/parser.ts';
import { firstDifference } from '../../policies/classify/postgres/plain/difference.ts';
import { freeKeywords, otherKeywords } from '../../policies/classify/postgres/plain/keywords.ts';
import { PlainQueries } from '../../policies/classify/postgres/plain/query.ts';
import { PlainTrust } from '../../policies/classify/postgres/plain/trust.ts';
import { madeQuery } from '../support/plain-queries.ts';
import { seededRandom } from '../support/seeded-random.ts';

const parser = await Parser.create();
t.teardown(() => parser.close());
const plain = new PlainQueries();

/** What is wrong with the tree of a text that has to be read early, or null. */
function wrong(text: string): string | null {
  const read = plain.read(text);
  if (read === null) return 'left to the parser';
  const parsed = parser.parseInFull(text);
  return parsed.kind === 'statements' ? firstDifference([read], parsed.statements) : parsed.kind;
}

t.test("the parser's own key words are all known", (t) => {
  const wasm = readFileSync(createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm'), 'latin1');
  const from = wasm.indexOf('abort\0absent\0');
  const its = wasm.slice(from, wasm.indexOf('\0zone\0', from) + 5).split('\0');
  t.ok(from > 0 && its.length > 480, `${its.length} words`);
  const known = new Set([...freeKeywords, ...otherKeywords]);
  t.same(
    its.filter((word) => !known.has(word)),
    [],
  );
  t.equal(known.size, freeKeywords.length + otherKeywords.length, 'each is of one kind');
  t.end();
});

t.test('words of one place are told apart', (t) => {
  // "Aa" and "BB" have the same hash by 31, and so has whatever is made of equally many of them.
  let same = [''];
  for (let pairs = 0; pairs < 4; pairs += 1) same = same.flatMap((word) => [`${word}Aa`, `${word}BB`]);
  const spelled = same.flatMap((word) => [word, `"${word}"`, word.toLowerCase(), `"${word.toLowerCase()}"`]);
  const below = seededRandom(20261122);
  const some = (): string => spelled[below(spelled.length)] as string;
  for (let round = 0; round < 300; round += 1) {
    const text = `SELECT ${some()}.${some()} AS ${some()}, ${some()} ${some()}, ${some()}(1)::${some()} FROM ${some()}.${some()} ${some()}`;
    if (wrong(text) !== null) t.equal(wrong(text), null, text);
  }
  // More words than there are places, key words among them, with and without quotes.
  const letters = 'abcdefghijklmnopqrstuvwxyz_';
  const random = (): string => Array.from({ length: 1 + below(5) }, () => letters[below(27)]).join('');
  const words = Array.from({ length: 6_000 }, random);
  words.push(...freeKeywords, ...otherKeywords);
  for (let round = 0; round < 2_000; round += 1) {
    const [one, two, three] = [0, 1, 2].map(() => words[below(words.length)] as string);
    const text = `SELECT "${one}"."${two}" AS "${three}", x.${two}, "${three}"("${one}") FROM "${two}"."${three}" AS "${one}"`;
    const result = wrong(text);
    const isLeft = ['not', 'nulls', 'with', 'without', 'format'].includes(two as string);
    if (isLeft ? plain.read(text) !== null : result !== null) t.equal(result, null, text);
  }
  t.pass('all alike');
  t.end();
});

t.test('names that every object has', (t) => {
  const names = ['constructor', '__proto__', 'prototype', 'tostring', 'valueof', 'hasownproperty', '__definegetter__', 'length'];
  const quoted = ['"__proto__"', '"toString"', '"hasOwnProperty"', '"valueOf"', '"__defineGetter__"', '"String"', '"sval"'];
  for (const its of [...names, ...quoted]) {
    const text = `SELECT ${its}, a.${its} AS ${its}, ${its}(1)::${its}, 2 ${its} FROM ${its}.${its} AS ${its} GROUP BY ${its} ORDER BY ${its}`;
    t.equal(wrong(text), null, its);
  }
  t.end();
});

t.test('a stack that ends in the middle of a text', (t) => {
  const text = `SELECT ${'('.repeat(9)}1 + (SELECT CASE WHEN NOT NOT a IN (SELECT b FROM c) THEN f(g(1)) END)${')'.repeat(9)} AS "d"`;
  const results = { read: 0, left: 0, failed: 0, wrong: 0 };
  const whole = JSON.stringify(plain.read(text));
  const descend = (): void => {
    try {
      descend();
    } catch {
      // Each level on the way back has a little more room.
      if (results.read > 20) return;
      try {
        const read = plain.read(text);
        if (read === null) results.left += 1;
        else if (JSON.stringify(read) === whole) results.read += 1;
        else results.wrong += 1;
      } catch {
        results.failed += 1;
        throw new RangeError('still too deep');
      }
      throw new RangeError('and on');
    }
  };
  descend();
  t.ok(results.failed > 0 && results.read > 0, JSON.stringify(results));
  t.equal(results.wrong, 0);
  t.equal(results.left, 0);
  t.equal(wrong('SELECT a FROM t WHERE b = 1'), null, 'and leaves nothing behind');
  t.end();
});

t.test('nobody writes into a tree, or takes two of its nodes for one', async (t) => {
  const frozen = await Parser.create({ reader: { read: (text) => freeze(plain.read(text)) }, trust: new PlainTrust() });
  const full = await Parser.create({ reader: { read: () => null }, trust: new PlainTrust() });
  t.teardown(() => [frozen, full].forEach((it) => it.close()));
  const judges = [frozen, full].map((it) => new Judge(it));
  const below = seededRandom(20261123);
  const tables = [
    { name: 'a', columns: ['a', 'id', 'pg_sleep'] },
    { name: 'pg_authid', columns: ['a', 'rolpassword', 'id'] },
  ];
  const spelling = {
    name: (name: string) => name,
    value: () => ['1', "'a'", '$1', 'a', 'pg_sleep(1)', 'lower(a)', 'NULL'][below(7)] as string,
  };
  const texts = Array.from({ length: 300 }, () => madeQuery(below, tables, 8, spelling));
  texts.push(
    "SELECT a FROM a WHERE a = a AND a IN ('a', 'a') OR a.a = (SELECT a FROM a a WHERE a.a = a)",
    'SELECT f(f(f(a)), nextval(a)) FROM f',
  );
  let read = 0;
  for (const text of texts) {
    if (plain.read(text) !== null) read += 1;
    const mode = { settings: {}, catalogue: null };
    const [early, late] = judges.map((judge) => judge.judge(text, mode));
    const [outlined, its] = [frozen, full].map((it) => {
      const parsed = it.parse(text);
      return parsed.kind === 'statements' ? outlinesOf(parsed.statements) : [];
    });
    if (firstDifference([early, outlined], [late, its]) !== null) t.same([early, outlined], [late, its], text);
  }
  t.ok(read > 150, `${read} of ${texts.length} read early`);
});

function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}
