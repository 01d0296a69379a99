// Names as the server would resolve them: relations, functions, operators and types of a statement, judged and written
// into the findings.

import type { CatalogueFunction, CatalogueRelation } from '../../../src/core/catalogue.ts';
import type { Effect, ObjectKind } from '../../../src/core/effect.ts';
import {
  harmlessRead,
  isBuiltinOperator,
  isBuiltinType,
  isInformationFunction,
  isInformationType,
  isSystemRelation,
  judgeBuiltin,
  unknownCall,
  type FunctionJudgement,
} from './builtins.ts';
import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { dotted } from './names.ts';
import { noteReached } from './reached.ts';
import { flagAt, listAt, locationOf, namesOf, textAt, type Tree } from './tree.ts';

export interface Relation {
  readonly name: string;
  readonly kind: ObjectKind;
  readonly known: readonly CatalogueRelation[];
  /** The open transaction has made or changed it, or what reading it leads to: what it runs is not known. */
  readonly isChanged: boolean;
  /** The text says ONLY: not the tables that inherit from it. */
  readonly isOnly: boolean;
}

/** Resolves a RangeVar. */
export function relationOf(rangeVar: Tree, context: Context): Relation {
  const relation = relationNamed(textAt(rangeVar, 'schemaname') || null, textAt(rangeVar, 'relname'), context);
  return flagAt(rangeVar, 'inh') ? relation : { ...relation, isOnly: true };
}

export function relationNamed(schema: string | null, name: string, context: Context): Relation {
  const known = context.known?.relations(schema, name) ?? [];
  const found = known[known.length - 1];
  const isSystem = schema === null && !context.shadowing && isSystemRelation(name);
  if (found !== undefined && !isSystem) {
    const kind = found.kind === 'view' || found.kind === 'materialized-view' ? 'view' : 'table';
    return { name: dotted(found.schema, found.name), kind, known, isChanged: isChanged(name, known, context), isOnly: false };
  }
  // Without its schema the name of one of the server's own may be that of a temporary view.
  const isBuiltin = schema === 'pg_catalog' || schema === 'information_schema';
  return {
    name: dotted(isSystem ? 'pg_catalog' : schema, name),
    kind: 'table',
    known,
    isChanged: !isBuiltin && isChanged(name, known, context),
    isOnly: false,
  };
}

function isChanged(name: string, known: readonly CatalogueRelation[], { changed, known: objects }: Context): boolean {
  if (changed.any || changed.names.has(name)) return true;
  if (changed.names.size === 0 || objects === null) return false;
  return known.some(
    (one) =>
      objects.reach(one.reading, changed.names) || objects.reach(one.writing, changed.names) || objects.inheritorIn(one.id, changed.names),
  );
}

function noteChanged(relation: Relation, findings: Findings, context: Context): void {
  if (!relation.isChanged) return;
  findings.meetsChanged = true;
  findings.effect('call', 'unknown', relation.kind, relation.name);
  findings.risk(
    context.start,
    context.end,
    `the open transaction has made or changed ${relation.name}: what it runs is not known before the commit`,
  );
}

/** Views over functions that read configuration files of the server. */
const serverFileViews = new Set(['pg_catalog.pg_file_settings', 'pg_catalog.pg_hba_file_rules', 'pg_catalog.pg_ident_file_mappings']);

/** Notes that a relation is read, and what reading it runs. */
export function readRelation(relation: Relation, findings: Findings, context: Context): void {
  effectOn({ verb: 'read', access: 'read' }, relation, findings, context);
  if (serverFileViews.has(relation.name)) findings.effect('server-file', 'write', relation.kind, relation.name);
  noteChanged(relation, findings, context);
  for (const one of relation.known) {
    if (context.known?.isLocal(one) === false) findings.effect('network', 'read', relation.kind, relation.name);
    if (context.known?.relationReads(one) === false) findings.effect('call', 'unknown', relation.kind, relation.name);
  }
}

/** Notes an effect on a relation, and on those that it reaches besides. */
export function effectOn(what: Pick<Effect, 'verb' | 'access'>, relation: Relation, findings: Findings, context: Context): void {
  findings.effect(what.verb, what.access, relation.kind, relation.name);
  if (context.known === null) return;
  // Where the search_path is not known the name may be that of any schema.
  if (context.known.path === null)
    for (const { schema, name } of relation.known) findings.effect(what.verb, what.access, relation.kind, dotted(schema, name));
  for (const one of relation.known) noteReached(what, one, relation.isOnly, findings, context.known);
}

/** Notes that a relation is changed, and what that runs besides. */
export function writeRelation(verb: Effect['verb'], relation: Relation, findings: Findings, context: Context): void {
  effectOn({ verb, access: 'write' }, relation, findings, context);
  noteChanged(relation, findings, context);
  if (relation.name === 'pg_catalog.pg_settings') findings.effect('guard', 'write', 'setting', null); // Its rule calls set_config.
  for (const one of relation.known) {
    if (context.known?.isLocal(one) === false) findings.effect('network', 'write', relation.kind, relation.name);
    const isQuiet = context.known === null || (context.known.relationChangesQuietly(one) && context.known.relationReads(one));
    if (!isQuiet) findings.effect('call', 'unknown', relation.kind, relation.name);
  }
}

/** Judges a function by its name as written. Null names mean a shape that we do not know. */
export function judgeFunction(names: readonly string[], argumentCount: number, context: Context): FunctionJudgement {
  const name = names[names.length - 1];
  if (name === undefined) return unknownCall;
  const schema = names.length > 1 ? (names[names.length - 2] ?? null) : null;
  const own = context.known?.functions(schema, name) ?? [];
  const { changed } = context;
  const reads = (one: CatalogueFunction): boolean =>
    context.known?.functionReads(one) === true && !context.known.functionReaches(one, changed.names);
  const ownReads = own.every(reads);
  if (schema === 'pg_catalog') return ownReads ? (judgeBuiltin(name, argumentCount) ?? typeAsFunction(schema, name, context)) : unknownCall;
  if (schema === 'information_schema') return isInformationFunction(name) && ownReads ? harmlessRead : unknownCall;
  if (changed.names.has(name) || (changed.any && (own.length > 0 || argumentCount > 0))) return unknownCall;
  if (schema !== null) return own.length > 0 && ownReads ? harmlessRead : unknownCall;
  if (context.shadowing) return unknownCall;
  const builtin = judgeBuiltin(name, argumentCount) ?? (own.length === 0 ? typeAsFunction(null, name, context) : null);
  if (builtin === null) return own.length > 0 && ownReads ? harmlessRead : unknownCall;
  return ownReads ? builtin : unknownCall;
}

/** `date('…')`: a type's name called like a function is a cast. */
function typeAsFunction(schema: string | null, name: string, context: Context): FunctionJudgement {
  return typeReads(schema, name, context) ? harmlessRead : unknownCall;
}

/** Name for the findings: with the schema where it is written or the catalogue knows just one. */
export function functionName(names: readonly string[], context: Context): string {
  const name = names[names.length - 1] ?? '';
  const schema = names.length > 1 ? (names[names.length - 2] ?? null) : null;
  if (schema === 'pg_catalog') return name;
  if (schema !== null) return dotted(schema, name);
  const own = context.known?.functions(null, name) ?? [];
  const schemas = new Set(own.map((one) => one.schema));
  return dotted(schemas.size === 1 ? [...schemas][0]! : null, name);
}

/** Judges an operator name list ("+" or OPERATOR(schema.+)). */
export function judgeOperator(list: readonly unknown[], location: number | null, findings: Findings, context: Context): void {
  const names = namesOf(list);
  const name = names?.[names.length - 1];
  if (names === null || name === undefined) {
    findings.notUnderstood('unknown-construct', 'an operator without a name');
    return;
  }
  const schema = names.length > 1 ? (names[names.length - 2] ?? null) : null;
  if (operatorReads(schema, name, context)) return;
  findings.effect('call', 'unknown', 'other', `operator ${dotted(schema, name)}`);
  riskAt(location, name.length, 'an operator that is not known to be harmless', findings, context);
}

function operatorReads(schema: string | null, name: string, context: Context): boolean {
  const own = context.known?.operatorReads(schema, name) ?? null;
  if (schema === 'pg_catalog') return own ?? isBuiltinOperator(name);
  if (own !== null && (context.changed.any || context.known?.operatorReaches(schema, name, context.changed.names) === true)) return false;
  if (schema !== null) return own === true;
  if (own !== null) return own && !context.shadowing;
  return isBuiltinOperator(name) && !context.shadowing;
}

/** Judges a TypeName: casting to it may run checks, casts and input code. */
export function judgeType(typeName: Tree, findings: Findings, context: Context): void {
  const names = namesOf(listAt(typeName, 'names'));
  const name = names?.[names.length - 1];
  if (names === null || name === undefined) return; // By OID only: internal, the grammar makes none.
  const schema = names.length > 1 ? (names[names.length - 2] ?? null) : null;
  if (typeReads(schema, name, context)) return;
  findings.effect('call', 'unknown', 'other', `type ${dotted(schema, name)}`);
  riskAt(locationOf(typeName), name.length, 'a type that is not known to be harmless', findings, context);
}

export function typeReads(schema: string | null, name: string, context: Context): boolean {
  const { changed, known } = context;
  const isBuiltin = isBuiltinType(name) || isSystemRelation(name);
  const own = known?.typeReads(schema, name) ?? null;
  if (known?.serverTypesRead('named') === false) return false;
  if (schema === 'pg_catalog') return isBuiltin && own !== false;
  if (schema === 'information_schema') return isInformationType(name) && own !== false;
  if (changed.names.has(name) || changed.any || known?.typeReaches(schema, name, changed.names) === true) return false;
  if (schema !== null) return own === true;
  return (isBuiltin ? own !== false : own === true) && !context.shadowing;
}

/** Marks a stretch of text at a byte offset. */
export function riskAt(location: number | null, length: number, why: string, findings: Findings, context: Context): void {
  if (location === null) return;
  const start = context.offsets.fromByte(location);
  findings.risk(start, Math.min(start + length, context.end), why);
}

/** Length of a dotted, maybe quoted name at an offset. */
export function nameLength(text: string, at: number): number {
  const match = /^(?:"(?:[^"]|"")*"|[\p{L}\p{N}_$]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\p{L}\p{N}_$]+))*/u.exec(text.slice(at, at + 300));
  return match === null ? 1 : match[0].length;
}

/** May a dotted name be a call? True when a function of that name would do more than read, or is not known to. */
export function isDefinition(name: string, context: Context): boolean {
  const { known, changed } = context;
  if (known === null || changed.any || changed.names.size > 0) return mayBeDefinition(name, context);
  if (known.isNoCall(name)) return false;
  const may = mayBeDefinition(name, context);
  if (!may) known.noteNoCall(name);
  return may;
}

function mayBeDefinition(name: string, context: Context): boolean {
  const builtin = judgeBuiltin(name, 1);
  if (builtin !== null && builtin.access !== 'read') return true;
  const { known, changed } = context;
  if (changed.any || changed.names.has(name)) return true;
  if (known === null) return false;
  if (known.functions(null, name).some((one) => !known.functionReads(one))) return true;
  return known.typeReads(null, name) === false;
}
