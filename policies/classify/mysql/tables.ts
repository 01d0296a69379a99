// Finds the tables that a query names: FROM and JOIN lists at any depth, without the names that WITH defines, each only
// where it is in force. When in doubt a name counts as a table.

import type { Token } from './lexer.ts';

export interface TableReference {
  /** Database as written, or null. */
  readonly database: string | null;
  readonly name: string;
  readonly alias: string | null;
  readonly start: number;
  readonly end: number;
  /** Index in the statement's tokens of the (last) name. */
  readonly at: number;
  /** True in the statement's own outermost list, where UPDATE and DELETE find their targets. */
  readonly outermost: boolean;
}

/** What stands in a parenthesis, or in the whole statement. */
interface Frame {
  /** `want`: a table comes next; `from`: inside a FROM list, after a table. */
  state: 'other' | 'want' | 'from';
  sawSelect: boolean;
  /** Names defined by WITH so far. */
  defined: Set<string> | null;
  /** Where in a WITH list it is; null outside of one. */
  with: 'name' | 'after-name' | 'body' | 'after-body' | null;
  withName: string;
  recursive: boolean;
  /** The name that this parenthesis defines, told to the parent when it closes. */
  readonly defines: string | null;
  /** A parenthesis inside a FROM list: its own list of tables unless a SELECT comes. */
  readonly nestedList: boolean;
}

function newFrame(state: Frame['state'], defines: string | null, nestedList: boolean): Frame {
  return { state, sawSelect: false, defined: null, with: null, withName: '', recursive: false, defines, nestedList };
}

/** Words that end a FROM list; reserved in every server. */
const listEnds = new Set(['WHERE', 'GROUP', 'HAVING', 'ORDER', 'LIMIT', 'UNION', 'SET', 'INTO', 'PROCEDURE', 'VALUES', 'LOCK']);
/** Words after a table that can't be its alias. */
const notAliases = new Set([
  ...listEnds,
  ...'JOIN INNER CROSS LEFT RIGHT NATURAL STRAIGHT_JOIN FULL OUTER ON USING USE FORCE IGNORE FOR PARTITION TABLESAMPLE EXCEPT INTERSECT SELECT RETURNING WINDOW'.split(
    ' ',
  ),
]);

/** Tables of `tokens[from..to)`; `begin` tells whether the first token already stands in a list of tables. */
export function tablesIn(tokens: readonly Token[], from: number, to: number, begin: 'other' | 'want'): TableReference[] {
  const finder = new TableFinder(tokens, to, begin);
  finder.run(from);
  return finder.found;
}

class TableFinder {
  readonly found: TableReference[] = [];
  readonly #tokens: readonly Token[];
  readonly #to: number;
  readonly #frames: Frame[];

  constructor(tokens: readonly Token[], to: number, begin: 'other' | 'want') {
    this.#tokens = tokens;
    this.#to = to;
    this.#frames = [newFrame(begin, null, begin === 'want')];
  }

  run(from: number): void {
    let at = from;
    while (at < this.#to) at = this.#step(at);
  }

  get #frame(): Frame {
    return this.#frames.at(-1) as Frame;
  }

  #step(at: number): number {
    const token = this.#tokens[at] as Token;
    const frame = this.#frame;
    if (token.kind === 'op') return this.#operator(at, token.text, frame);
    if (frame.with !== null) return this.#inWith(at, token, frame);
    if (frame.state === 'want' && (token.kind === 'name' || token.kind === 'word')) return this.#wanted(at, token, frame);
    if (token.kind === 'word') return this.#word(at, token.text, frame);
    return at + 1;
  }

  #operator(at: number, op: string, frame: Frame): number {
    if (op === '(') this.#open(frame);
    else if (op === ')') this.#close();
    else if (op === ',') {
      if (frame.with === 'after-body') frame.with = 'name';
      else if (frame.state === 'from') frame.state = 'want';
    } else if (op === '{' && frame.state === 'want') {
      return at + 2; // `{oj a LEFT JOIN b …}`: the word may be any
    } else if (op === '.' && frame.state === 'want') return this.#table(at + 1, null, at, frame);
    return at + 1;
  }

  #open(frame: Frame): void {
    if (frame.with === 'body') {
      frame.with = 'after-body';
      if (frame.recursive) this.#define(frame, frame.withName);
      this.#frames.push(newFrame('other', frame.withName, false));
      return;
    }
    const inList = frame.state === 'want';
    if (inList) frame.state = 'from';
    this.#frames.push(newFrame(inList ? 'want' : 'other', null, inList));
  }

  #close(): void {
    if (this.#frames.length === 1) return;
    const closed = this.#frames.pop() as Frame;
    if (closed.defines !== null) this.#define(this.#frame, closed.defines);
  }

  #define(frame: Frame, name: string): void {
    frame.defined ??= new Set();
    frame.defined.add(name);
  }

  #inWith(at: number, token: Token, frame: Frame): number {
    const word = token.kind === 'word' ? token.text : null;
    switch (frame.with) {
      case 'name':
        if (word === 'RECURSIVE' && isName(this.#tokens[at + 1])) frame.recursive = true;
        else {
          frame.withName = token.raw;
          frame.with = 'after-name';
        }
        return at + 1;
      case 'after-name':
        if (word === 'AS') frame.with = 'body';
        else if (word !== null) frame.with = null;
        return at + 1;
      case 'body':
      case 'after-body':
      case null:
        frame.with = null;
        return at; // the query itself begins here
    }
  }

  #word(at: number, word: string, frame: Frame): number {
    switch (word) {
      case 'SELECT':
        frame.sawSelect = true;
        frame.state = 'other';
        return at + 1;
      case 'WITH':
        if (isName(this.#tokens[at + 1]) && this.#wordAt(at + 1) !== 'ROLLUP') frame.with = 'name';
        return at + 1;
      case 'FROM':
        // FROM without SELECT is an argument: EXTRACT(DAY FROM x), TRIM(x FROM y).
        if (frame.sawSelect) frame.state = 'want';
        return at + 1;
      case 'TABLE':
        frame.state = 'want';
        return at + 1;
      case 'JOIN':
      case 'STRAIGHT_JOIN':
        if (frame.state === 'from') frame.state = 'want';
        return at + 1;
      case 'FOR':
        return this.#for(at, frame);
      default:
        if (frame.state === 'from' && this.#endsList(at, word)) frame.state = 'other';
        return at + 1;
    }
  }

  /** WINDOW and RETURNING are reserved in some servers only: as an alias they must not hide the tables that follow. */
  #endsList(at: number, word: string): boolean {
    if (word === 'WINDOW') return this.#wordAt(at + 2) === 'AS';
    if (word === 'RETURNING') {
      const next = this.#tokens[at + 1];
      if (next === undefined || at + 1 >= this.#to) return false;
      return next.kind === 'op' ? next.text === '*' || next.text === '(' : !(next.kind === 'word' && notAliases.has(next.text));
    }
    return listEnds.has(word);
  }

  /** Index hints (FOR JOIN, FOR ORDER BY) and FOR SYSTEM_TIME go on with the list; FOR UPDATE ends it. */
  #for(at: number, frame: Frame): number {
    const next = this.#wordAt(at + 1);
    if (next === 'JOIN' || next === 'SYSTEM_TIME' || next === 'PORTION') return at + 2;
    if (next === 'ORDER' || next === 'GROUP') return at + 3;
    if (frame.state === 'from') frame.state = 'other';
    return at + 1;
  }

  #wanted(at: number, token: Token, frame: Frame): number {
    if (token.kind === 'word') {
      switch (token.text) {
        case 'SELECT':
        case 'WITH':
          frame.state = 'other';
          return this.#word(at, token.text, frame);
        case 'VALUES':
          frame.state = 'other';
          return at + 1;
        case 'LATERAL':
        case 'OJ':
        case 'LEFT':
        case 'TABLE':
          return at + 1;
        case 'ONLY':
          break;
        case 'DUAL':
          frame.state = 'from';
          return at + 1;
      }
    }
    const next = this.#tokens[at + 1];
    if (next?.kind === 'op' && next.text === '(' && at + 1 < this.#to) {
      frame.state = 'from'; // a table function: JSON_TABLE(…)
      return at + 1;
    }
    return this.#table(at, null, at, frame);
  }

  /** Reads `name`, `db.name` or `catalog.db.name` whose first part is at `at`. */
  #table(at: number, database: string | null, first: number, frame: Frame): number {
    const token = this.#tokens[at];
    if (token === undefined || at >= this.#to || !isName(token)) return at;
    const dot = this.#tokens[at + 1];
    const after = this.#tokens[at + 2];
    if (at + 2 < this.#to && dot?.kind === 'op' && dot.text === '.' && isName(after)) return this.#table(at + 2, token.raw, first, frame);
    frame.state = 'from';
    const name = token.raw;
    const [alias, next] = this.#alias(at + 1);
    if (database === null && first === at && this.#isDefined(name)) return next;
    const start = (this.#tokens[first] as Token).start;
    const outermost = this.#frames.every((it, index) => index === 0 || it.nestedList);
    this.found.push({ database, name, alias, start, end: token.end, at, outermost });
    return next;
  }

  /** `.* ` after a name is the DELETE list's way to name a table. */
  #alias(at: number): readonly [string | null, number] {
    const token = this.#tokens[at];
    if (token === undefined || at >= this.#to) return [null, at];
    if (token.kind === 'op' && token.text === '.') return [null, at + 2];
    if (token.kind === 'word' && token.text === 'AS') {
      const named = this.#tokens[at + 1];
      return isName(named) ? [named.raw, at + 2] : [null, at + 1];
    }
    if (token.kind === 'name' || (token.kind === 'word' && !notAliases.has(token.text))) return [token.raw, at + 1];
    return [null, at];
  }

  #isDefined(name: string): boolean {
    // MySQL compares them letter by letter: under another case it is the table.
    return this.#frames.some((it) => it.defined?.has(name) === true);
  }

  #wordAt(at: number): string | null {
    const token = this.#tokens[at];
    return token?.kind === 'word' && at < this.#to ? token.text : null;
  }
}

export function isName(token: Token | undefined): token is Token & { readonly kind: 'name' | 'word' } {
  return token?.kind === 'name' || token?.kind === 'word';
}
