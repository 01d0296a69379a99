// Which names a definition makes or changes so that what they run, or mean, is no longer what the target's catalogue says. What only
// makes plain tables, columns and indexes changes none: nothing in it runs code that was not there before.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { typeReads } from './objects.ts';
import { listAt, namesOf, nodeOf, textAt, treeAt, type Node, type Tree } from './tree.ts';

/** Undefined: it may be anything. */
type Names = readonly string[] | undefined;

const nothing: readonly string[] = [];

/** They make and change nothing that a statement could run or meet under another name. */
const quiet = new Set(
  `CommentStmt GrantStmt GrantRoleStmt AlterDefaultPrivilegesStmt CreateSeqStmt AlterSeqStmt CreateStatsStmt AlterStatsStmt CreateRoleStmt
  AlterRoleStmt AlterRoleSetStmt AlterDatabaseSetStmt AlterDatabaseStmt DropRoleStmt CreatePublicationStmt AlterPublicationStmt NotifyStmt
  SecLabelStmt ReindexStmt ClusterStmt ReplicaIdentityStmt CreatedbStmt DropdbStmt`.split(/\s+/),
);

/** The object that they name, and nothing else. */
const oneName = new Set(
  `ViewStmt CreateFunctionStmt AlterFunctionStmt CreateTrigStmt RuleStmt CreatePolicyStmt AlterPolicyStmt CompositeTypeStmt CreateEnumStmt
  AlterEnumStmt CreateDomainStmt AlterDomainStmt AlterTypeStmt CreateRangeStmt`.split(/\s+/),
);

/** Kinds of objects whose names lead to them alone. Others (schemas, casts, operators, extensions) reach further. */
const namedKinds = new Set(
  `TABLE VIEW MATVIEW FOREIGN_TABLE SEQUENCE INDEX FUNCTION PROCEDURE ROUTINE AGGREGATE TYPE DOMAIN COLUMN ATTRIBUTE TABCONSTRAINT
  DOMCONSTRAINT TRIGGER RULE POLICY STATISTIC_EXT`
    .split(/\s+/)
    .map((kind) => `OBJECT_${kind}`),
);

/** ALTER TABLE in these forms runs nothing new, as long as no expression in it calls what is not known. */
const plainAlterations = new Set(
  `AddColumn SetNotNull DropNotNull ColumnDefault AddConstraint DropConstraint ValidateConstraint SetStatistics SetStorage SetCompression
  AddIndex AddIndexConstraint SetRelOptions ResetRelOptions ClusterOn DropCluster SetLogged SetUnLogged ReplicaIdentity AddIdentity DropIdentity
  AlterColumnType`
    .split(/\s+/)
    .map((type) => `AT_${type}`),
);

/** The names that a statement with these findings changes. */
export function definedNames({ type, body }: Node, findings: Findings, context: Context): Names {
  const callsUnknown = [...findings.effects.values()].some(({ access }) => access === 'unknown');
  if (quiet.has(type)) return nothing;
  if (oneName.has(type)) return named(body);
  switch (type) {
    case 'CreateStmt':
      return !callsUnknown && isPlainTable(body, context) ? nothing : relationsIn(body);
    case 'IndexStmt':
      return callsUnknown ? named(body) : nothing;
    case 'SelectStmt':
      return callsUnknown ? one(textAt(treeAt(treeAt(body, 'intoClause') ?? {}, 'rel') ?? {}, 'relname')) : nothing;
    case 'CreateTableAsStmt':
      return callsUnknown || textAt(body, 'objtype') === 'OBJECT_MATVIEW'
        ? one(textAt(treeAt(treeAt(body, 'into') ?? {}, 'rel') ?? {}, 'relname'))
        : nothing;
    case 'AlterTableStmt':
      return !callsUnknown && isPlainAlteration(body, context) ? nothing : relationsIn(body);
    case 'DropStmt':
      return dropped(body);
    case 'RenameStmt': {
      if (!namedKinds.has(textAt(body, 'renameType'))) return undefined;
      const before = named(body);
      return before === undefined ? undefined : [...before, textAt(body, 'newname')];
    }
    case 'AlterObjectSchemaStmt':
    case 'AlterOwnerStmt':
      return namedKinds.has(textAt(body, 'objectType')) ? named(body) : undefined;
    case 'DefineStmt':
      return textAt(body, 'kind') === 'OBJECT_AGGREGATE' ? one(lastOf(body['defnames']) ?? '') : undefined;
    case 'CreateSchemaStmt':
      return listAt(body, 'schemaElts').length === 0 ? nothing : undefined;
    default:
      return undefined;
  }
}

function isPlainTable(body: Tree, context: Context): boolean {
  const isTable = listAt(body, 'inhRelations').length === 0 && body['ofTypename'] === undefined && body['partbound'] === undefined;
  return isTable && listAt(body, 'tableElts').every((it) => isPlainElement(it, context));
}

/** A column of a type that is known to run nothing, or a constraint. LIKE takes over defaults that are not seen here. */
function isPlainElement(value: unknown, context: Context): boolean {
  const node = nodeOf(value);
  if (node?.type === 'Constraint') return true;
  return node?.type === 'ColumnDef' && isPlainColumn(node.body, context);
}

const serials = new Set(['serial', 'serial4', 'serial8', 'serial2', 'bigserial', 'smallserial']);

function isPlainColumn(body: Tree, context: Context): boolean {
  const type = treeAt(body, 'typeName');
  if (type === null) return true; // ALTER of a column that keeps its type
  const names = namesOf(listAt(type, 'names'));
  const name = names?.at(-1);
  if (names === null || name === undefined) return false;
  const schema = names.length > 1 ? (names.at(-2) ?? null) : null;
  return (schema === null && serials.has(name)) || typeReads(schema, name, context);
}

function isPlainAlteration(body: Tree, context: Context): boolean {
  const kind = textAt(body, 'objtype');
  if (kind === 'OBJECT_INDEX' || kind === 'OBJECT_SEQUENCE') return true;
  if (kind !== 'OBJECT_TABLE') return false;
  return listAt(body, 'cmds').every((it) => {
    const command = nodeOf(it)?.body ?? {};
    const definition = nodeOf(command['def']);
    const isPlain = definition?.type !== 'ColumnDef' || isPlainColumn(definition.body, context);
    return plainAlterations.has(textAt(command, 'subtype')) && isPlain;
  });
}

function dropped(body: Tree): Names {
  const kind = textAt(body, 'removeType');
  // What goes along is not named.
  if (!namedKinds.has(kind) || textAt(body, 'behavior') === 'DROP_CASCADE') return undefined;
  const onTable = ['OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY'].includes(kind);
  const found: string[] = [];
  for (const item of listAt(body, 'objects')) {
    const node = nodeOf(item);
    const list =
      node?.type === 'List' ? listAt(node.body, 'items') : node?.type === 'ObjectWithArgs' ? listAt(node.body, 'objname') : [item];
    const names = namesOf(node?.type === 'TypeName' ? listAt(node.body, 'names') : list);
    const name = onTable ? names?.at(-2) : names?.at(-1);
    if (name === undefined) return undefined;
    found.push(name);
  }
  return found;
}

/** The last part of the name of the object that a definition is about; undefined when it is kept where nobody looked. */
function named(body: Tree): Names {
  for (const field of ['relation', 'view', 'table', 'typevar']) {
    const name = textAt(treeAt(body, field) ?? {}, 'relname');
    if (name !== '') return one(name);
  }
  for (const field of ['funcname', 'domainname', 'typeName', 'func', 'object']) {
    const name = lastOf(body[field]);
    if (name !== null) return one(name);
  }
  return undefined;
}

/** Every table that is named anywhere: its own, those that it inherits from, is attached to or is like. */
function relationsIn(body: Tree): Names {
  const names: string[] = [];
  const waiting: unknown[] = [body];
  for (let at = 0; at < waiting.length; at += 1) {
    const value = waiting[at];
    if (typeof value !== 'object' || value === null) continue;
    const name = Array.isArray(value) ? '' : textAt(value as Tree, 'relname');
    if (name !== '') names.push(name);
    waiting.push(...(Object.values(value) as unknown[]));
  }
  return names.length === 0 ? undefined : names;
}

function one(name: string): Names {
  return name === '' ? undefined : [name];
}

function lastOf(value: unknown): string | null {
  if (Array.isArray(value)) return namesOf(value)?.at(-1) ?? null;
  const body = nodeOf(value)?.body ?? (typeof value === 'object' && value !== null ? (value as Tree) : {});
  for (const field of ['objname', 'names', 'items']) {
    const names = namesOf(listAt(body, field));
    if (names !== null && names.length > 0) return names.at(-1) ?? null;
  }
  return null;
}
