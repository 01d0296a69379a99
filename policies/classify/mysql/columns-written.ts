// The columns that a statement assigns to: the list of INSERT, the left sides of SET, what ALTER TABLE drops or changes. Without a list
// it is every column.

import type { ColumnNames, NamedTable } from './column-names.ts';
import { modifiers } from './changes.ts';
import { nameAt } from './definitions.ts';
import type { Token } from './lexer.ts';
import { opAt, wordAt, type Reading } from './reading.ts';
import { isName } from './tables.ts';

export interface Written {
  readonly columns: readonly string[];
  /** Indexes of the tokens that name them there: written is not read. */
  readonly at: ReadonlySet<number>;
}

export function writtenColumns(reading: Reading, names: ColumnNames, from: number, to: number, tables: readonly NamedTable[]): Written {
  return new WrittenReader(reading, names, to, tables).read(from);
}

class WrittenReader {
  readonly #columns = new Set<string>();
  readonly #at = new Set<number>();
  readonly #reading: Reading;
  readonly #names: ColumnNames;
  readonly #to: number;
  readonly #tables: readonly NamedTable[];

  constructor(reading: Reading, names: ColumnNames, to: number, tables: readonly NamedTable[]) {
    this.#reading = reading;
    this.#names = names;
    this.#to = to;
    this.#tables = tables;
  }

  read(from: number): Written {
    const { tokens } = this.#reading;
    if (wordAt(tokens, from, this.#to) === 'ALTER') this.#alter(from);
    else {
      for (let at = from; at < this.#to; at++) {
        const word = wordAt(tokens, at, this.#to);
        if (opAt(tokens, at - 1) === '.') continue;
        if (word === 'INSERT' || word === 'REPLACE') this.#insert(at);
        else if (word === 'LOAD' && at === from) this.#load(at);
        else if (word === 'UPDATE') this.#update(at);
      }
    }
    return { columns: [...this.#columns], at: this.#at };
  }

  /** INSERT INTO t (a, b) …; INSERT INTO t SET a = …. INSERT(…) and REPLACE(…) are functions. */
  #insert(at: number): void {
    const { tokens } = this.#reading;
    if (opAt(tokens, at + 1, this.#to) === '(') return;
    let from = at + 1;
    while (modifiers.INSERT.has(wordAt(tokens, from, this.#to) ?? '')) from += 1;
    const name = nameAt(this.#reading, from, this.#to);
    if (name === null) return;
    for (let i = from; i <= name.end; i++) this.#at.add(i);
    const table = this.#reading.objects.qualify(name.database, name.name);
    let next = name.end + 1;
    if (wordAt(tokens, next, this.#to) === 'PARTITION') next = this.#closing(next + 1) + 1;
    const isList = opAt(tokens, next, this.#to) === '(' && !/^(SELECT|WITH|VALUES|TABLE)$/.test(wordAt(tokens, next + 1, this.#to) ?? '');
    if (wordAt(tokens, next, this.#to) === 'SET') this.#assignments(next + 1, [table]);
    else if (isList && opAt(tokens, next + 1, this.#to) !== ')') {
      const end = this.#closing(next);
      for (let i = next + 1; i < end; i++) {
        if (!isName(tokens[i])) continue;
        this.#at.add(i);
        if (opAt(tokens, i + 1) !== '.') this.#write(table, tokens[i] as Token);
      }
    } else this.#all(table);
    for (let i = next; i + 2 < this.#to; i++) {
      if (wordAt(tokens, i) === 'DUPLICATE' && wordAt(tokens, i + 1) === 'KEY' && wordAt(tokens, i + 2) === 'UPDATE')
        this.#assignments(i + 3, [table]);
    }
  }

  /** UPDATE a, b SET a.x = …: not FOR UPDATE, not KEY UPDATE. */
  #update(at: number): void {
    const { tokens } = this.#reading;
    const before = wordAt(tokens, at - 1);
    if (before === 'FOR' || before === 'KEY' || before === 'ON') return;
    let depth = 0;
    for (let i = at + 1; i < this.#to; i++) {
      const op = opAt(tokens, i, this.#to);
      if (op === '(') depth += 1;
      else if (op === ')') depth -= 1;
      else if (depth === 0 && wordAt(tokens, i, this.#to) === 'SET') {
        this.#assignments(i + 1, null);
        return;
      }
    }
  }

  /** All columns: which ones the file fills is said in too many ways. */
  #load(at: number): void {
    const { tokens } = this.#reading;
    for (let i = at + 1; i < this.#to; i++) {
      if (wordAt(tokens, i, this.#to) !== 'TABLE') continue;
      const name = nameAt(this.#reading, i + 1, this.#to);
      if (name !== null) this.#all(this.#reading.objects.qualify(name.database, name.name));
      return;
    }
  }

  /** `a = …, t.b = …` up to WHERE, ORDER or LIMIT; `tables` null: those that the names say, or all. */
  #assignments(from: number, tables: readonly string[] | null): void {
    const { tokens } = this.#reading;
    let depth = 0;
    let begins = true;
    for (let at = from; at < this.#to; at++) {
      const op = opAt(tokens, at, this.#to);
      if (op === '(') depth += 1;
      else if (op === ')') depth -= 1;
      if (depth < 0 || (depth === 0 && /^(WHERE|ORDER|LIMIT|RETURNING)$/.test(wordAt(tokens, at, this.#to) ?? ''))) return;
      if (begins && op === '.') at += 1; // `.t.a`: of this database
      if (begins && isName(tokens[at])) at = this.#assigned(at, tables);
      begins = depth === 0 && opAt(tokens, at, this.#to) === ',';
    }
  }

  #assigned(at: number, tables: readonly string[] | null): number {
    const { tokens } = this.#reading;
    let end = at;
    this.#at.add(at);
    while (opAt(tokens, end + 1, this.#to) === '.' && end + 2 < this.#to) {
      end += 2;
      this.#at.add(end);
    }
    const qualifier = end === at ? undefined : tokens[end - 2]?.raw.toLowerCase();
    const named = this.#tables.filter(({ names }) => qualifier !== undefined && names.has(qualifier));
    const among = tables ?? (named.length > 0 ? named : this.#tables).map(({ qualified }) => qualified);
    for (const table of among) this.#write(table, tokens[end] as Token);
    return end;
  }

  #alter(from: number): void {
    const { tokens } = this.#reading;
    const at = wordAt(tokens, from + 1, this.#to) === 'TABLE' ? from + 2 : wordAt(tokens, from + 2, this.#to) === 'TABLE' ? from + 3 : -1;
    const name = at < 0 ? null : nameAt(this.#reading, wordAt(tokens, at, this.#to) === 'IF' ? at + 2 : at, this.#to);
    if (name === null) return;
    const table = this.#reading.objects.qualify(name.database, name.name);
    for (let i = name.end + 1; i < this.#to; i++) {
      if (!/^(DROP|MODIFY|CHANGE|ALTER|RENAME)$/.test(wordAt(tokens, i, this.#to) ?? '')) continue;
      let next = i + 1;
      while (/^(COLUMN|IF|EXISTS)$/.test(wordAt(tokens, next, this.#to) ?? '')) next += 1;
      const token = tokens[next];
      const isOther =
        token?.kind === 'word' && /^(INDEX|KEY|PRIMARY|FOREIGN|CONSTRAINT|PARTITION|CHECK|TO|AS|SYSTEM|DEFAULT)$/.test(token.text);
      if (next >= this.#to || !isName(token) || isOther) continue;
      this.#at.add(next);
      this.#write(table, token);
    }
  }

  #write(table: string, token: Token): void {
    for (const column of this.#names.column(table, token.raw) ?? []) this.#columns.add(column);
  }

  #all(table: string): void {
    for (const column of this.#names.all(table)) this.#columns.add(column);
  }

  /** The parenthesis that closes the one at `open`. */
  #closing(open: number): number {
    let depth = 0;
    for (let at = open; at < this.#to; at++) {
      const op = opAt(this.#reading.tokens, at, this.#to);
      if (op === '(') depth += 1;
      else if (op === ')' && --depth === 0) return at;
    }
    return this.#to;
  }
}
