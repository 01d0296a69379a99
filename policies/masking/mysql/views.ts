// The columns of the target's views, by the query that the server keeps of each: it writes every column with its alias, so a
// column is hidden when its expression names something hidden.

import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import { lex, type Token } from '../../classify/mysql/lexer.ts';
import type { ColumnMask, MaskedColumns } from '../columns.ts';
import type { Reach, ViewColumns } from './reach.ts';
import { hiddenIn, isStar, itemsOf, selectList, selectsIn, stricterMask } from './words.ts';

/** Views of views: further than this nobody has looked. */
const depthMax = 16;

export class Views {
  readonly #definitions = new Map<string, { schema: string; definition: string | undefined }[]>();
  readonly #columns: MaskedColumns;
  readonly #known = new Map<string, ViewColumns>();
  #depth = 0;

  constructor(catalogue: SqlCatalogue | null, columns: MaskedColumns) {
    this.#columns = columns;
    for (const { kind, schema, name, definition } of catalogue?.relations ?? []) {
      if (kind !== 'view') continue;
      const key = name.toLowerCase();
      this.#definitions.set(key, [...(this.#definitions.get(key) ?? []), { schema: schema.toLowerCase(), definition }]);
    }
  }

  /** Undefined when it is no view. Of several schemas all count where it isn't said which. */
  named(name: string, schema: string | null): ViewColumns | undefined {
    const found = (this.#definitions.get(name.toLowerCase()) ?? []).filter((it) => schema === null || it.schema === schema.toLowerCase());
    if (found.length === 0) return undefined;
    const all = found.map(({ schema: its, definition }) => this.#read(`${its}.${name.toLowerCase()}`, definition));
    if (all.some((it) => it === null)) return null;
    const merged = new Map<string, ColumnMask | null>();
    for (const one of all) for (const [column, mask] of one ?? []) merged.set(column, stricterMask(merged.get(column) ?? null, mask));
    return merged;
  }

  /** Of the tables and views whose names are among these words. */
  reach(words: Iterable<string>): Reach {
    const tables = new Set<string>();
    const views: ViewColumns[] = [];
    for (const word of words) {
      tables.add(word);
      const view = this.named(word, null);
      if (view !== undefined) views.push(view);
    }
    return { tables, views };
  }

  #read(key: string, definition: string | undefined): ViewColumns {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (definition === undefined || definition === '' || this.#depth >= depthMax) return null;
    this.#depth += 1;
    const columns = this.#columnsOf(lex(definition, { ansiQuotes: false, noBackslashEscapes: false }, () => true).tokens);
    this.#depth -= 1;
    this.#known.set(key, columns);
    return columns;
  }

  #columnsOf(tokens: readonly Token[]): ViewColumns {
    const reach = this.reach(new Set(tokens.filter(({ kind }) => kind === 'name').map(({ text }) => text.toLowerCase())));
    const list = selectList(tokens);
    // A query in a query: an alias inside may stand for anything, so if anything in it is hidden, everything may be.
    const everywhere = selectsIn(tokens) > 1 ? hiddenIn(tokens, this.#columns, reach) : null;
    if (list === null || itemsOf(list).some(isStar)) return null;
    const columns = new Map<string, ColumnMask | null>();
    for (const item of itemsOf(list)) {
      const alias = item.at(-1);
      if (alias?.kind !== 'name') return null;
      const isPlain = item.length <= 7 && item.every(({ kind, text }) => kind === 'name' || text === '.' || text === 'AS');
      const mask = stricterMask(everywhere, hiddenIn(item.slice(0, -1), this.#columns, reach));
      columns.set(alias.text.toLowerCase(), mask === null || isPlain ? mask : { ...mask, isComputed: true });
    }
    return columns;
  }
}
