// One statement of a text: which kind it is, its own effects, and which parts of its tree are walked as queries.

import type { Context } from './context.ts';
import { definitions, objectType, type Definition } from './definitions.ts';
import type { Findings } from './findings.ts';
import { dotted } from './names.ts';
import { effectOn, functionName, relationNamed, relationOf, writeRelation, type Relation } from './objects.ts';
import { noteServerPrograms } from './server-programs.ts';
import { noteDiscard, noteSet, noteTransactionModes } from './session-settings.ts';
import { copyStatement, executeStatement, explainStatement, prepareStatement } from './nested-statements.ts';
import { flagAt, isTree, listAt, namesOf, nodeOf, numberAt, textAt, treeAt, type Node, type Tree } from './tree.ts';
import { walk } from './walker.ts';

const anything = { strict: false } as const;
const accessShareLock = 1;

/** Judges one statement into the findings and returns its kind ("select", "drop table"). */
export function judgeStatement(node: Node, findings: Findings, context: Context): string {
  const { type, body } = node;
  switch (type) {
    case 'SelectStmt':
      walk([{ SelectStmt: body }], findings, context, { runsNow: true });
      if (findings.effects.size === 0) findings.effect('read', 'read');
      return treeAt(body, 'intoClause') !== null ? 'select into' : 'select';
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      walk([{ [type]: body }], findings, context);
      return type.slice(0, -'Stmt'.length).toLowerCase();
    case 'ExplainStmt':
      return explainStatement(body, findings, context, judgeStatement);
    case 'CopyStmt':
      return copyStatement(body, findings, context);
    case 'PrepareStmt':
      return prepareStatement(body, findings, context, judgeStatement);
    case 'ExecuteStmt':
      return executeStatement(body, findings, context);
    case 'DeallocateStmt':
      findings.effect('prepare', 'session');
      findings.change({ kind: 'deallocate', name: textAt(body, 'name') || null });
      return 'deallocate';
    case 'DeclareCursorStmt':
      findings.effect('cursor', 'session');
      walk([body['query']], findings, context);
      return 'declare cursor';
    case 'FetchStmt':
      findings.effect('cursor', 'session');
      return flagAt(body, 'ismove') ? 'move' : 'fetch';
    case 'ClosePortalStmt':
      findings.effect('cursor', 'session');
      return 'close';
    case 'VariableSetStmt':
      return noteSet(body, findings, context);
    case 'VariableShowStmt':
      findings.effect('read', 'read', 'setting', textAt(body, 'name').toLowerCase());
      return 'show';
    case 'DiscardStmt':
      return noteDiscard(body, findings, context);
    case 'TransactionStmt':
      return transaction(body, findings, context);
    case 'ConstraintsSetStmt':
      findings.effect('transaction', 'session');
      return 'set constraints';
    case 'ListenStmt':
    case 'UnlistenStmt':
      findings.effect('session', 'session');
      return type === 'ListenStmt' ? 'listen' : 'unlisten';
    case 'LockStmt':
      return lock(body, findings, context);
    case 'TruncateStmt':
      for (const relation of relationsAt(body, 'relations', context)) writeRelation('truncate', relation, findings, context);
      // Those that refer to them are emptied too; which ones they are stands nowhere in the text.
      if (textAt(body, 'behavior') === 'DROP_CASCADE') findings.effect('truncate', 'write', 'table', null);
      markAll('empties whole tables', findings, context);
      return 'truncate';
    case 'VacuumStmt':
      return vacuum(body, findings, context);
    case 'RefreshMatViewStmt':
      return refresh(body, findings, context);
    case 'CallStmt':
      return call(body, findings, context);
    case 'DoStmt':
      findings.effect('code', 'unknown');
      noteServerPrograms(node, findings);
      findings.change({ kind: 'schema-changed' }); // it may hold any definition
      markAll('runs code', findings, context);
      return 'do';
    case 'CreateTableAsStmt':
      return createTableAs(body, findings, context);
    case 'ViewStmt':
      return createView(body, findings, context);
    case 'DropStmt':
      return drop(body, findings, context);
    case 'RenameStmt':
      return onObject('alter', 'renameType', ['rename'], body, findings, context);
    case 'AlterObjectSchemaStmt':
      return onObject('alter', 'objectType', ['alter', 'rename'], body, findings, context);
    case 'AlterOwnerStmt':
      return onObject('alter', 'objectType', ['privilege', 'alter'], body, findings, context);
    case 'AlterTableStmt':
      return onObject('alter', 'objtype', ['alter'], body, findings, context);
    default:
      return define(node, findings, context);
  }
}

function define(node: Node, findings: Findings, context: Context): string {
  const definition: Definition | undefined = definitions[node.type];
  if (definition === undefined) {
    findings.notUnderstood('unknown-statement', `a statement of kind ${node.type} is not known`);
    return 'unknown';
  }
  const { body } = node;
  const object = objectOf(body, context);
  for (const verb of definition.verbs) findings.effect(verb, 'write', definition.object, object);
  noteServerPrograms(node, findings);
  findings.change({ kind: 'schema-changed' });
  walkDefinition(body, findings, context);
  // CREATE SCHEMA … CREATE TABLE … GRANT …: statements of their own.
  for (const element of listAt(body, 'schemaElts')) {
    const inner = nodeOf(element);
    if (inner !== null) judgeStatement(inner, findings, context);
  }
  markAll(definition.kind, findings, context);
  return kindOf(node, definition);
}

function kindOf({ type, body }: Node, definition: Definition): string {
  if (type === 'GrantStmt' || type === 'GrantRoleStmt')
    return flagAt(body, 'is_grant') ? definition.kind : definition.kind.replace('grant', 'revoke');
  if (type === 'CommentStmt') return `comment on ${objectType(textAt(body, 'objtype'))[0]}`;
  if (type === 'DefineStmt') return `create ${objectType(textAt(body, 'kind'))[0]}`;
  if (type === 'CreateFunctionStmt') return flagAt(body, 'is_procedure') ? 'create procedure' : 'create function';
  return definition.kind;
}

/** Expressions and queries inside a definition may name functions and tables; the object itself is named already. */
function walkDefinition(body: Tree, findings: Findings, context: Context): void {
  const parts = Object.entries(body).filter(
    ([key]) => !['relation', 'relations', 'rel', 'view', 'sequence', 'typevar', 'schemaElts'].includes(key),
  );
  walk(
    parts.map(([, part]) => part),
    findings,
    context,
    anything,
  );
}

/** The main object of a definition, by the fields in which the grammar keeps it. */
function objectOf(body: Tree, context: Context): string | null {
  for (const field of ['relation', 'view', 'sequence', 'table', 'typevar']) {
    const rangeVar = treeAt(body, field);
    if (rangeVar !== null && textAt(rangeVar, 'relname') !== '') return relationOf(rangeVar, context).name;
  }
  for (const field of ['funcname', 'domainname', 'typeName', 'defnames', 'func', 'object', 'opclassname', 'opfamilyname']) {
    const value = body[field];
    const list = Array.isArray(value) ? value : (nodeOf(value)?.body['objname'] ?? treeAt(body, field)?.['objname']);
    const names = Array.isArray(list) ? namesOf(list) : null;
    if (names !== null && names.length > 0) return dotted(names.length > 1 ? names[names.length - 2]! : null, names[names.length - 1]!);
  }
  for (const field of [
    'schemaname',
    'dbname',
    'role',
    'extname',
    'servername',
    'tablespacename',
    'name',
    'filename',
    'conditionname',
    'subname',
    'pubname',
  ]) {
    const text = body[field];
    if (typeof text === 'string' && text !== '') return dotted(null, text);
  }
  const role = treeAt(body, 'role');
  return role === null ? null : textAt(role, 'rolename') || null;
}

/** ALTER of any object, by its type field. */
function onObject(
  words: string,
  typeField: string,
  verbs: readonly ('alter' | 'rename' | 'privilege')[],
  body: Tree,
  findings: Findings,
  context: Context,
): string {
  const [kind, objectKind] = objectType(textAt(body, typeField));
  const object = objectOf(body, context);
  for (const verb of verbs) findings.effect(verb, 'write', objectKind, object);
  for (const item of listAt(body, 'cmds')) {
    const change = nodeOf(item)?.body ?? {};
    const subtype = textAt(change, 'subtype');
    if (/^AT_Drop(Column|Constraint)$|^AT_DetachPartition$/.test(subtype) || forgetsColumn(change))
      findings.effect('drop', 'write', objectKind, object);
    if (/Owner|RowSecurity|ForceRow/.test(subtype)) findings.effect('privilege', 'write', objectKind, object);
    if (/Trig|Rule/.test(subtype)) findings.effect('guard', 'write', objectKind, object);
  }
  findings.change({ kind: 'schema-changed' });
  walkDefinition(body, findings, context);
  markAll(`${words} ${kind}`, findings, context);
  return `${words} ${kind}`;
}

/** ALTER COLUMN c TYPE … USING an expression without c: none of its values is kept. */
function forgetsColumn(change: Tree): boolean {
  const using = nodeOf(change['def'])?.body['raw_default'];
  if (textAt(change, 'subtype') !== 'AT_AlterColumnType' || using === undefined) return false;
  const name = textAt(change, 'name');
  const stack: unknown[] = [using];
  while (stack.length > 0) {
    const next = stack.pop();
    const node = nodeOf(next);
    if (node?.type === 'ColumnRef' && mayHold(listAt(node.body, 'fields'), name)) return false;
    if (Array.isArray(next)) stack.push(...next);
    else if (isTree(next)) stack.push(...Object.values(next));
  }
  return true;
}

/** The column of that name, or a whole row. */
function mayHold(fields: readonly unknown[], name: string): boolean {
  return fields.some((field) => {
    const node = nodeOf(field);
    return node?.type === 'String' && textAt(node.body, 'sval') === name;
  });
}

function drop(body: Tree, findings: Findings, context: Context): string {
  const [words, kind] = objectType(textAt(body, 'removeType'));
  for (const item of listAt(body, 'objects')) {
    const node = nodeOf(item);
    const list =
      node?.type === 'List' ? listAt(node.body, 'items') : node?.type === 'ObjectWithArgs' ? listAt(node.body, 'objname') : [item];
    const names = (namesOf(node?.type === 'TypeName' ? listAt(node.body, 'names') : list) ?? []).filter((name) => name !== '');
    // DROP TRIGGER and the like name the table first, then the thing on it.
    const owner = ['trigger', 'rule', 'policy'].includes(words) ? names.slice(0, -1) : names;
    const name = owner[owner.length - 1];
    const schema = owner.length > 1 ? owner[owner.length - 2]! : null;
    const isRelation = kind === 'table' || kind === 'view';
    const relation = isRelation && name !== undefined ? relationNamed(schema, name, context) : null;
    if (relation !== null && owner === names) effectOn({ verb: 'drop', access: 'write' }, { ...relation, kind }, findings, context);
    else findings.effect('drop', 'write', kind, name === undefined ? null : (relation?.name ?? dotted(schema, name)));
  }
  if (words === 'policy') findings.effect('privilege', 'write');
  findings.change({ kind: 'schema-changed' });
  markAll(textAt(body, 'behavior') === 'DROP_CASCADE' ? `drops ${words}, and what depends on it` : `drops ${words}`, findings, context);
  return `drop ${words}`;
}

function createTableAs(body: Tree, findings: Findings, context: Context): string {
  const isView = textAt(body, 'objtype') === 'OBJECT_MATVIEW';
  const relation = treeAt(treeAt(body, 'into') ?? {}, 'rel');
  findings.effect('create', 'write', isView ? 'view' : 'table', relation === null ? null : relationOf(relation, context).name);
  findings.change({ kind: 'schema-changed' });
  const query = nodeOf(body['query']);
  if (query?.type === 'ExecuteStmt') executeStatement(query.body, findings, context, false);
  else walk([body['query']], findings, context);
  markAll('makes a new table from a query', findings, context);
  return isView ? 'create materialized view' : 'create table as';
}

function createView(body: Tree, findings: Findings, context: Context): string {
  const view = treeAt(body, 'view');
  findings.effect('create', 'write', 'view', view === null ? null : relationOf(view, context).name);
  if (flagAt(body, 'replace')) findings.effect('alter', 'write', 'view', view === null ? null : relationOf(view, context).name);
  findings.change({ kind: 'schema-changed' });
  walk([body['query']], findings, context, anything);
  markAll('creates a view', findings, context);
  return 'create view';
}

function transaction(body: Tree, findings: Findings, context: Context): string {
  const kind = textAt(body, 'kind');
  switch (kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      noteTransactionModes(listAt(body, 'options'), true, findings, context);
      return 'begin';
    case 'TRANS_STMT_COMMIT':
    case 'TRANS_STMT_ROLLBACK':
    case 'TRANS_STMT_SAVEPOINT':
    case 'TRANS_STMT_RELEASE':
      findings.effect('transaction', 'session');
      return kind.slice('TRANS_STMT_'.length).toLowerCase();
    case 'TRANS_STMT_ROLLBACK_TO':
      findings.effect('transaction', 'session');
      return 'rollback to savepoint';
    case 'TRANS_STMT_PREPARE':
    case 'TRANS_STMT_COMMIT_PREPARED':
    case 'TRANS_STMT_ROLLBACK_PREPARED':
      findings.effect('transaction', 'write', 'other', textAt(body, 'gid') || null); // Ends or leaves work that outlives the session.
      markAll('two-phase commit', findings, context);
      return kind === 'TRANS_STMT_PREPARE' ? 'prepare transaction' : kind.slice('TRANS_STMT_'.length).replace('_', ' ').toLowerCase();
    default:
      findings.notUnderstood('unknown-construct', `a transaction statement of kind ${kind}`);
      return 'begin';
  }
}

function lock(body: Tree, findings: Findings, context: Context): string {
  const isRead = numberAt(body, 'mode') === accessShareLock;
  for (const relation of relationsAt(body, 'relations', context)) {
    findings.effect(isRead ? 'read' : 'lock', isRead ? 'read' : 'write', relation.kind, relation.name);
  }
  if (!isRead) markAll('locks tables', findings, context);
  return 'lock';
}

function vacuum(body: Tree, findings: Findings, context: Context): string {
  const kind = flagAt(body, 'is_vacuumcmd') ? 'vacuum' : 'analyze';
  const relations = listAt(body, 'rels').map((item) => treeAt(nodeOf(item)?.body ?? {}, 'relation'));
  if (relations.length === 0) findings.effect('maintenance', 'write');
  for (const rangeVar of relations) if (rangeVar !== null) writeRelation('maintenance', relationOf(rangeVar, context), findings, context);
  return kind;
}

/** Runs the view's query, which reading the stored rows does not. */
function refresh(body: Tree, findings: Findings, context: Context): string {
  const rangeVar = treeAt(body, 'relation');
  if (rangeVar !== null) {
    const relation = relationOf(rangeVar, context);
    findings.effect('maintenance', 'write', 'view', relation.name);
    const isQuiet = relation.known.every((one) => context.known?.relationChangesQuietly(one) === true);
    if (!isQuiet || relation.isChanged) findings.effect('call', 'unknown', 'view', relation.name);
  }
  return 'refresh materialized view';
}

function call(body: Tree, findings: Findings, context: Context): string {
  const procedure = treeAt(body, 'funccall');
  const names = procedure === null ? null : namesOf(listAt(procedure, 'funcname'));
  if (procedure === null || names === null) {
    findings.notUnderstood('unknown-construct', 'CALL without a name');
    return 'call';
  }
  findings.effect('call', 'unknown', 'function', functionName(names, context));
  walk(listAt(procedure, 'args'), findings, context);
  markAll('calls a procedure', findings, context);
  return 'call';
}

function relationsAt(body: Tree, field: string, context: Context): Relation[] {
  return listAt(body, field).flatMap((item) => {
    const node = nodeOf(item);
    return node === null ? [] : [relationOf(node.body, context)];
  });
}

function markAll(why: string, findings: Findings, context: Context): void {
  findings.risk(context.start, context.end, why);
}
