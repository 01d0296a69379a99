// What a name of a column may mean among the tables of a statement, and what views make of the columns below them. When in doubt
// it is more columns, or any column of a table.

import type { CatalogueRelation, SqlCatalogue } from '../../../src/core/catalogue.ts';
import { anyColumn } from '../../../src/core/summary.ts';
import { lex } from './lexer.ts';
import type { Token } from './lexer.ts';
import { tablesIn } from './tables.ts';

/** Views of views: further than this nobody has looked. */
const depthMax = 16;

/** One table that a statement names. */
export interface NamedTable {
  /** As in the effects: "shop.customers", or "customers" where no database is in use. */
  readonly qualified: string;
  /** The names by which a column can say that it is its, lower case. */
  readonly names: ReadonlySet<string>;
  /** Where it stands; -1: not in a list of tables. */
  readonly at: number;
}

/** Looks up columns of a target's tables and views. One for each catalogue. */
export class ColumnNames {
  readonly #relations = new Map<string, CatalogueRelation>();
  readonly #views = new Map<string, ReadonlyMap<string, readonly string[]> | null>();
  #depth = 0;

  constructor(catalogue: SqlCatalogue | null) {
    for (const relation of catalogue?.relations ?? []) this.#relations.set(`${relation.schema}.${relation.name}`.toLowerCase(), relation);
  }

  /** The columns of a table as it spells them; null when they are not known. */
  columnsOf(qualified: string): readonly string[] | null {
    const columns = this.#relations.get(qualified.toLowerCase())?.columns ?? [];
    return columns.length === 0 ? null : columns;
  }

  /** A column of a table, with those below it when it is a view; null when the table has none of that name. */
  column(qualified: string, name: string): readonly string[] | null {
    const columns = this.columnsOf(qualified);
    const spelt = columns === null ? name : columns.find((it) => it.toLowerCase() === name.toLowerCase());
    return spelt === undefined ? null : [`${qualified}.${part(spelt)}`, ...this.#below(qualified, spelt)];
  }

  all(qualified: string): readonly string[] {
    const columns = this.columnsOf(qualified);
    if (columns === null) return [`${qualified}.${anyColumn}`, ...this.#below(qualified, null)];
    return columns.flatMap((name) => [`${qualified}.${part(name)}`, ...this.#below(qualified, name)]);
  }

  /** What a view's column (null: any) is made of; empty for tables. */
  #below(qualified: string, name: string | null): readonly string[] {
    const relation = this.#relations.get(qualified.toLowerCase());
    if (relation?.kind !== 'view') return [];
    const view = this.#view(relation);
    if (view === null) return [anyColumn];
    return name === null ? [...view.values()].flat() : (view.get(name.toLowerCase()) ?? [anyColumn]);
  }

  /** The server writes every column of a view with its alias. Null: nobody can tell. */
  #view({ schema, name, definition }: CatalogueRelation): ReadonlyMap<string, readonly string[]> | null {
    const key = `${schema}.${name}`.toLowerCase();
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    if (definition === undefined || definition === '' || this.#depth >= depthMax) return null;
    this.#depth += 1;
    const { tokens } = lex(definition, { ansiQuotes: false, noBackslashEscapes: false }, () => true);
    const columns = this.#columnsOfQuery(tokens, schema);
    this.#depth -= 1;
    this.#views.set(key, columns);
    return columns;
  }

  #columnsOfQuery(tokens: readonly Token[], schema: string): ReadonlyMap<string, readonly string[]> | null {
    const tables = tablesIn(tokens, 0, tokens.length, 'other').map(({ database, name, alias, at }): NamedTable => {
      return { qualified: `${database ?? schema}.${name}`, names: new Set([(alias ?? name).toLowerCase(), name.toLowerCase()]), at };
    });
    const queries = tokens.filter((token) => token.kind === 'word' && token.text === 'SELECT').length;
    const everywhere = queries > 1 ? this.#named(tokens, tables) : [];
    const columns = new Map<string, readonly string[]>();
    const from = tokens.findIndex((token) => token.kind === 'word' && token.text === 'SELECT') + 1;
    let item: Token[] = [];
    let depth = 0;
    for (let at = from; at <= tokens.length; at++) {
      const token = tokens[at];
      const isOp = token?.kind === 'op';
      if (isOp && token.text === '(') depth += 1;
      if (isOp && token.text === ')') depth -= 1;
      const ends =
        token === undefined || depth < 0 || (depth === 0 && token.kind === 'word' && /^(FROM|WHERE|UNION|LIMIT|ORDER)$/.test(token.text));
      if (!ends && !(depth === 0 && isOp && token.text === ',')) {
        item.push(token);
        continue;
      }
      const alias = item.at(-1);
      if (alias?.kind !== 'name') return null;
      columns.set(alias.text.toLowerCase(), [...new Set([...everywhere, ...this.#named(item.slice(0, -1), tables)])]);
      item = [];
      if (ends) break;
    }
    return columns;
  }

  /** Every column that these tokens of a view may name: the server writes them qualified. */
  #named(tokens: readonly Token[], tables: readonly NamedTable[]): readonly string[] {
    const found = new Set<string>();
    tokens.forEach((token, at) => {
      if (token.kind !== 'name') return;
      const dot = tokens[at - 1];
      const before = dot?.kind === 'op' && dot.text === '.' ? tokens[at - 2] : undefined;
      const meant = before === undefined ? [] : tables.filter(({ names }) => names.has(before.text.toLowerCase()));
      if (before === undefined) return;
      for (const { qualified } of meant.length > 0 ? meant : tables) {
        for (const column of this.column(qualified, token.text) ?? []) found.add(column);
      }
    });
    return [...found];
  }
}

/** A name with a dot or a quote in it is quoted, so that no name can pass for two. */
export function part(name: string): string {
  return /[."]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
