// Which columns the rules mean, by pattern: "ssn" in any table, "customers.email" in any schema, "public.customers.*". Letter
// case does not count. Of several rules that mean one column the strictest counts.

import { glob, type Glob } from '../../src/core/glob.ts';
import type { MaskMethod, MaskRule } from '../../src/core/masking.ts';
import { stricter } from './methods.ts';

export interface ColumnMask {
  readonly method: MaskMethod;
  /** Computed of the value: its ends may be what the value has in its middle, so nothing of it is shown. */
  readonly isComputed?: boolean;
  /** A statement may ask about it. */
  readonly mayBeAsked: boolean;
}

interface Pattern {
  readonly parts: readonly Glob[];
  readonly rule: MaskRule;
}

/** Columns looked up and remembered; a target has that many at most. */
const rememberedMax = 50_000;

export class MaskedColumns {
  readonly #patterns: readonly Pattern[];
  readonly #remembered = new Map<string, ColumnMask | null>();
  readonly #ofTables = new WeakMap<ReadonlySet<string>, readonly Pattern[]>();

  constructor(rules: readonly MaskRule[]) {
    this.#patterns = rules.flatMap((rule) =>
      rule.columns.map((column) => ({ parts: column.toLowerCase().split('.').map(glob).reverse(), rule })),
    );
  }

  /** No rule names columns. */
  get isEmpty(): boolean {
    return this.#patterns.length === 0;
  }

  /** What can't be told is masked as strictly as any column is. */
  get unknown(): ColumnMask {
    return unite(this.#patterns.map(({ rule }) => rule)) ?? { method: 'null', mayBeAsked: true };
  }

  /** Null when it is shown. A schema that isn't known ("") could be any. */
  of(schema: string, table: string, column: string): ColumnMask | null {
    const key = `${schema}\0${table}\0${column}`;
    const known = this.#remembered.get(key);
    if (known !== undefined) return known;
    const names = [column, table, schema].map((name) => name.toLowerCase());
    const meant = this.#patterns.filter(({ parts }) => parts.every((part, at) => (at === 2 && schema === '') || part(names[at] ?? '')));
    const mask = unite(meant.map(({ rule }) => rule));
    if (this.#remembered.size < rememberedMax) this.#remembered.set(key, mask);
    return mask;
  }

  /** The strictest of what a column of this name is in any of these tables. */
  inTables(tables: ReadonlySet<string>, column: string): ColumnMask | null {
    const name = column.toLowerCase();
    return unite(this.#meantIn(tables).flatMap(({ parts: [part], rule }) => (part?.(name) === true ? [rule] : [])));
  }

  /** One of these tables may have a masked column. */
  mayBeIn(tables: ReadonlySet<string>): boolean {
    return this.#meantIn(tables).length > 0;
  }

  /** Once for each set: a text can hold ten thousand names, and asks for each of them. */
  #meantIn(tables: ReadonlySet<string>): readonly Pattern[] {
    let meant = this.#ofTables.get(tables);
    if (meant === undefined) {
      const names = [...tables].map((table) => table.toLowerCase());
      meant = this.#patterns.filter(({ parts: [, table] }) => table === undefined || names.some(table));
      this.#ofTables.set(tables, meant);
    }
    return meant;
  }
}

function unite(rules: readonly MaskRule[]): ColumnMask | null {
  const [first, ...others] = rules;
  if (first === undefined) return null;
  return {
    method: others.reduce((method, rule) => stricter(method, rule.with), first.with),
    mayBeAsked: rules.every(({ predicates }) => predicates === 'allow'),
  };
}
