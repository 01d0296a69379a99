// SELECT … FOR UPDATE, FOR SHARE and the like: rows that stay locked until the transaction ends, and whose they are. A clause
// reaches through joins and subqueries of FROM, as in the server (transformLockingClause), but not into WITH queries.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { relationOf, riskAt } from './objects.ts';
import { isWithQuery, withQueries, type Scope } from './scope.ts';
import { isTree, listAt, locationOf, nodeOf, textAt, treeAt, type Node, type Tree } from './tree.ts';

/** Items of FROM under one SELECT's locking clauses, with those of its subqueries; more is not understood. */
const itemsMax = 1_000;

/** Where in FROM a clause looks. */
interface Place {
  readonly item: unknown;
  /** Names that FOR UPDATE OF lists; null: every relation. */
  readonly names: ReadonlySet<string> | null;
  readonly scope: Scope | null;
}

/** Notes what the locking clauses of a SELECT lock; `scope` is what its FROM can see. */
export function noteRowLocks(select: Tree, scope: Scope | null, findings: Findings, context: Context): void {
  findings.effect('lock', 'write');
  const names = new Set<string>();
  let isAll = false;
  for (const clause of listAt(select, 'lockingClause')) {
    const listed = listAt(nodeOf(clause)?.body ?? {}, 'lockedRels');
    if (listed.length === 0) isAll = true;
    for (const { body } of listed.flatMap((one) => nodeOf(one) ?? [])) {
      names.add(textAt(body, 'relname'));
      riskAt(locationOf(body), textAt(body, 'relname').length, 'locks rows', findings, context);
    }
  }
  lockIn(placesOf(select, isAll ? null : names, scope), findings, context);
}

function lockIn(open: Place[], findings: Findings, context: Context): void {
  let items = 0;
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    items += 1;
    if (items > itemsMax) return findings.notUnderstood('too-large', `FOR UPDATE or the like of more than ${itemsMax} relations`);
    const { item, names, scope } = place;
    const node = nodeOf(item);
    if (node?.type === 'JoinExpr') {
      open.push({ item: node.body['larg'], names, scope }, { item: node.body['rarg'], names, scope });
    } else if (node?.type === 'RangeTableSample') {
      open.push({ item: node.body['relation'], names, scope });
    } else if (node !== null && (names === null || names.has(nameOf(node)))) {
      if (node.type === 'RangeSubselect') placesWithin(node.body, scope).forEach((inner) => open.push(inner));
      else if (node.type === 'RangeVar' && !isWithQuery(node.body, scope)) lock(node.body, findings, context);
    }
  }
}

function placesOf(select: Tree, names: ReadonlySet<string> | null, scope: Scope | null): Place[] {
  return listAt(select, 'fromClause').map((item) => ({ item, names, scope }));
}

/** Of a subquery all is locked, whatever its name. */
function placesWithin(subselect: Tree, outer: Scope | null): Place[] {
  const select = nodeOf(subselect['subquery'])?.body;
  if (select === undefined) return [];
  const clause = treeAt(select, 'withClause');
  return placesOf(select, null, clause === null ? outer : withQueries(clause, outer).scope);
}

/** The name that FOR UPDATE OF has for an item of FROM. */
function nameOf({ body }: Node): string {
  const alias = body['alias'];
  return isTree(alias) ? textAt(alias, 'aliasname') : textAt(body, 'relname');
}

function lock(rangeVar: Tree, findings: Findings, context: Context): void {
  const relation = relationOf(rangeVar, context);
  findings.effect('lock', 'write', relation.kind, relation.name);
  riskAt(locationOf(rangeVar), textAt(rangeVar, 'relname').length, `locks rows of ${relation.name}`, findings, context);
}
