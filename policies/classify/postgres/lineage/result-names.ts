// Names that a tree gives without being asked: of a result's columns, of a function in FROM, of what RETURNING returns.

import { listAt, namesOf, nodeOf, textAt, treeAt, type Tree } from '../tree.ts';
import type { Column } from './relations.ts';
import type { Sources } from './sources.ts';

export function withoutAlias(body: Tree): Tree {
  const { alias: _alias, coldeflist: _types, ...rest } = body;
  return rest;
}

/** Columns that AS t(a int, b text) names. */
export function listed(body: Tree, sources: Sources): readonly Column[] {
  return listAt(body, 'coldeflist').map((entry) => ({ name: textAt(nodeOf(entry)?.body ?? {}, 'colname'), sources }));
}

/** A function in FROM without an alias goes by its own name. */
export function functionName(body: Tree): string | null {
  const list = nodeOf(listAt(body, 'functions')[0])?.body;
  const call = nodeOf(listAt(list ?? {}, 'items')[0]);
  return call?.type === 'FuncCall' ? ((namesOf(listAt(call.body, 'funcname')) ?? []).at(-1) ?? null) : null;
}

/** The name that a column of the result gets from its expression, as far as other parts may name it. */
export function nameOf(value: unknown): string {
  const node = nodeOf(value);
  if (node?.type === 'ColumnRef') return (namesOf(listAt(node.body, 'fields')) ?? []).at(-1) ?? '';
  if (node?.type === 'FuncCall') return (namesOf(listAt(node.body, 'funcname')) ?? []).at(-1) ?? '';
  if (node?.type === 'TypeCast') return nameOf(node.body['arg']);
  if (node?.type === 'A_Indirection') {
    const last = nodeOf(listAt(node.body, 'indirection').at(-1));
    return last?.type === 'String' ? textAt(last.body, 'sval') : nameOf(node.body['arg']);
  }
  return '';
}

/** The names in a list of ResTarget (INSERT INTO t (a, b)). */
export function targetNames(list: readonly unknown[]): string[] {
  return list.map((target) => textAt(nodeOf(target)?.body ?? {}, 'name'));
}

/** `returningList` in older trees. */
export function returningOf(body: Tree): readonly unknown[] {
  const clause = treeAt(body, 'returningClause');
  return clause === null ? listAt(body, 'returningList') : listAt(clause, 'exprs');
}
