// What one statement returns, declares, fetches or takes out, and where it comes from, by its parse tree.

import type { RawStatement, Tree } from '../../classify/postgres/tree.ts';
import { flagAt, listAt, namesOf, nodeOf, textAt, treeAt } from '../../classify/postgres/tree.ts';
import { Lineage } from '../../classify/postgres/lineage/query-lineage.ts';
import type { Columns, Relations } from '../../classify/postgres/lineage/relations.ts';
import { everythingOf } from '../../classify/postgres/lineage/scope.ts';
import { TooDeep, type Copy } from '../../classify/postgres/lineage/seen.ts';
import { anySource, noSources, unknownSources, type Sources } from '../../classify/postgres/lineage/sources.ts';

export interface StatementLineage {
  /** What its rows hold: these columns, those of a cursor, or nothing that is hidden. */
  readonly rows: { readonly kind: 'columns'; readonly columns: Columns } | { readonly kind: 'fetch'; readonly cursor: string } | null;
  readonly declares: { readonly cursor: string; readonly columns: Columns } | null;
  /** What COPY TO takes out, around the result. */
  readonly exports: Sources;
  readonly asked: Sources;
  readonly mentioned: Sources;
  readonly copies: readonly Copy[];
}

/** The inner tree of a name of EXECUTE; null when nobody knows it. */
export type PreparedTree = (name: string) => unknown;

const unknownColumns: Columns = { columns: [], rest: unknownSources };
const nothing: StatementLineage = { rows: null, declares: null, exports: noSources, asked: noSources, mentioned: noSources, copies: [] };

/** Of a statement that could not be read. */
export const unknownLineage: StatementLineage = {
  ...nothing,
  rows: { kind: 'columns', columns: unknownColumns },
  mentioned: unknownSources,
};

export function lineageOf(
  raw: RawStatement,
  relations: Relations,
  path: readonly string[] | null,
  prepared: PreparedTree,
): StatementLineage {
  const node = nodeOf(raw.stmt);
  if (node === null) return unknownLineage;
  const lineage = new Lineage(relations, path);
  try {
    return { ...nothing, ...read(node.type, node.body, lineage, prepared), ...seen(lineage) };
  } catch (thrown) {
    if (thrown instanceof TooDeep) return unknownLineage;
    throw thrown;
  }
}

function seen({ seen: { asked, mentioned, copies } }: Lineage): Pick<StatementLineage, 'asked' | 'mentioned' | 'copies'> {
  return { asked, mentioned, copies };
}

function read(type: string, body: Tree, lineage: Lineage, prepared: PreparedTree): Partial<StatementLineage> {
  const columnsOf = (columns: Columns): Partial<StatementLineage> => ({ rows: { kind: 'columns', columns } });
  switch (type) {
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return columnsOf(lineage.query({ [type]: body }));
    case 'PrepareStmt': // a portal of a name of SQL PREPARE is judged by the whole text
      return columnsOf(lineage.query(body['query']));
    case 'ExecuteStmt':
      return inner(prepared(textAt(body, 'name')), lineage, prepared);
    case 'ExplainStmt': {
      // Plans hold no values but those that planning computes by calling functions.
      const within = inner(body['query'], lineage, prepared);
      return lineage.seen.mentioned.has(anySource) || within === unknownLineage ? columnsOf(unknownColumns) : {};
    }
    case 'CreateTableAsStmt': {
      const found = inner(body['query'], lineage, prepared);
      const into = treeAt(treeAt(body, 'into') ?? {}, 'rel') ?? {};
      const sources = found.rows?.kind === 'columns' ? everythingOf(found.rows.columns) : found.rows == null ? noSources : unknownSources;
      lineage.seen.copies.push({ schema: textAt(into, 'schemaname') || null, table: textAt(into, 'relname'), column: null, sources });
      return {};
    }
    case 'DeclareCursorStmt':
      return { declares: { cursor: textAt(body, 'portalname'), columns: lineage.query(body['query']) } };
    case 'FetchStmt':
      return flagAt(body, 'ismove') ? {} : { rows: { kind: 'fetch', cursor: textAt(body, 'portalname') } };
    case 'CopyStmt':
      return flagAt(body, 'is_from') ? {} : { exports: exported(body, lineage) };
    case 'CallStmt':
      return columnsOf(unknownColumns);
    case 'DoStmt':
      lineage.seen.copies.push({ schema: null, table: 'whatever its code writes or says', column: null, sources: unknownSources });
      return {};
    default:
      return {};
  }
}

function inner(value: unknown, lineage: Lineage, prepared: PreparedTree): Partial<StatementLineage> {
  const node = nodeOf(value);
  return node === null ? unknownLineage : read(node.type, node.body, lineage, prepared);
}

function exported(body: Tree, lineage: Lineage): Sources {
  if (body['query'] !== undefined) return everythingOf(lineage.query(body['query']));
  const columns = lineage.relation(treeAt(body, 'relation') ?? {});
  const names = namesOf(listAt(body, 'attlist')) ?? [];
  if (names.length === 0 || columns.rest !== null) return everythingOf(columns);
  return everythingOf({ columns: columns.columns.filter(({ name }) => names.includes(name)), rest: null });
}
