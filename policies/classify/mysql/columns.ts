// Which columns a statement reads, asks about and writes, by its tokens. There is no tree to follow here, so every word that may name a
// column of one of the statement's tables counts as read; what is thought read and isn't costs comfort only.

import type { ColumnsTouched, StatementFacts } from '../../../src/core/classification.ts';
import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import { anyColumn, anyColumns } from '../../../src/core/summary.ts';
import { ColumnNames, type NamedTable } from './column-names.ts';
import { writtenColumns } from './columns-written.ts';
import type { Token } from './lexer.ts';
import { modifiers } from './changes.ts';
import { qualifiedName } from './objects.ts';
import { opAt, wordAt, type Reading } from './reading.ts';
import { reservedWords } from './reserved-words.ts';
import { isName, tablesIn, type TableReference } from './tables.ts';

/** Columns of one statement that are told apart; of more, any. */
const columnsMax = 2_000;
/** Tables looked at for names, and what is found, together: a tenth of a second. Beyond, any column is meant. */
const looksMax = 2_000_000;
const foundMax = 40_000;
/** From each verb of a change its statement is read to the end: tokens that are read so, together. */
const tokensReadMax = 20_000_000;

const known = new WeakMap<object, ColumnNames>();
const nothingKnown = new ColumnNames(null);

export function columnNamesOf(catalogue: SqlCatalogue | null): ColumnNames {
  if (catalogue === null) return nothingKnown;
  let names = known.get(catalogue);
  if (names === undefined) {
    names = new ColumnNames(catalogue);
    known.set(catalogue, names);
  }
  return names;
}

/** The columns of `tokens[from..to)`, a statement with these effects. */
export function columnsTouched(reading: Reading, names: ColumnNames, from: number, to: number, facts: StatementFacts): ColumnsTouched {
  const { tokens } = reading;
  const verb = wordAt(tokens, from, to);
  // These show or store, and read no rows.
  if (verb === 'SHOW' || verb === 'DESC' || verb === 'DESCRIBE' || verb === 'GRANT' || verb === 'REVOKE' || verb === 'PREPARE')
    return facts.columns ?? none;
  if (verb === 'HANDLER') return facts.columns ?? none; // no words for columns: it was judged with the statement
  if (changesIn(tokens, from, to) * (to - from) > tokensReadMax) return anyColumns;
  const tables = tablesOf(reading, from, to, facts);
  if (tables.length === 0) return facts.columns ?? none;
  const written = writtenColumns(reading, names, from, to, tables);
  const mentions = new Mentions(reading, names, from, to, tables, written.at);
  mentions.run();
  const isPlanned = facts.kind === 'explain';
  const writes = isPlanned ? [] : listed([...written.columns, ...(facts.columns?.written ?? [])]);
  if (mentions.gaveUp) return { ...anyColumns, written: writes };
  return {
    read: listed([...mentions.read, ...(facts.columns?.read ?? [])]),
    asked: listed([...(mentions.asksEverything ? mentions.read : mentions.asked), ...(facts.columns?.asked ?? [])]),
    written: writes,
  };
}

/** How many words may begin a change; a block has several of them. */
function changesIn(tokens: readonly Token[], from: number, to: number): number {
  let changes = 0;
  for (let at = from; at < to; at++) {
    const word = wordAt(tokens, at, to);
    if (word === null || !changing.has(word)) continue;
    if (opAt(tokens, at + 1, to) !== '(' && !/^(FOR|KEY|ON)$/.test(wordAt(tokens, at - 1) ?? '')) changes += 1;
  }
  return changes;
}

const changing = new Set(['UPDATE', 'DELETE', 'INSERT', 'REPLACE']);
const none: ColumnsTouched = { read: [], asked: [], written: [] };

function listed(columns: readonly string[]): readonly string[] {
  const distinct = new Map<string, string>();
  for (const column of columns) if (!distinct.has(column.toLowerCase())) distinct.set(column.toLowerCase(), column);
  return distinct.size > columnsMax ? [anyColumn] : [...distinct.values()].sort();
}

/** Every table of the statement: those in lists, with their aliases, and those that only its effects name. */
function tablesOf(reading: Reading, from: number, to: number, { effects }: StatementFacts): NamedTable[] {
  const { tokens, objects } = reading;
  const found: NamedTable[] = [];
  const add = ({ database, name, alias, at }: TableReference): void => {
    const names = new Set([(alias ?? name).toLowerCase(), name.toLowerCase()]);
    found.push({ qualified: qualifiedName(objects, { database, name } as TableReference), names, at });
  };
  // ALTER TABLE t …, ADD …: what stands behind the table is no list.
  if (wordAt(tokens, from, to) !== 'ALTER') for (const table of tablesIn(tokens, from, to, 'other')) add(table);
  // Lists that no FROM begins: UPDATE a, b SET …; DELETE FROM a; DELETE a FROM a, b.
  for (let at = from; at < to; at++) {
    const word = wordAt(tokens, at, to);
    if ((word !== 'UPDATE' && word !== 'DELETE') || /^(FOR|KEY|ON)$/.test(wordAt(tokens, at - 1) ?? '')) continue;
    let begin = at + 1;
    while (modifiers[word].has(wordAt(tokens, begin, to) ?? '')) begin += 1;
    const lists = word === 'UPDATE' ? [begin] : indexesOf(tokens, begin, to, ['FROM', 'USING']).map((it) => it + 1);
    for (const list of lists) for (const table of tablesIn(tokens, list, to, 'want')) if (table.outermost) add(table);
  }
  const seen = new Set(found.map(({ qualified }) => qualified.toLowerCase()));
  const words = new Set(tokens.slice(from, to).map(({ raw }) => raw.toLowerCase()));
  for (const { objectKind, object } of effects) {
    if ((objectKind !== 'table' && objectKind !== 'view') || object === null || seen.has(object.toLowerCase())) continue;
    const name = object.slice(object.indexOf('.') + 1).toLowerCase();
    if (!words.has(name)) continue; // what follows from the change of another one
    seen.add(object.toLowerCase());
    found.push({ qualified: object, names: new Set([name]), at: -1 });
  }
  return found;
}

function indexesOf(tokens: readonly Token[], from: number, to: number, words: readonly string[]): number[] {
  const found: number[] = [];
  let depth = 0;
  for (let at = from; at < to; at++) {
    const op = opAt(tokens, at, to);
    if (op === '(') depth += 1;
    else if (op === ')') depth -= 1;
    else if (depth === 0 && words.includes(wordAt(tokens, at, to) ?? '')) found.push(at);
  }
  return found;
}

/** A parenthesis, or the whole statement. */
interface Frame {
  /** Everything in it is asked about: it stands in a condition, or in a call whose answer depends on a comparison. */
  readonly asks: boolean;
  clause: 'list' | 'from' | 'asked';
  isQuery: boolean;
  /** Index of the innermost query around it, among the frames made. */
  readonly number: number;
  readonly outer: Frame | null;
  caseDepth: number;
}

const asking = new Set(['WHERE', 'ON', 'HAVING', 'GROUP', 'ORDER', 'USING', 'PARTITION', 'OVER', 'WINDOW']);
const listing = new Set(['SELECT', 'RETURNING', 'SET', 'VALUES', 'VALUE']);
/** One list of these is compared with others as a whole. */
const comparing = new Set(['DISTINCT', 'DISTINCTROW', 'UNION', 'EXCEPT', 'INTERSECT', 'MINUS', 'ROLLUP']);
const beforeStar = new Set(
  'SELECT ALL DISTINCT DISTINCTROW HIGH_PRIORITY STRAIGHT_JOIN SQL_SMALL_RESULT SQL_BIG_RESULT SQL_BUFFER_RESULT SQL_CACHE SQL_NO_CACHE SQL_CALC_FOUND_ROWS RETURNING'.split(
    ' ',
  ),
);
const choosing = new Set(['IF', 'IFNULL', 'NULLIF', 'FIELD', 'ELT', 'INTERVAL', 'LEAST', 'GREATEST', 'COUNT', 'STRCMP']);

class Mentions {
  readonly read = new Set<string>();
  readonly asked = new Set<string>();
  /** The order, the groups or the conditions name something that is computed, by its alias or its place. */
  asksEverything = false;
  /** There were too many tables for so many names. */
  gaveUp = false;
  #looks = 0;
  readonly #reading: Reading;
  readonly #names: ColumnNames;
  readonly #from: number;
  readonly #to: number;
  readonly #tables: readonly NamedTable[];
  readonly #skipped: Set<number>;
  readonly #aliases = new Set<string>();
  readonly #tablesAt = new Map<number, NamedTable[]>();
  /** The query that each table stands in, by number. */
  readonly #queryOf = new Map<NamedTable, number>();
  readonly #stars: { readonly query: number; readonly asks: boolean }[] = [];
  #frame: Frame = { asks: false, clause: 'list', isQuery: true, number: 0, outer: null, caseDepth: 0 };
  #frames = 1;
  /** The last word was the END of a CASE. */
  #endsCase = false;

  constructor(reading: Reading, names: ColumnNames, from: number, to: number, tables: readonly NamedTable[], written: ReadonlySet<number>) {
    this.#reading = reading;
    this.#names = names;
    this.#from = from;
    this.#to = to;
    this.#tables = tables;
    this.#skipped = new Set(written);
    for (const table of tables) {
      if (table.at < 0) continue;
      this.#skipTable(table.at);
      const others = this.#tablesAt.get(table.at);
      if (others === undefined) this.#tablesAt.set(table.at, [table]);
      else others.push(table);
    }
  }

  run(): void {
    const { tokens } = this.#reading;
    for (let at = this.#from; at < this.#to && !this.gaveUp; at++) at = this.#step(at, tokens[at] as Token);
    for (const { query, asks } of this.#stars) {
      if (!this.#mayLook()) return;
      const within = this.#tables.filter((table) => (this.#queryOf.get(table) ?? query) === query);
      for (const { qualified } of within) this.#add(this.#names.all(qualified), asks);
    }
  }

  /** Its name, what stands before the name, and its alias are no columns. */
  #skipTable(at: number): void {
    const { tokens } = this.#reading;
    this.#skipped.add(at);
    for (let before = at; opAt(tokens, before - 1) === '.'; before -= 2) this.#skipped.add(before - 2);
    const alias = wordAt(tokens, at + 1, this.#to) === 'AS' ? at + 2 : at + 1;
    const token = tokens[alias];
    if (isName(token) && !(token.kind === 'word' && reservedWords.has(token.text))) this.#skipped.add(alias);
  }

  /** Returns the last token that was looked at. */
  #step(at: number, token: Token): number {
    const { tokens } = this.#reading;
    for (const table of this.#tablesAt.get(at) ?? []) this.#queryOf.set(table, this.#query());
    if (token.kind === 'op') return this.#operator(at, token.text);
    if (token.kind === 'number' && this.#frame.clause === 'asked') this.#place(at);
    if (!isName(token)) return at;
    if (token.kind === 'word' && opAt(tokens, at - 1) !== '.') this.#word(at, token.text);
    if (this.#skipped.has(at)) return at;
    const parts = [token.raw];
    let end = at;
    while (opAt(tokens, end + 1, this.#to) === '.' && end + 2 < this.#to) {
      const next = tokens[end + 2] as Token;
      end += 2;
      if (next.kind === 'op' && next.text === '*') {
        this.#starOf(parts);
        return end;
      }
      parts.push(next.raw);
    }
    if (opAt(tokens, end + 1, this.#to) === '(' && !this.#isListed(at)) return end; // a call
    if (parts.length === 1 && this.#isNoColumn(at, token)) return end;
    this.#mention(parts);
    return end;
  }

  #operator(at: number, op: string): number {
    const { tokens } = this.#reading;
    if (op === '(') {
      const before = wordAt(tokens, at - 1);
      const isRow = before === 'COUNT' && opAt(tokens, at + 1) === '*';
      const isPlainCount = before === 'COUNT' && opAt(tokens, at + 2) === ')';
      const asks = this.#asksNow || (before !== null && choosing.has(before) && !isRow && !isPlainCount);
      this.#frame = { asks, clause: 'list', isQuery: false, number: this.#frames++, outer: this.#frame, caseDepth: 0 };
    } else if (op === ')') this.#frame = this.#frame.outer ?? this.#frame;
    else if (op === '*' && beforeStar.has(wordAt(tokens, at - 1) ?? (opAt(tokens, at - 1) === ',' ? 'SELECT' : '')))
      this.#stars.push({ query: this.#query(), asks: this.#asksNow });
    return at;
  }

  #word(at: number, word: string): void {
    const { tokens } = this.#reading;
    const frame = this.#frame;
    this.#endsCase = false;
    if (comparing.has(word)) this.asksEverything = true;
    if (word === 'CASE') frame.caseDepth += 1;
    else if (word === 'END' && frame.caseDepth > 0) {
      frame.caseDepth -= 1;
      this.#endsCase = true;
    } else if (word === 'NATURAL') this.#natural();
    else if (word === 'TABLE' && this.#beginsQuery(at)) this.#stars.push({ query: this.#query(), asks: false });
    else if (word === 'ON' && wordAt(tokens, at + 1) === 'DUPLICATE') frame.clause = 'list';
    else if (listing.has(word)) {
      frame.clause = 'list';
      if (word === 'SELECT') frame.isQuery = true;
    } else if (word === 'FROM') frame.clause = 'from';
    else if (word === 'LIMIT' || word === 'FOR' || word === 'INTO') frame.clause = frame.clause === 'asked' ? 'from' : frame.clause;
    else if (asking.has(word)) frame.clause = 'asked';
    else if (word === 'JOIN' || word === 'STRAIGHT_JOIN') frame.clause = 'from';
  }

  /** TABLE t is a query, TABLE in other places is grammar. */
  #beginsQuery(at: number): boolean {
    const { tokens } = this.#reading;
    const verb = wordAt(tokens, this.#from) ?? '';
    if (at === this.#from || opAt(tokens, at - 1) === '(') return true;
    return /^(INSERT|REPLACE|WITH|EXPLAIN|CREATE)$/.test(verb)
      ? at > this.#from + 1
      : /^(ALL|UNION|EXCEPT|INTERSECT)$/.test(wordAt(tokens, at - 1) ?? '');
  }

  get #asksNow(): boolean {
    return this.#frame.asks || this.#frame.clause === 'asked' || this.#frame.caseDepth > 0;
  }

  /** Number of the innermost query around. */
  #query(): number {
    let frame: Frame = this.#frame;
    while (!frame.isQuery && frame.outer !== null) frame = frame.outer;
    return frame.number;
  }

  /** ORDER BY 2, GROUP BY 1: a column of the result. */
  #place(at: number): void {
    const { tokens } = this.#reading;
    if (wordAt(tokens, at - 1) === 'BY' || opAt(tokens, at - 1) === ',') this.asksEverything = true;
  }

  /** `(a, b)` behind a name in an INDEX hint or an INSERT is no call. */
  #isListed(at: number): boolean {
    return this.#skipped.has(at);
  }

  #isNoColumn(at: number, token: Token): boolean {
    const { tokens } = this.#reading;
    const before = wordAt(tokens, at - 1);
    if (before === 'AS') {
      this.#aliases.add(token.raw.toLowerCase());
      return true;
    }
    if (token.kind !== 'word') return false;
    if (reservedWords.has(token.text) || at === this.#from) return true;
    if ((token.text === 'END' && this.#endsCase) || (token.text === 'DUPLICATE' && before === 'ON')) return true;
    const isLiteral = /^(DATE|TIME|TIMESTAMP|_\w+)$/.test(token.text) && tokens[at + 1]?.kind === 'string';
    const isUnit =
      /^(MICROSECOND|SECOND|MINUTE|HOUR|DAY|WEEK|MONTH|QUARTER|YEAR)$/.test(token.text) && wordAt(tokens, at - 2) === 'INTERVAL';
    const isGrammar = token.text === 'OFFSET' && /^(number|parameter)$/.test(tokens[at + 1]?.kind ?? '');
    return isLiteral || isUnit || isGrammar || before === 'COLLATE' || (before === 'SET' && wordAt(tokens, at - 2) === 'CHARACTER');
  }

  /** Before all tables are looked at: whether that may be done once more. */
  #mayLook(): boolean {
    this.#looks += this.#tables.length;
    this.gaveUp ||= this.#looks > looksMax || this.read.size > foundMax;
    return !this.gaveUp;
  }

  #mention(parts: readonly string[]): void {
    if (!this.#mayLook()) return;
    const name = parts.at(-1) ?? '';
    const qualifier = parts.at(-2)?.toLowerCase();
    const its = qualifier === undefined ? [] : this.#tables.filter(({ names }) => names.has(qualifier));
    let isColumn = false;
    for (const { qualified } of its.length > 0 ? its : this.#tables) {
      const found = this.#names.column(qualified, name);
      if (found === null) continue;
      isColumn = true;
      this.#add(found, this.#asksNow);
    }
    // Ordered or grouped by an alias, or by a column of a subquery: whatever that is made of is asked about.
    if (this.#asksNow && (!isColumn || (its.length === 0 && this.#aliases.has(name.toLowerCase())))) this.asksEverything = true;
  }

  #starOf(parts: readonly string[]): void {
    if (!this.#mayLook()) return;
    const qualifier = (parts.at(-1) ?? '').toLowerCase();
    for (const { qualified, names } of this.#tables) if (names.has(qualifier)) this.#add(this.#names.all(qualified), this.#asksNow);
  }

  /** Columns that several tables have are compared; of a table that is not known, any may be. */
  #natural(): void {
    if (!this.#mayLook()) return;
    const counts = new Map<string, number>();
    for (const { qualified } of this.#tables)
      for (const name of this.#names.columnsOf(qualified) ?? []) counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
    for (const { qualified } of this.#tables) {
      const columns = this.#names.columnsOf(qualified);
      if (columns === null) this.#add(this.#names.all(qualified), true);
      for (const name of columns ?? [])
        if ((counts.get(name.toLowerCase()) ?? 0) > 1) this.#add(this.#names.column(qualified, name) ?? [], true);
    }
  }

  #add(columns: readonly string[], asks: boolean): void {
    for (const column of columns) {
      this.read.add(column);
      if (asks) this.asked.add(column);
    }
  }
}
