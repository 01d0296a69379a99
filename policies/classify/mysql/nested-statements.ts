// Statements that carry another one: WITH before a change, EXPLAIN, ANALYZE, SET STATEMENT … FOR.

import { nameAt } from './definitions.ts';
import { plainParts, readParts } from './query-parts.ts';
import { opAt, wordAt, type Judged, type Reading } from './reading.ts';
import { readSet } from './settings.ts';
import type { Statement } from './statement.ts';
import { judgeMaintenance } from './table-statements.ts';

/** Judges an inner statement; handed in, so that imports go one way. */
export type JudgeStatement = (reading: Reading, from: number, to: number, nesting: number) => Judged;

const changingVerbs = new Set(['UPDATE', 'DELETE', 'INSERT', 'REPLACE']);
const explainable = new Set(['SELECT', 'WITH', 'VALUES', 'TABLE', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'EXECUTE', 'CALL']);
/** Tokens between ANALYZE and the statement that it runs: FORMAT = JSON. */
const analyzeOptionsMax = 8;

/** WITH … SELECT, and MySQL's WITH … UPDATE or DELETE: the main verb stands at depth 0. */
export function judgeWith(statement: Statement, judge: JudgeStatement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const { tokens } = reading;
  let depth = 0;
  for (let at = verbAt; at < to; at++) {
    const op = opAt(tokens, at, to);
    if (op === '(') depth += 1;
    else if (op === ')') depth -= 1;
    else if (depth === 0) {
      const word = wordAt(tokens, at, to);
      if (word === null || !changingVerbs.has(word)) continue;
      if (wordAt(tokens, at - 1) === 'FOR') continue; // SELECT … FOR UPDATE
      if (isFunction(word) && opAt(tokens, at + 1, to) === '(') continue; // SELECT REPLACE(…)
      readParts(reading, verbAt, at, facts, plainParts);
      return takeOver(statement, at, judge, word.toLowerCase());
    }
  }
  facts.kind = 'select';
  return statement.parts(statement.from);
}

/** As verbs they never have a parenthesis behind them, but a table. */
function isFunction(word: string): boolean {
  return word === 'INSERT' || word === 'REPLACE';
}

/** Plain EXPLAIN runs nothing but the functions of constant and derived tables; EXPLAIN ANALYZE runs all of it. */
export function judgeExplain(statement: Statement, judge: JudgeStatement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const { tokens } = reading;
  let runs = false;
  let hasFormat = false;
  for (let at = verbAt + 1; at < to; at++) {
    const word = wordAt(tokens, at, to);
    if (word === 'ANALYZE') runs = true;
    if (word === 'FOR' && wordAt(tokens, at + 1, to) === 'CONNECTION') return statement.parts(at, 'explain');
    if (word !== null && explainable.has(word)) return runs ? takeOver(statement, at, judge) : plan(statement, at, judge);
    hasFormat ||= word === 'FORMAT';
    const isOption = word === 'ANALYZE' || word === 'EXTENDED' || word === 'PARTITIONS' || hasFormat;
    if (!isOption && opAt(tokens, at, to) !== '(') break;
  }
  // DESCRIBE t [column]
  const name = nameAt(reading, verbAt + 1, to);
  if (name === null || name.end + 2 < to) return statement.unknown('EXPLAIN of something that is not known');
  facts.kind = 'describe';
  facts.effect('read', 'read', 'table', reading.objects.qualify(name.database, name.name));
  return statement.done();
}

/** What is only planned: tables count as read, functions may be run, the rest does not happen. */
function plan(statement: Statement, at: number, judge: JudgeStatement): Judged {
  const { facts } = statement;
  facts.kind = 'explain';
  facts.effect('explain', 'read');
  const inner = judge(statement.reading, at, statement.to, statement.nesting + 1);
  if (inner.kind === 'problem') return inner;
  for (const effect of inner.facts.effects) {
    if (effect.verb === 'call') facts.effect('call', 'unknown', 'function', effect.object);
    else if (effect.objectKind === 'table') facts.effect('explain', 'read', 'table', effect.object);
    else if (effect.verb === 'server-file' || effect.verb === 'sequence' || effect.access === 'unknown' || effect.objectKind === 'function')
      facts.effect(effect.verb, effect.access, effect.objectKind, effect.object);
  }
  return statement.done();
}

/** MariaDB's ANALYZE runs a statement; ANALYZE TABLE collects statistics. */
export function judgeAnalyze(statement: Statement, judge: JudgeStatement): Judged {
  const { verbAt, to } = statement;
  for (let offset = 1; verbAt + offset < to && offset <= analyzeOptionsMax + 1; offset++) {
    const word = statement.word(offset);
    if (word === 'TABLE' || word === 'TABLES') return judgeMaintenance(statement, offset);
    if (word !== null && explainable.has(word)) return takeOver(statement, verbAt + offset, judge);
  }
  return statement.unknown('ANALYZE of something that is not known');
}

/** SET STATEMENT a = 1, b = 2 FOR statement (MariaDB). */
export function judgeSetStatement(statement: Statement, judge: JudgeStatement): Judged {
  const { reading, verbAt, to, facts } = statement;
  const { tokens } = reading;
  let depth = 0;
  for (let at = verbAt + 2; at < to; at++) {
    const op = opAt(tokens, at, to);
    if (op === '(') depth += 1;
    else if (op === ')') depth -= 1;
    if (depth !== 0 || wordAt(tokens, at, to) !== 'FOR') continue;
    readSet(tokens, verbAt + 2, at, reading.mode, facts);
    readParts(reading, verbAt + 2, at, facts, plainParts);
    return takeOver(statement, at + 1, judge);
  }
  return statement.unknown('SET STATEMENT without FOR');
}

/** The effects of the statement that begins at `at` are this one's. */
function takeOver(statement: Statement, at: number, judge: JudgeStatement, kind: string | null = null): Judged {
  const inner = judge(statement.reading, at, statement.to, statement.nesting + 1);
  if (inner.kind === 'problem') return inner;
  statement.facts.absorb(inner.facts);
  statement.facts.kind = kind ?? inner.facts.kind;
  statement.changesReading ||= inner.changesReading;
  return statement.done();
}
