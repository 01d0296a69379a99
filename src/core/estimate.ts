// How many rows an action would reach, for the policies that ask. Made from the target's statistics (src/core/preview.ts): nothing of
// the asked text is sent to the target for it. Wherever something is not known the answer is null, never a small number.

import type { Action } from './action.ts';
import type { Classification, StatementFacts } from './classification.ts';
import type { Condition } from './condition.ts';
import type { RowSource, StatementOutline } from './preview.ts';
import type { Target } from './target.ts';

/** Where the action would run. */
export interface EstimatePlace {
  readonly target: Target;
  /** The session's database; null: the target's own. */
  readonly database: string | null;
}

export interface Estimator {
  /** Rows that it would change, remove or give back; null when that can't be known in time. Never rejects. */
  estimatedRows(action: Action, classification: Classification, place: EstimatePlace, signal: AbortSignal): Promise<number | null>;
}

/** What is known of the tables that a text names. */
export interface EstimateTables {
  /** The schema and name of an effect's object; a schema that is not known is null. */
  named(object: string): { readonly schema: string | null; readonly name: string };
  /** One of the server's own, whose rows don't count. */
  isSystem(object: string): boolean;
  /** Rows of a table that meet a condition, at most; null when it is not a table or not known. */
  rows(object: string, where: Condition | null): number | null;
  /** Deleting its rows changes rows of other tables. */
  cascades(object: string): boolean;
}

const nothingRead: Condition = { kind: 'not-read' };
/** Beside what it is about a statement may do this without reaching more rows. */
const besides = new Set(['lock', 'sequence', 'notify']);

/** Rows that one statement would change, remove or give back, at most. Pure. */
export function statementRows(facts: StatementFacts, outline: StatementOutline | null, tables: EstimateTables): number | null {
  const { kind, effects } = facts;
  if (effects.some(({ access }) => access === 'unknown')) return null;
  const writes = effects.filter(({ access, verb, through }) => access === 'write' && !besides.has(verb) && through === undefined);
  const written = [...new Set(writes.map(({ object }) => object ?? ''))];
  const [only = ''] = written;
  switch (kind) {
    case 'update':
    case 'delete': {
      if (written.length !== 1 || (kind === 'delete' && tables.cascades(only))) return null;
      const rows = tables.rows(only, outline === null ? nothingRead : outline.where);
      return rows === null ? null : Math.min(rows, outline?.rowsMax ?? rows);
    }
    case 'truncate':
    case 'drop table': {
      if (outline === null || (kind === 'truncate' && outline.cascade)) return null;
      return sum(written.map((object) => tables.rows(object, null)));
    }
    case 'insert':
    case 'replace':
      return written.length === 1 ? sourceRows(outline, facts, tables) : null;
    default:
      if (writes.length > 0) return null;
      return readsTables(facts, tables) ? sourceRows(outline, facts, tables) : (sourceRows(outline, facts, tables) ?? 0);
  }
}

function readsTables({ effects }: StatementFacts, tables: EstimateTables): boolean {
  return effects.some(({ objectKind, object }) => (objectKind === 'table' || objectKind === 'view') && !tables.isSystem(object ?? ''));
}

function sourceRows(outline: StatementOutline | null, facts: StatementFacts, tables: EstimateTables): number | null {
  const source = outline?.source;
  if (source === undefined) return null;
  const objects = facts.effects.flatMap(({ object, objectKind, through }) =>
    object !== null && objectKind !== 'function' && through === undefined ? [object] : [],
  );
  return rowsFrom(source, [...new Set(objects)], tables);
}

function rowsFrom(source: RowSource, objects: readonly string[], tables: EstimateTables): number | null {
  switch (source.kind) {
    case 'rows':
      return source.rows;
    case 'not-read':
      return null;
    case 'first': {
      const rows = rowsFrom(source.of, objects, tables);
      return rows === null ? source.rowsMax : Math.min(rows, source.rowsMax);
    }
    case 'sum':
      return sum(source.parts.map((it) => rowsFrom(it, objects, tables)));
    case 'product': {
      const parts = source.parts.map((it) => rowsFrom(it, objects, tables));
      const together = parts.reduce(
        (product, it) => (product === null || it === null ? null : product * (source.outer ? Math.max(it, 1) : it)),
        1,
      );
      return source.outer ? sum([together, ...parts]) : together;
    }
    case 'table': {
      const meant = objects.filter((object) => {
        const { schema, name } = tables.named(object);
        return name === source.name && (source.schema === null || schema === null || schema === source.schema);
      });
      const [object, ...others] = meant;
      if (object === undefined || others.length > 0) return null;
      return tables.isSystem(object) ? 1 : tables.rows(object, source.where);
    }
  }
}

function sum(parts: readonly (number | null)[]): number | null {
  return parts.reduce((total, it) => (total === null || it === null ? null : total + it), 0);
}
