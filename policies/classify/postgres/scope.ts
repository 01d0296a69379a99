// The names under which relations stand in a statement: WITH queries, which hide tables of the same name from what can see them,
// and aliases, by which columns are told from functions.

import type { Findings } from './findings.ts';
import { flagAt, listAt, nodeOf, textAt, treeAt, type Node, type Tree } from './tree.ts';

/** Names of WITH queries in reach, innermost first. */
export interface Scope {
  readonly name: string;
  readonly outer: Scope | null;
}

/** The WITH queries of a statement, each with what it can see, and what the statement itself can see. */
export interface WithQueries {
  readonly queries: readonly { readonly node: Node; readonly scope: Scope | null }[];
  readonly scope: Scope | null;
}

/** A query sees those before it; with RECURSIVE it sees all of them, and itself. */
export function withQueries(clause: Tree, outer: Scope | null): WithQueries {
  const nodes = listAt(clause, 'ctes').flatMap((item) => nodeOf(item) ?? []);
  const scopes: (Scope | null)[] = [outer];
  let all = outer;
  for (const { body } of nodes) {
    all = { name: textAt(body, 'ctename'), outer: all };
    scopes.push(all);
  }
  const isRecursive = flagAt(clause, 'recursive');
  return { queries: nodes.map((node, at) => ({ node, scope: isRecursive ? all : (scopes[at] ?? null) })), scope: all };
}

/** Whether a RangeVar names a WITH query. A name with its schema never does. */
export function isWithQuery(rangeVar: Tree, scope: Scope | null): boolean {
  if (scope === null || textAt(rangeVar, 'schemaname') !== '') return false;
  const name = textAt(rangeVar, 'relname');
  for (let one: Scope | null = scope; one !== null; one = one.outer) if (one.name === name) return true;
  return false;
}

/** Notes under which name an item of FROM stands. Without relations (ids of the catalogue) its columns are not known. */
export function noteAlias(item: Tree, relations: readonly string[], findings: Findings): void {
  const alias = treeAt(item, 'alias');
  const name = alias === null ? textAt(item, 'relname') : textAt(alias, 'aliasname');
  const ids = relations.length > 0 ? relations : ['?'];
  const same = findings.aliases.get(name);
  if (same === undefined) findings.aliases.set(name, [...ids]);
  else same.push(...ids);
}
