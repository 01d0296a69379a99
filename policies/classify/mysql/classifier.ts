// The MySQL and MariaDB classifier: an exact text in a known mode becomes statements with effects, or is not understood.
// Executable comments are read in every way a server could, and the union counts. Answers are shared and cached.

import type { Action, PreparedStatement, ReadingMode } from '../../../src/core/action.ts';
import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { Classification, Problem, StatementFacts } from '../../../src/core/classification.ts';
import type { Classifier } from '../../../src/core/policy.ts';
import { classificationOf, notUnderstood } from '../../../src/core/summary.ts';
import { withoutTrailing } from '../../../src/core/without-trailing.ts';
import { ClassificationCache } from '../../../src/core/classification-cache.ts';
import { MaskedLiterals } from '../masked-literals.ts';
import { SharedSummaries } from '../shared-summaries.ts';
import { columnNamesOf, columnsTouched } from './columns.ts';
import type { Token } from './lexer.ts';
import { mysqlLiterals, withoutLiterals } from './masked-literals.ts';
import { objectsOf } from './objects.ts';
import { hasNonAscii, isProblem, rereadMode, sqlModeOf, type SqlMode } from './reading-mode.ts';
import { readingsOf } from './readings.ts';
import { shapeOfMysql } from './shape.ts';
import { opAt, wordAt, type Reading } from './reading.ts';
import { judgeStatement } from './statements.ts';
import { outlinesOf } from './outline.ts';

export interface MysqlClassifierOptions {
  /** Longer texts are not understood. */
  readonly textUnitsMax?: number;
}

/** 2 million characters: an INSERT as dump tools write it has one; reading takes about 20 ms per million. */
const defaultTextUnitsMax = 2_000_000;
/** Parentheses in parentheses; servers give up at a few hundred too. */
const depthMax = 500;
/** Statements in one text; dump tools send them one by one. */
const statementsMax = 5_000;
/** PREPARE in PREPARE is not allowed by any server. */
const preparedNestingMax = 2;

const nothingPrepared = (): undefined => undefined;

/** Makes a classifier for one gateway. It answers at once and holds nothing but its cache. */
export function createMysqlClassifier(options: MysqlClassifierOptions = {}): Classifier {
  const textUnitsMax = options.textUnitsMax ?? defaultTextUnitsMax;
  const cache = new ClassificationCache();
  const literals = new MaskedLiterals(mysqlLiterals);
  const summaries = new SharedSummaries();
  return {
    outline: outlinesOf,
    classify(action: Action): Classification {
      const { text, mode } = action;
      const known = literals.found(action, cache);
      if (known !== undefined) return known;
      if (text.length > textUnitsMax)
        return notUnderstood('too-large', `the statement has ${text.length} characters; ${textUnitsMax} are read`);
      const masked = literals.mayRecur(text) ? withoutLiterals(text) : null;
      const alike = masked === null ? undefined : literals.get(mode.key, masked, text);
      if (alike !== undefined) return alike;
      const lookup = new PreparedLookup(action.prepared ?? nothingPrepared);
      const judged = classifyPrepared(text, mode, lookup);
      // What EXECUTE means depends on the session, so it is never shared.
      if (lookup.used) return judged;
      const classification = summaries.shared(judged);
      literals.keep(action, classification, cache);
      if (masked !== null) literals.note(mode.key, masked, text, classification);
      return classification;
    },
    shapeOf: shapeOfMysql,
  };
}

/** Remembers whether anybody asked. */
class PreparedLookup {
  used = false;
  readonly #lookup: (name: string) => PreparedStatement | undefined;

  constructor(lookup: (name: string) => PreparedStatement | undefined) {
    this.#lookup = lookup;
  }

  get(name: string): PreparedStatement | undefined {
    this.used = true;
    return this.#lookup(name);
  }
}

/**
 * Where an optimizer hint sets a variable for its statement, or null: guards as well (foreign_key_checks), which a change could go around
 * so. One in a string counts too.
 */
function hintWithVariable(text: string): number | null {
  for (let at = text.indexOf('/*+'); at !== -1;) {
    const end = text.indexOf('*/', at);
    if (/\bset_var\b/i.test(text.slice(at, end === -1 ? undefined : end))) return at;
    at = end === -1 ? -1 : text.indexOf('/*+', end);
  }
  return null;
}

/** A text that was prepared under other settings than those of now must mean the same under both. */
function classifyPrepared(text: string, mode: ReadingMode, prepared: PreparedLookup): Classification {
  const judged = classifyText(text, mode, prepared, 0);
  const again = rereadMode(mode);
  if (again === null || !judged.understood) return judged;
  const reread = classifyText(text, again, prepared, 0);
  if (reread.understood && JSON.stringify(reread) === JSON.stringify(judged)) return judged;
  return notUnderstood(
    'ambiguous-mode',
    'it was prepared in another character set or sql_mode: the server may read it anew in that of now',
    null,
  );
}

function classifyText(text: string, mode: ReadingMode, prepared: PreparedLookup, nesting: number): Classification {
  const sqlMode = sqlModeOf(mode, text);
  if (isProblem(sqlMode)) return refuse(sqlMode);
  const read = readingsOf(text, sqlMode);
  if (read.kind === 'problem') return refuse(read.problem);
  const statements: StatementFacts[] = [];
  const seen = new Set<string>();
  for (const tokens of read.readings) {
    const problem = strangeCharacters(tokens, sqlMode) ?? nulOutsideStrings(text, tokens) ?? tooDeep(tokens) ?? readStatements(tokens);
    if (problem !== null) return refuse(problem);
  }
  const hinted = hintWithVariable(text);
  if (hinted !== null && statements.some(({ effects }) => effects.some(({ access }) => access === 'write' || access === 'unknown')))
    return refuse({ kind: 'unknown-construct', message: 'a change under a hint that sets a variable: use SET', offset: hinted });
  return classificationOf(statements);

  function readStatements(tokens: readonly Token[]): Problem | null {
    const local = new Map<string, PreparedStatement>();
    const reading: Reading = {
      tokens,
      mode: sqlMode as SqlMode,
      objects: objectsOf(sqlMode as SqlMode, mode.catalogue),
      prepared: (name) => local.get(name) ?? prepared.get(name),
      inner: (innerText) => innerFacts(innerText, mode, prepared, nesting),
    };
    const names = columnNamesOf((mode.catalogue?.content as SqlCatalogue | undefined) ?? null);
    return eachStatement(reading, (judged, from, to) => {
      const facts: StatementFacts = { ...judged, columns: columnsTouched(reading, names, from, to, judged) };
      for (const change of facts.changes) {
        if (change.kind === 'prepare') local.set(change.name, { text: '', classification: classificationOf([change.inner]) });
        if (change.kind === 'deallocate' && change.name !== null) local.delete(change.name);
      }
      const key = `${facts.kind} ${facts.missingWhere} ${JSON.stringify([facts.effects, facts.columns])} ${facts.span.start}`;
      if (seen.has(key)) return;
      seen.add(key);
      statements.push(facts);
    });
  }
}

function refuse(problem: Problem): Classification {
  return notUnderstood(problem.kind, problem.message, problem.offset);
}

/**
 * What a text that stands as a literal in PREPARE or EXECUTE IMMEDIATE does, or null when that isn't known. The server takes the literal
 * through character_set_connection, and one of them (swe7) has none of these two characters: the quote that they hold together is gone.
 */
function innerFacts(text: string, mode: ReadingMode, prepared: PreparedLookup, nesting: number): StatementFacts | null {
  if (nesting >= preparedNestingMax || /[\\`]/.test(text)) return null;
  const inner = classifyText(text, mode, prepared, nesting + 1);
  const only = inner.statements[0];
  return inner.understood && inner.statements.length === 1 && only !== undefined ? only : null;
}

/** Under a single-byte character set some characters from 0x80 are white space, so outside of quotes none is understood. */
function strangeCharacters(tokens: readonly Token[], mode: SqlMode): Problem | null {
  if (mode.unicode) return null;
  for (const token of tokens) {
    if (token.kind === 'word' && hasNonAscii(token.raw)) {
      return { kind: 'encoding', message: `a character that may be white space in character set ${mode.charset}`, offset: token.start };
    }
  }
  return null;
}

/** Servers end a line comment at NUL and some end the text there; inside a string it is a character like others. */
function nulOutsideStrings(text: string, tokens: readonly Token[]): Problem | null {
  if (!text.includes('\0')) return null;
  let at = 0;
  const end = withoutTrailing(text, '\0').length;
  for (let nul = text.indexOf('\0'); nul !== -1 && nul < end; nul = text.indexOf('\0', nul + 1)) {
    while (at < tokens.length && (tokens[at] as Token).end <= nul) at += 1;
    const token = tokens[at];
    if (token?.kind !== 'string' || token.start > nul)
      return { kind: 'encoding', message: 'a NUL character outside of a string', offset: nul };
  }
  return null;
}

function tooDeep(tokens: readonly Token[]): Problem | null {
  let depth = 0;
  for (const token of tokens) {
    if (token.kind !== 'op') continue;
    if (token.text === '(' && ++depth > depthMax)
      return { kind: 'parser-gave-up', message: 'parentheses nested too deeply', offset: token.start };
    if (token.text === ')') depth -= 1;
  }
  return null;
}

/** Splits at semicolons and judges each statement; a body of stored code takes the rest of the text. */
function eachStatement(reading: Reading, found: (facts: StatementFacts, from: number, to: number) => void): Problem | null {
  const { tokens } = reading;
  let count = 0;
  let readingChanged = false;
  for (let from = 0; from < tokens.length;) {
    const to = endOfStatement(tokens, from);
    if (to === from) {
      from += 1;
      continue;
    }
    if (++count > statementsMax) return { kind: 'too-large', message: `more than ${statementsMax} statements in one text`, offset: null };
    const offset = tokens[from]?.start ?? null;
    if (readingChanged)
      return { kind: 'ambiguous-mode', message: 'an earlier statement of the same text changes how this one is read', offset };
    const judged = judgeStatement(reading, from, to);
    if (judged.kind === 'problem') return judged.problem;
    if (holdsBody(reading, from, to, judged.facts)) {
      found(withBody(reading, from, judged.facts), from, tokens.length);
      return null;
    }
    found(judged.facts, from, to);
    readingChanged = judged.changesReading;
    from = to + 1;
  }
  return null;
}

function endOfStatement(tokens: readonly Token[], from: number): number {
  let to = from;
  while (to < tokens.length && opAt(tokens, to) !== ';') to += 1;
  return to;
}

/** A block (BEGIN … END) was begun and the text goes on: semicolons don't end it. */
function holdsBody(reading: Reading, from: number, to: number, facts: StatementFacts): boolean {
  if (to >= reading.tokens.length - 1) return false;
  if (facts.kind === 'compound statement') return true;
  if (!facts.effects.some((it) => it.verb === 'code')) return false;
  for (let at = from; at < to; at++) if (blockWords.has(wordAt(reading.tokens, at, to) ?? '')) return true;
  return false;
}

const blockWords = new Set(['BEGIN', 'IF', 'CASE', 'LOOP', 'REPEAT', 'WHILE', 'FOR', 'DECLARE']);

/** Adds the effects of everything that follows; what can't be judged by itself (END, ELSE, DECLARE) is unknown code. */
function withBody(reading: Reading, from: number, head: StatementFacts): StatementFacts {
  const { tokens } = reading;
  const effects = new Map(head.effects.map((it) => [JSON.stringify(it), it]));
  const risks = [...head.risks];
  for (let at = from + 1; at < tokens.length;) {
    const to = endOfStatement(tokens, at);
    const judged = to === at ? null : judgeStatement(reading, skipBlockWords(tokens, at, to), to);
    if (judged?.kind === 'facts') {
      for (const effect of judged.facts.effects) effects.set(JSON.stringify(effect), effect);
      risks.push(...judged.facts.risks);
    }
    at = to + 1;
  }
  const unknown = { verb: 'code', access: 'unknown', objectKind: 'none', object: null } as const;
  effects.set(JSON.stringify(unknown), unknown);
  return { ...head, effects: [...effects.values()], risks, span: { start: head.span.start, end: tokens.at(-1)?.end ?? head.span.end } };
}

const leadWords = new Set(['BEGIN', 'THEN', 'ELSE', 'DO', 'LOOP', 'REPEAT', 'NOT', 'ATOMIC']);

/** In a body a statement may follow BEGIN, THEN, ELSE, DO without a semicolon. */
function skipBlockWords(tokens: readonly Token[], from: number, to: number): number {
  let begin = from;
  for (let at = from; at < to - 1; at++) if (leadWords.has(wordAt(tokens, at, to) ?? '')) begin = at + 1;
  return begin;
}
