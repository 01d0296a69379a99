// Does a WHERE narrow what it is for? A condition that is always true, or that speaks of other tables only, does not.

import type { Context } from './context.ts';
import { relationOf } from './objects.ts';
import { constantOf, isTree, listAt, namesOf, nodeOf, textAt, treeAt, type Tree } from './tree.ts';

/** True when an UPDATE or DELETE may reach every row of its target. */
export function whereCannotNarrow(statement: Tree, context: Context): boolean {
  return !narrows(statement['whereClause'], statement, context);
}

/** True when the condition (of the statement with this target) leaves out rows of the target, as far as its form tells. */
export function narrows(condition: unknown, statement: Tree, context: Context): boolean {
  const target = targetOf(statement, context);
  return target !== null && conditionNarrows(condition, target, 0) !== false;
}

/** A LIMIT above this limits nothing that an approver would call few. */
const fewRowsMax = 1_000;

/**
 * True when what an INSERT inserts is the rows of its own table, and nothing in the query leaves any out: with ON CONFLICT DO UPDATE
 * that changes all of them.
 */
export function selectsEveryRowOf(insert: Tree, context: Context): boolean {
  const target = treeAt(insert, 'relation');
  if (target === null) return false;
  const { name } = relationOf(target, context);
  let readsTarget = false;
  const stack: unknown[] = [insert['selectStmt'], insert['withClause']];
  while (stack.length > 0) {
    const next = stack.pop();
    if (Array.isArray(next)) stack.push(...next);
    if (!isTree(next)) continue;
    if (leavesOutRows(next)) return false;
    const node = nodeOf(next);
    if (node?.type === 'RangeVar' && relationOf(node.body, context).name === name) readsTarget = true;
    stack.push(...Object.values(next));
  }
  return readsTarget;
}

/** A WHERE or a join that speaks of a column, or a small LIMIT. */
function leavesOutRows(part: Tree): boolean {
  const limit = nodeOf(part['limitCount']) === null ? null : constantOf(part['limitCount']);
  if (limit !== null && Number(limit) <= fewRowsMax) return true;
  if (listAt(part, 'usingClause').length > 0 || part['isNatural'] === true) return true;
  return ['whereClause', 'quals', 'havingClause'].some((key) => part[key] !== undefined && holdsColumn(part[key]));
}

function holdsColumn(condition: unknown): boolean {
  const stack: unknown[] = [condition];
  while (stack.length > 0) {
    const next = stack.pop();
    if (nodeOf(next)?.type === 'ColumnRef') return true;
    if (Array.isArray(next)) stack.push(...next);
    else if (isTree(next)) stack.push(...Object.values(next));
  }
  return false;
}

interface Target {
  /** The name that qualifies its columns. */
  readonly alias: string;
  /** Its columns where they are known. */
  readonly columns: readonly string[] | null;
  /** No other relation stands beside it, so that a bare name is its column. */
  readonly alone: boolean;
}

/** Nesting of AND, OR and NOT that is looked into; what is deeper counts as narrowing nothing. */
const depthMax = 200;

function targetOf(statement: Tree, context: Context): Target | null {
  const relation = treeAt(statement, 'relation');
  if (relation === null) return null;
  const alias = treeAt(relation, 'alias');
  const known = relationOf(relation, context).known;
  const found = known[known.length - 1];
  return {
    alias: alias === null ? textAt(relation, 'relname') : textAt(alias, 'aliasname'),
    columns: found === undefined ? null : found.columns,
    alone:
      listAt(statement, 'fromClause').length === 0 &&
      listAt(statement, 'usingClause').length === 0 &&
      statement['sourceRelation'] === undefined,
  };
}

/** true: narrows; false: does not; 'nothing': matches no row at all, which is as narrow as can be. */
function conditionNarrows(condition: unknown, target: Target, depth: number): boolean | 'nothing' {
  const node = nodeOf(condition);
  if (node === null || depth > depthMax) return false;
  const { type, body } = node;
  if (type === 'CurrentOfExpr') return true;
  if (type === 'A_Const') return isFalse(node.body) ? 'nothing' : false;
  if (type === 'BoolExpr') return booleanNarrows(body, target, depth);
  if (type === 'A_Expr' && comparesSame(body)) return false;
  if (type === 'A_Expr' && comparesConstants(body) === false) return 'nothing';
  if (type === 'TypeCast') return conditionNarrows(castToBoolean(body), target, depth + 1);
  return mentions(node, target);
}

function booleanNarrows(body: Tree, target: Target, depth: number): boolean | 'nothing' {
  const parts = listAt(body, 'args').map((part) => conditionNarrows(part, target, depth + 1));
  switch (textAt(body, 'boolop')) {
    case 'AND_EXPR':
      return parts.includes('nothing') ? 'nothing' : parts.includes(true);
    case 'OR_EXPR': {
      if (parts.includes(false) || coversAll(listAt(body, 'args'))) return false;
      return parts.includes(true) ? true : 'nothing';
    }
    case 'NOT_EXPR':
      return parts[0] === true; // NOT of a constant, true or false, is not looked into: it narrows nothing.
    default:
      return false;
  }
}

/** `x IS NULL OR x IS NOT NULL` is every row. */
function coversAll(parts: readonly unknown[]): boolean {
  const tests = parts.map(nodeOf).filter((node) => node?.type === 'NullTest');
  const seen = new Map<string, Set<string>>();
  for (const test of tests) {
    const key = JSON.stringify(withoutLocations(test?.body['arg']));
    const kinds = seen.get(key) ?? new Set();
    kinds.add(textAt(test?.body ?? {}, 'nulltesttype'));
    seen.set(key, kinds);
  }
  return [...seen.values()].some((kinds) => kinds.size > 1);
}

function isFalse(constant: Tree): boolean {
  const boolean = treeAt(constant, 'boolval');
  if (boolean !== null) return boolean['boolval'] !== true;
  return constant['isnull'] === true;
}

/** `'false'::boolean`: the constant inside, as a boolean constant. */
function castToBoolean(cast: Tree): unknown {
  const value = constantOf(cast['arg']);
  if (value === null) return cast['arg'];
  return /^\s*(f|fa|fal|fals|false|n|no|of|off|0)\s*$/i.test(value)
    ? { A_Const: { boolval: {} } }
    : { A_Const: { boolval: { boolval: true } } };
}

/** `id = id`, `id >= id`, `1 = 1`, `$1 = $1`: both sides the same. */
function comparesSame(body: Tree): boolean {
  const operator = namesOf(listAt(body, 'name'))?.at(-1) ?? '';
  if (!['=', '<=', '>='].includes(operator)) return false;
  return JSON.stringify(withoutLocations(body['lexpr'])) === JSON.stringify(withoutLocations(body['rexpr']));
}

/** For a comparison of two constants by = or <>: its value; undefined for anything else. */
function comparesConstants(body: Tree): boolean | undefined {
  const left = constantOf(body['lexpr']);
  const right = constantOf(body['rexpr']);
  const operator = namesOf(listAt(body, 'name'))?.at(-1);
  if (left === null || right === null) return undefined;
  if (operator === '=') return left === right;
  if (operator === '<>') return left !== right;
  return undefined;
}

function withoutLocations(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 50).map(withoutLocations);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'location')
      .map(([key, inner]) => [key, withoutLocations(inner)]),
  );
}

/** Does the expression speak of a column of the target? Inside a subquery a bare name counts only if it can be no other's. */
function mentions(root: { type: string; body: Tree }, target: Target): boolean {
  const stack: { value: unknown; inside: boolean }[] = [{ value: { [root.type]: root.body }, inside: false }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { value, inside } = next;
    if (Array.isArray(value)) {
      for (const item of value) stack.push({ value: item, inside });
      continue;
    }
    if (!isTree(value)) continue;
    const node = nodeOf(value);
    if (node?.type === 'ColumnRef' && isTargetColumn(node.body, target, inside)) return true;
    const isSubquery = node?.type === 'SelectStmt';
    for (const inner of Object.values(value)) stack.push({ value: inner, inside: inside || isSubquery });
  }
  return false;
}

function isTargetColumn(column: Tree, target: Target, inside: boolean): boolean {
  const fields = listAt(column, 'fields');
  const first = nodeOf(fields[0]);
  if (first?.type !== 'String') return false;
  const name = textAt(first.body, 'sval');
  if (fields.length > 1) {
    const qualifier = nodeOf(fields[fields.length - 2]);
    return name === target.alias || (qualifier?.type === 'String' && textAt(qualifier.body, 'sval') === target.alias);
  }
  if (name === target.alias) return true;
  if (target.columns !== null) return target.columns.includes(name);
  return target.alone && !inside;
}
