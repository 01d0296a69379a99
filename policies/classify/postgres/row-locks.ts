// SELECT … FOR UPDATE, FOR SHARE and the like: rows that stay locked until the transaction ends.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { relationOf, riskAt } from './objects.ts';
import { isWithQuery, type Scope } from './scope.ts';
import { listAt, locationOf, nodeOf, textAt, type Tree } from './tree.ts';

/** Notes what the locking clauses of a SELECT lock; `scope` is what its FROM can see. */
export function noteRowLocks(select: Tree, scope: Scope | null, findings: Findings, context: Context): void {
  for (const item of listAt(select, 'lockingClause')) {
    const clause = nodeOf(item);
    if (clause === null) continue;
    if (listAt(clause.body, 'lockedRels').length === 0) lockAll(listAt(select, 'fromClause'), scope, findings, context);
    findings.effect('lock', 'write', 'none', null);
    lockNamed(listAt(clause.body, 'lockedRels'), findings, context);
  }
}

function lockAll(from: readonly unknown[], scope: Scope | null, findings: Findings, context: Context): void {
  for (const item of from) {
    const node = nodeOf(item);
    if (node?.type !== 'RangeVar' || isWithQuery(node.body, scope)) continue;
    const relation = relationOf(node.body, context);
    findings.effect('lock', 'write', relation.kind, relation.name);
    riskAt(locationOf(node.body), textAt(node.body, 'relname').length, `locks rows of ${relation.name}`, findings, context);
  }
}

/** The names in FOR UPDATE OF are aliases, so they name no table by themselves. */
function lockNamed(names: readonly unknown[], findings: Findings, context: Context): void {
  for (const item of names) {
    const node = nodeOf(item);
    if (node !== null) riskAt(locationOf(node.body), textAt(node.body, 'relname').length, 'locks rows', findings, context);
  }
}
