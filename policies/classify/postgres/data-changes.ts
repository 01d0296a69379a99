// INSERT, UPDATE, DELETE, MERGE and SELECT INTO: the table that each is about, and whether it may reach every row of it. What
// stands inside them is the walker's.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { noteFollowers } from './followers.ts';
import { narrows, selectsEveryRowOf, whereCannotNarrow } from './narrowing.ts';
import { nameLength, relationOf, riskAt, writeRelation, type Relation } from './objects.ts';
import { noteAlias } from './scope.ts';
import { listAt, locationOf, nodeOf, textAt, treeAt, type Tree } from './tree.ts';

/** The text before a table's name in which its verb is looked for. */
const verbCharsMax = 200;

/** INSERT, and the UPDATE in its ON CONFLICT. */
export function noteInsert(body: Tree, findings: Findings, context: Context): void {
  target('insert', body, 'inserts into', findings, context);
  const conflict = treeAt(body, 'onConflictClause');
  const updates = conflict !== null && textAt(conflict, 'action') === 'ONCONFLICT_UPDATE';
  if (!updates) return;
  const isEveryRow = !narrows(conflict['whereClause'], body, context) && selectsEveryRowOf(body, context);
  if (isEveryRow) findings.missingWhere = true;
  target('update', body, isEveryRow ? 'updates every row of' : 'inserts into', findings, context, conflict);
}

/** UPDATE and DELETE. */
export function noteChange(verb: 'update' | 'delete', body: Tree, findings: Findings, context: Context): void {
  const isEveryRow = whereCannotNarrow(body, context);
  if (isEveryRow) findings.missingWhere = true;
  const words = verb === 'delete' ? 'deletes from' : 'updates';
  target(verb, body, isEveryRow ? `${words} every row of` : words, findings, context);
}

/** MERGE, by what its WHEN clauses do. */
export function noteMerge(body: Tree, findings: Findings, context: Context): void {
  for (const item of listAt(body, 'mergeWhenClauses')) {
    const clause = nodeOf(item)?.body ?? {};
    const command = textAt(clause, 'commandType');
    switch (command) {
      case 'CMD_INSERT':
        target('insert', body, 'merges into', findings, context);
        break;
      case 'CMD_UPDATE':
      case 'CMD_DELETE':
        target(command === 'CMD_UPDATE' ? 'update' : 'delete', body, 'merges into', findings, context, clause);
        // WHEN NOT MATCHED BY SOURCE is about the rows that the join leaves out.
        if (!narrows(clause['condition'], body, context) && (isBySource(clause) || !narrows(body['joinCondition'], body, context)))
          findings.missingWhere = true;
        break;
      case 'CMD_NOTHING':
        break;
      default:
        findings.notUnderstood('unknown-construct', `MERGE with ${command || 'no command'}`);
    }
  }
}

function isBySource(clause: Tree): boolean {
  return textAt(clause, 'matchKind') === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE';
}

/** SELECT … INTO makes a relation. */
export function noteSelectInto(into: Tree, findings: Findings, context: Context): void {
  const relation = treeAt(into, 'rel');
  if (relation === null) return;
  findings.effect('create', 'write', 'table', relationOf(relation, context).name);
  findings.change({ kind: 'schema-changed' });
  riskAt(locationOf(relation), textAt(relation, 'relname').length, 'makes a new table', findings, context);
}

/** The relation that a data change is about. A WITH query of the same name does not hide it. `setting`: where an UPDATE's columns stand. */
function target(
  verb: 'insert' | 'update' | 'delete',
  body: Tree,
  words: string,
  findings: Findings,
  context: Context,
  setting: Tree = body,
): void {
  const rangeVar = treeAt(body, 'relation');
  if (rangeVar === null) {
    findings.notUnderstood('unknown-construct', `${verb} without a table`);
    return;
  }
  const relation = relationOf(rangeVar, context);
  writeRelation(verb, relation, findings, context);
  if (verb !== 'insert') noteFollowers(verb, relation, columnsSet(setting, relation), findings, context);
  noteAlias(
    rangeVar,
    relation.known.map((one) => one.id),
    findings,
  );
  riskOfTarget(rangeVar, `${words} ${relation.name}`, findings, context);
}

/** The columns that an UPDATE sets; null when the table's own are not known, or it is a view, whose columns may be called otherwise. */
function columnsSet(setting: Tree, { known }: Relation): readonly string[] | null {
  if (!known.every(({ kind }) => kind === 'table')) return null;
  const generated = known.flatMap((one) => (one.generated ?? []).map(({ column }) => column));
  return [...listAt(setting, 'targetList').map((item) => textAt(nodeOf(item)?.body ?? {}, 'name')), ...generated];
}

/** Marks from the statement's verb to the end of the table's name: the verb itself has no location in the tree. */
function riskOfTarget(rangeVar: Tree, why: string, findings: Findings, context: Context): void {
  const location = locationOf(rangeVar);
  if (location === null) return;
  const { text, offsets, start, end } = context;
  const at = offsets.fromByte(location);
  const before = text.slice(Math.max(start, at - verbCharsMax), at);
  const verb = /(?:delete|update|insert|merge)(?![\s\S]*(?:delete|update|insert|merge))[\s\S]*$/i.exec(before);
  const nameEnd = Math.min(end, at + nameLength(text, at));
  findings.risk(verb === null ? at : at - (before.length - verb.index), nameEnd, why);
}
