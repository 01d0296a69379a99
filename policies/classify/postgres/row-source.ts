// Where the rows of a SELECT come from, as far as the text says how many they are at most. What is not read for sure (functions that
// give several rows, recursion, a name that is not a table) is not read: then nothing is known, and that is never a small number.

import type { Condition } from '../../../src/core/condition.ts';
import type { RowSource } from '../../../src/core/preview.ts';
import { judgeBuiltin } from './builtins.ts';
import { conditionOf } from './outline-condition.ts';
import { constantOf, flagAt, listAt, namesOf, nodeOf, textAt, treeAt, type Tree } from './tree.ts';

const notRead: RowSource = { kind: 'not-read' };
const none: RowSource = { kind: 'rows', rows: 0 };
/** Nesting beyond this is not read. */
const depthMax = 30;

/** Aggregates: without GROUP BY there is one row. */
const aggregates = new Set(
  'count sum avg min max array_agg string_agg json_agg jsonb_agg json_object_agg jsonb_object_agg bool_and bool_or every bit_and bit_or'.split(
    ' ',
  ),
);
/** Built-in functions that give several rows for one. */
const manyRows =
  /^(generate_|unnest|regexp_matches|regexp_split_to_table|string_to_table|jsonb?_(each|array_elements|object_keys|populate_recordset|to_recordset)|jsonb_path_query|pg_|ts_|aclexplode|txid_snapshot_xip|xpath)/;

type Named = ReadonlyMap<string, RowSource>;

/** The rows of a query (the body of a SelectStmt). */
export function rowsOfSelect(body: Tree, outer: Named = new Map(), depth = 0): RowSource {
  if (depth > depthMax) return notRead;
  const names = withNames(body, outer, depth);
  if (names === null) return notRead;
  return limited(body, unlimited(body, names, depth));
}

function unlimited(body: Tree, names: Named, depth: number): RowSource {
  const operation = textAt(body, 'op');
  if (operation !== '' && operation !== 'SETOP_NONE') {
    const [left, right] = [treeAt(body, 'larg'), treeAt(body, 'rarg')];
    if (left === null || right === null) return notRead;
    const first = rowsOfSelect(left, names, depth + 1);
    return operation === 'SETOP_UNION' ? { kind: 'sum', parts: [first, rowsOfSelect(right, names, depth + 1)] } : first;
  }
  const values = listAt(body, 'valuesLists');
  if (values.length > 0) return { kind: 'rows', rows: values.length };
  const targets = listAt(body, 'targetList');
  if (!givesOneEach(targets)) return notRead;
  const from = listAt(body, 'fromClause');
  const where = body['whereClause'];
  const parts = from.map((it) => item(it, where, from.length > 1, names, depth));
  const rows: RowSource = parts.length === 0 ? { kind: 'rows', rows: 1 } : parts.length === 1 ? parts[0]! : product(parts, false);
  // Grouping gives at most as many rows; an aggregate without it gives one, whatever it reads.
  const grouped = listAt(body, 'groupClause').length > 0 || body['groupDistinct'] !== undefined;
  return !grouped && targets.some((it) => isAggregate(nodeOf(it)?.body['val'])) ? { kind: 'rows', rows: 1 } : rows;
}

function item(value: unknown, where: unknown, joined: boolean, names: Named, depth: number): RowSource {
  const node = nodeOf(value);
  if (node === null || depth > depthMax) return notRead;
  const { type, body } = node;
  switch (type) {
    case 'RangeVar': {
      const [schema, name] = [textAt(body, 'schemaname'), textAt(body, 'relname')];
      const named = schema === '' ? names.get(name) : undefined;
      if (named !== undefined) return named;
      const alias = treeAt(body, 'alias');
      const condition: Condition | null =
        where === undefined ? null : conditionOf(where, alias === null ? name : textAt(alias, 'aliasname'), joined);
      return { kind: 'table', schema: schema === '' ? null : schema, name, where: condition };
    }
    case 'JoinExpr': {
      const outer = textAt(body, 'jointype') !== 'JOIN_INNER';
      const on = outer ? undefined : body['quals'];
      const both = [body['larg'], body['rarg']].map((it) => item(it, outer ? undefined : (where ?? on), true, names, depth + 1));
      return product(both, outer);
    }
    case 'RangeSubselect': {
      const query = nodeOf(body['subquery']);
      if (query?.type !== 'SelectStmt') return notRead;
      // LATERAL reads it once for each row beside it: the product counts that as well.
      return rowsOfSelect(query.body, names, depth + 1);
    }
    case 'RangeTableSample':
      return item(body['relation'], where, joined, names, depth + 1);
    default:
      return notRead;
  }
}

function product(parts: readonly RowSource[], outer: boolean): RowSource {
  return { kind: 'product', parts, outer };
}

/** The names that WITH gives; null when one is recursive, or changes something. */
function withNames(body: Tree, outer: Named, depth: number): Named | null {
  const clause = treeAt(body, 'withClause');
  if (clause === null) return outer;
  if (flagAt(clause, 'recursive')) return null;
  const names = new Map(outer);
  for (const it of listAt(clause, 'ctes')) {
    const cte = nodeOf(it);
    const query = cte === null ? null : nodeOf(cte.body['ctequery']);
    if (cte === null || query === null) return null;
    names.set(textAt(cte.body, 'ctename'), query.type === 'SelectStmt' ? rowsOfSelect(query.body, names, depth + 1) : notRead);
  }
  return names;
}

function limited(body: Tree, rows: RowSource): RowSource {
  const count = body['limitCount'];
  if (count === undefined) return rows;
  if (textAt(body, 'limitOption') === 'LIMIT_OPTION_WITH_TIES') return rows;
  const text = constantOf(count);
  if (text === null || !/^\d{1,15}$/.test(text)) return rows;
  return Number(text) === 0 ? none : { kind: 'first', rowsMax: Number(text), of: rows };
}

/** No column of the list gives several rows for one. */
function givesOneEach(targets: readonly unknown[]): boolean {
  const waiting: unknown[] = [...targets];
  for (let at = 0; at < waiting.length; at += 1) {
    const value = waiting[at];
    if (Array.isArray(value)) waiting.push(...(value as unknown[]));
    else if (typeof value === 'object' && value !== null) {
      const node = nodeOf(value);
      if (node?.type === 'SubLink') continue; // one value, or an error
      if (node?.type === 'FuncCall') {
        const names = namesOf(listAt(node.body, 'funcname'));
        const name = names?.at(-1) ?? '';
        if (manyRows.test(name) || judgeBuiltin(name, listAt(node.body, 'args').length) === null) return false;
      }
      waiting.push(...Object.values(value));
    }
  }
  return true;
}

function isAggregate(value: unknown): boolean {
  const node = nodeOf(value);
  if (node?.type !== 'FuncCall' || node.body['over'] !== undefined) return false;
  return aggregates.has(namesOf(listAt(node.body, 'funcname'))?.at(-1) ?? '');
}

/** The rows that an INSERT adds: those of its query, or one of defaults. */
export function rowsOfInsert(body: Tree): RowSource {
  if (body['withClause'] !== undefined) return notRead;
  const query = nodeOf(body['selectStmt']);
  if (query === null) return { kind: 'rows', rows: 1 };
  return query.type === 'SelectStmt' ? rowsOfSelect(query.body) : notRead;
}

/** The rows that a COPY gives out; those that it takes in are not known. */
export function rowsOfCopy(body: Tree): RowSource {
  if (flagAt(body, 'is_from')) return notRead;
  const query = nodeOf(body['query']);
  if (query !== null) return query.type === 'SelectStmt' ? rowsOfSelect(query.body) : notRead;
  const relation = treeAt(body, 'relation');
  if (relation === null) return notRead;
  const schema = textAt(relation, 'schemaname');
  return { kind: 'table', schema: schema === '' ? null : schema, name: textAt(relation, 'relname'), where: null };
}
