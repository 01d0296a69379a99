// Walks a whole statement tree, iteratively (hostile texts nest deep), and writes what it does into the findings. Inside a
// query every node type must be on the allow-list; inside schema changes, which are never harmless, unknown ones are passed.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { fieldTypes, plainTypes } from './node-types.ts';
import { narrows, whereCannotNarrow } from './narrowing.ts';
import {
  dotted,
  functionName,
  isDefinition,
  judgeFunction,
  judgeOperator,
  judgeType,
  readRelation,
  relationOf,
  riskAt,
  typeReads,
  writeRelation,
} from './objects.ts';
import { noteSetConfig, noteSettingsView } from './session-settings.ts';
import { constantOf, flagAt, isTree, listAt, locationOf, nameAt, namesOf, nodeOf, textAt, treeAt, type Node, type Tree } from './tree.ts';

/** Names of WITH queries in reach, innermost first. */
interface Scope {
  readonly name: string;
  readonly outer: Scope | null;
}

interface Visit {
  readonly type: string;
  readonly body: Tree;
  readonly scope: Scope | null;
  /** Directly in the select list of a statement without FROM: the only place where a set_config surely runs once. */
  readonly surely: boolean;
}

export interface WalkOptions {
  /** False inside definitions, where an unknown node cannot make a statement harmless. */
  readonly strict: boolean;
}

/** Node types of one statement; more is not understood. Far above anything a text of 1 MB can make. */
const nodesMax = 3_000_000;

/** Walks from the given nodes. */
export function walk(roots: readonly unknown[], findings: Findings, context: Context, options: WalkOptions = { strict: true }): void {
  new Walk(findings, context, options.strict).run(roots);
}

class Walk {
  readonly #findings: Findings;
  readonly #context: Context;
  readonly #strict: boolean;
  readonly #stack: Visit[] = [];

  constructor(findings: Findings, context: Context, strict: boolean) {
    this.#findings = findings;
    this.#context = context;
    this.#strict = strict;
  }

  run(roots: readonly unknown[]): void {
    for (const root of roots) this.#pushValue(root, '', null, true);
    let nodes = 0;
    for (;;) {
      const visit = this.#stack.pop();
      if (visit === undefined) return;
      nodes += 1;
      if (nodes > nodesMax) this.#findings.notUnderstood('too-large', 'the statement has too many parts');
      if (this.#findings.problem !== null) return;
      this.#visit(visit);
    }
  }

  #visit(visit: Visit): void {
    const { type, body, scope } = visit;
    switch (type) {
      case 'A_Const':
      case 'ParamRef':
      case 'String':
      case 'Integer':
      case 'Float':
      case 'A_Star':
        return;
      case 'SelectStmt':
        return this.#select(visit);
      case 'InsertStmt':
        return this.#insert(visit);
      case 'UpdateStmt':
      case 'DeleteStmt':
        return this.#change(visit);
      case 'MergeStmt':
        return this.#merge(visit);
      case 'RangeVar':
        return this.#rangeVar(body, scope);
      case 'FuncCall':
        return this.#functionCall(visit);
      case 'ColumnRef':
        return this.#columnRef(body);
      case 'A_Indirection':
        this.#indirection(body);
        return this.#children(visit);
      case 'A_Expr':
        this.#operator(body);
        return this.#children(visit, 'name');
      case 'SubLink':
        if (listAt(body, 'operName').length > 0) this.#judgeOperatorAt(body, 'operName');
        else if (textAt(body, 'subLinkType') === 'ANY_SUBLINK') this.#judgeBare('=', body);
        return this.#children(visit, 'operName');
      case 'SortBy':
        if (listAt(body, 'useOp').length > 0) this.#judgeOperatorAt(body, 'useOp');
        return this.#children(visit, 'useOp');
      case 'CaseExpr':
        if (body['arg'] !== undefined) this.#judgeBare('=', body);
        return this.#children(visit);
      case 'JoinExpr':
        if (flagAt(body, 'isNatural') || listAt(body, 'usingClause').length > 0) this.#judgeBare('=', body);
        return this.#children(visit);
      case 'TypeName':
        judgeType(body, this.#findings, this.#context);
        return this.#children(visit, 'names');
      case 'ColumnDef':
        // In a query: the column list of a function in FROM. In a definition the type is not used yet.
        return this.#strict ? this.#children(visit) : this.#children(visit, 'typeName');
      case 'RangeTableSample':
        this.#sample(body);
        return this.#children(visit, 'method');
      case 'LockingClause':
        return this.#locking(body, scope);
      case 'RangeSubselect':
        this.#alias(body, null);
        return this.#children(visit);
      case 'RangeFunction':
        this.#alias(body, null);
        return this.#children(visit);
      case 'CommonTableExpr':
      case 'WithClause':
        return this.#children(visit);
      default:
        if (!plainTypes.has(type) && this.#strict) {
          this.#findings.notUnderstood('unknown-construct', `${type} is not known inside a query`);
          return;
        }
        return this.#children(visit);
    }
  }

  // Statements ------------------------------------------------------------------------------------------------------------

  #select(visit: Visit): void {
    const { body } = visit;
    const scope = this.#withScope(body, visit.scope);
    const into = treeAt(body, 'intoClause');
    if (into !== null) this.#createInto(into);
    const locking = listAt(body, 'lockingClause');
    if (locking.length > 0) this.#lockingOf(body, locking, scope);
    if (visit.surely && noteSettingsView(body, this.#findings, this.#context)) return;
    const isPlain = visit.surely && body['fromClause'] === undefined && body['whereClause'] === undefined && body['larg'] === undefined;
    for (const key in body) {
      if (key === 'withClause' || key === 'intoClause' || key === 'lockingClause') continue;
      this.#pushValue(body[key], key, scope, isPlain && key === 'targetList');
    }
  }

  /** SELECT … INTO and CREATE TABLE AS make a relation. */
  #createInto(into: Tree): void {
    const relation = treeAt(into, 'rel');
    if (relation === null) return;
    const found = relationOf(relation, this.#context);
    this.#findings.effect('create', 'write', 'table', found.name);
    this.#findings.change({ kind: 'schema-changed' });
    riskAt(locationOf(relation), textAt(relation, 'relname').length, 'makes a new table', this.#findings, this.#context);
  }

  #insert(visit: Visit): void {
    const { body } = visit;
    const scope = this.#withScope(body, visit.scope);
    this.#target('insert', body, 'inserts into');
    const conflict = treeAt(body, 'onConflictClause');
    if (conflict !== null && textAt(conflict, 'action') === 'ONCONFLICT_UPDATE') this.#target('update', body, 'inserts into');
    this.#rest(body, scope);
  }

  #change(visit: Visit): void {
    const { body, type } = visit;
    const scope = this.#withScope(body, visit.scope);
    const isDelete = type === 'DeleteStmt';
    const isEveryRow = whereCannotNarrow(body, this.#context);
    if (isEveryRow) this.#findings.missingWhere = true;
    const words = isDelete ? 'deletes from' : 'updates';
    this.#target(isDelete ? 'delete' : 'update', body, isEveryRow ? `${words} every row of` : words);
    this.#rest(body, scope);
  }

  #merge(visit: Visit): void {
    const { body } = visit;
    const scope = this.#withScope(body, visit.scope);
    for (const item of listAt(body, 'mergeWhenClauses')) {
      const clause = nodeOf(item)?.body;
      const command = clause === undefined ? '' : textAt(clause, 'commandType');
      if (command === 'CMD_INSERT') this.#target('insert', body, 'merges into');
      else if (command === 'CMD_UPDATE') this.#target('update', body, 'merges into');
      else if (command === 'CMD_DELETE') this.#target('delete', body, 'merges into');
      else if (command !== 'CMD_NOTHING') this.#findings.notUnderstood('unknown-construct', `MERGE with ${command || 'no command'}`);
      const isChange = command === 'CMD_UPDATE' || command === 'CMD_DELETE';
      if (
        isChange &&
        clause !== undefined &&
        !narrows(clause['condition'], body, this.#context) &&
        !narrows(body['joinCondition'], body, this.#context)
      ) {
        this.#findings.missingWhere = true;
      }
    }
    this.#rest(body, scope);
  }

  /** The relation that a data change is about. A WITH query of the same name does not hide it. */
  #target(verb: 'insert' | 'update' | 'delete', body: Tree, words: string): void {
    const rangeVar = treeAt(body, 'relation');
    if (rangeVar === null) {
      this.#findings.notUnderstood('unknown-construct', `${verb} without a table`);
      return;
    }
    const relation = relationOf(rangeVar, this.#context);
    writeRelation(verb, relation, this.#findings, this.#context);
    this.#alias(rangeVar, relation.known.length > 0 ? relation.known.map((one) => one.id) : null);
    this.#riskOfTarget(rangeVar, `${words} ${relation.name}`);
  }

  /** Marks from the statement's verb to the end of the table's name: the verb itself has no location in the tree. */
  #riskOfTarget(rangeVar: Tree, why: string): void {
    const location = locationOf(rangeVar);
    if (location === null) return;
    const { text, offsets, start, end } = this.#context;
    const at = offsets.fromByte(location);
    const before = text.slice(Math.max(start, at - 200), at);
    const verb = /(?:delete|update|insert|merge)(?![\s\S]*(?:delete|update|insert|merge))[\s\S]*$/i.exec(before);
    const nameEnd = Math.min(end, at + nameLength(text, at));
    this.#findings.risk(verb === null ? at : at - (before.length - verb.index), nameEnd, why);
  }

  #rest(body: Tree, scope: Scope | null): void {
    for (const key in body) if (key !== 'relation' && key !== 'withClause') this.#pushValue(body[key], key, scope, false);
  }

  /** Pushes the WITH queries, each with what it can see, and returns what the statement itself can see. */
  #withScope(body: Tree, outer: Scope | null): Scope | null {
    const clause = treeAt(body, 'withClause');
    if (clause === null) return outer;
    const queries = listAt(clause, 'ctes').map(nodeOf);
    const names = queries.map((query) => (query === null ? '' : textAt(query.body, 'ctename')));
    const extend = (scope: Scope | null, name: string): Scope => ({ name, outer: scope });
    const all = names.reduce<Scope | null>(extend, outer);
    let soFar = outer;
    queries.forEach((query, index) => {
      if (query === null) return;
      const scope = flagAt(clause, 'recursive') ? all : soFar;
      this.#stack.push({ ...query, scope, surely: false });
      soFar = extend(soFar, names[index] ?? '');
    });
    return all;
  }

  // Names -----------------------------------------------------------------------------------------------------------------

  #rangeVar(body: Tree, scope: Scope | null): void {
    const name = textAt(body, 'relname');
    if (textAt(body, 'schemaname') === '') {
      for (let one = scope; one !== null; one = one.outer) {
        if (one.name === name) return this.#alias(body, null);
      }
    }
    const relation = relationOf(body, this.#context);
    readRelation(relation, this.#findings, this.#context);
    this.#alias(body, relation.known.length > 0 ? relation.known.map((one) => one.id) : null);
  }

  #alias(body: Tree, relations: string[] | null): void {
    const alias = treeAt(body, 'alias');
    const name = alias === null ? textAt(body, 'relname') : textAt(alias, 'aliasname');
    const same = this.#findings.aliases.get(name);
    const ids = relations ?? ['?'];
    if (same === undefined) this.#findings.aliases.set(name, [...ids]);
    else same.push(...ids);
  }

  #functionCall(visit: Visit): void {
    const { body } = visit;
    const names = namesOf(listAt(body, 'funcname'));
    if (names === null || names.length === 0) {
      this.#findings.notUnderstood('unknown-construct', 'a function without a name');
      return;
    }
    const args = listAt(body, 'args');
    if (names[names.length - 1] === 'set_config' && (names.length === 1 || names[names.length - 2] === 'pg_catalog')) {
      noteSetConfig(args, visit.surely, locationOf(body), this.#findings, this.#context);
    } else {
      this.#judgedCall(names, args.length, locationOf(body));
      this.#inputOfNamedType(names, args);
    }
    this.#children(visit, 'funcname');
  }

  /** pg_input_is_valid(text, type) runs the input code of a type that is named in a text. */
  #inputOfNamedType(names: readonly string[], args: readonly unknown[]): void {
    const name = names[names.length - 1] ?? '';
    if (name !== 'pg_input_is_valid' && name !== 'pg_input_error_info') return;
    const type = constantOf(args[1]);
    if (type !== null && /^[a-z_][a-z0-9_]*$/.test(type) && typeReads(null, type, this.#context)) return;
    this.#findings.effect('call', 'unknown', 'function', name);
  }

  #judgedCall(names: readonly string[], argumentCount: number, location: number | null): void {
    const judgement = judgeFunction(names, argumentCount, this.#context);
    const isOwn =
      names.length > 1 ? names[names.length - 2] !== 'pg_catalog' : (this.#context.known?.functions(null, names[0] ?? '').length ?? 0) > 0;
    if (judgement.access === 'read' && !isOwn) return;
    const name = functionName(names, this.#context);
    const verb = judgement.access === 'read' ? 'call' : judgement.verb;
    this.#findings.effect(verb, judgement.access, 'function', name);
    if (judgement.why !== null) {
      const at = location === null ? 0 : this.#context.offsets.fromByte(location);
      riskAt(location, nameLength(this.#context.text, at), judgement.why, this.#findings, this.#context);
    }
  }

  /** `s.wipe` may be the function wipe(s): anything that takes one argument can be called like a column. */
  #columnRef(body: Tree): void {
    const fields = listAt(body, 'fields');
    if (fields.length < 2) return;
    const names = namesOf(fields);
    if (names === null) return; // Ends in *: a row.
    const name = names[names.length - 1] ?? '';
    this.#mayBeCall(names[names.length - 2] ?? null, name, locationOf(body));
  }

  #indirection(body: Tree): void {
    for (const item of listAt(body, 'indirection')) {
      const node = nodeOf(item);
      if (node?.type === 'String') this.#mayBeCall(null, textAt(node.body, 'sval'), null);
    }
  }

  #mayBeCall(qualifier: string | null, name: string, location: number | null): void {
    if (this.#findings.ambiguous.length >= 1_000) {
      this.#findings.notUnderstood('too-large', 'too many names that may be functions');
    } else if (isDefinition(name, this.#context)) {
      this.#findings.ambiguous.push({ qualifier, name, location });
    }
  }

  #operator(body: Tree): void {
    switch (textAt(body, 'kind')) {
      case 'AEXPR_OP':
      case 'AEXPR_OP_ANY':
      case 'AEXPR_OP_ALL':
      case 'AEXPR_DISTINCT':
      case 'AEXPR_NOT_DISTINCT':
      case 'AEXPR_NULLIF':
      case 'AEXPR_IN':
      case 'AEXPR_LIKE':
      case 'AEXPR_ILIKE':
      case 'AEXPR_SIMILAR':
        return this.#judgeOperatorAt(body, 'name');
      case 'AEXPR_BETWEEN':
      case 'AEXPR_NOT_BETWEEN':
      case 'AEXPR_BETWEEN_SYM':
      case 'AEXPR_NOT_BETWEEN_SYM':
        for (const name of ['<', '<=', '>', '>=']) this.#judgeBare(name, body);
        return;
      default:
        this.#findings.notUnderstood('unknown-construct', `an expression of kind ${textAt(body, 'kind')}`);
    }
  }

  #judgeOperatorAt(body: Tree, field: string): void {
    judgeOperator(listAt(body, field), locationOf(body), this.#findings, this.#context);
  }

  #judgeBare(name: string, body: Tree): void {
    judgeOperator([{ String: { sval: name } }], locationOf(body), this.#findings, this.#context);
  }

  #sample(body: Tree): void {
    const names = namesOf(listAt(body, 'method')) ?? [];
    const name = names[names.length - 1] ?? '';
    if (['bernoulli', 'system', 'system_rows', 'system_time'].includes(name)) return;
    this.#findings.effect('call', 'unknown', 'function', dotted(null, name));
  }

  // Locks -----------------------------------------------------------------------------------------------------------------

  #lockingOf(select: Tree, clauses: readonly unknown[], scope: Scope | null): void {
    for (const item of clauses) {
      const clause = nodeOf(item);
      if (clause === null) continue;
      if (listAt(clause.body, 'lockedRels').length === 0) this.#lockAll(listAt(select, 'fromClause'), scope);
      this.#locking(clause.body, scope);
    }
  }

  #lockAll(from: readonly unknown[], scope: Scope | null): void {
    for (const item of from) {
      const node = nodeOf(item);
      if (node?.type === 'RangeVar') this.#lockOne(node.body, scope);
    }
  }

  #locking(body: Tree, scope: Scope | null): void {
    this.#findings.effect('lock', 'write', 'none', null);
    for (const item of listAt(body, 'lockedRels')) {
      const node = nodeOf(item);
      if (node !== null) riskAt(locationOf(node.body), textAt(node.body, 'relname').length, 'locks rows', this.#findings, this.#context);
    }
    void scope; // The names in FOR UPDATE OF are aliases, so they name no table by themselves.
  }

  #lockOne(body: Tree, scope: Scope | null): void {
    for (let one = scope; one !== null; one = one.outer) if (one.name === textAt(body, 'relname')) return;
    const relation = relationOf(body, this.#context);
    this.#findings.effect('lock', 'write', relation.kind, relation.name);
    riskAt(locationOf(body), textAt(body, 'relname').length, `locks rows of ${relation.name}`, this.#findings, this.#context);
  }

  // Children --------------------------------------------------------------------------------------------------------------

  #children(visit: Visit, skip: string | null = null): void {
    const { body, type } = visit;
    // A cast or a label keeps "surely runs once"; anything else may run a call never or often.
    const surely = visit.surely && (type === 'ResTarget' || type === 'TypeCast');
    for (const key in body) if (key !== skip) this.#pushValue(body[key], key, visit.scope, surely);
  }

  /** Visiting it would find nothing: most of what stands in a select list. */
  #isIdle({ type, body }: Node): boolean {
    switch (type) {
      case 'A_Const':
      case 'ParamRef':
      case 'String':
        return true;
      case 'ColumnRef': {
        const fields = listAt(body, 'fields');
        const name = fields.length < 2 ? null : nameAt(fields[fields.length - 1]);
        return name === null ? fields.length < 2 : !isDefinition(name, this.#context);
      }
      case 'ResTarget': {
        const value = body['indirection'] === undefined ? nodeOf(body['val']) : null;
        return value !== null && value.type !== 'ResTarget' && this.#isIdle(value);
      }
      default:
        return false;
    }
  }

  #pushValue(value: unknown, key: string, scope: Scope | null, surely: boolean): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) this.#pushValue(item, key, scope, surely);
      return;
    }
    const node = nodeOf(value);
    if (node !== null) {
      if (!this.#isIdle(node)) this.#stack.push({ type: node.type, body: node.body, scope, surely });
      return;
    }
    const type = fieldTypes[key];
    if (type !== undefined && isTree(value)) {
      this.#stack.push({ type, body: value, scope, surely });
    } else if (isTree(value) && Object.keys(value).length > 0) {
      if (this.#strict) this.#findings.notUnderstood('unknown-construct', `the field ${key} is not known inside a query`);
      else this.#stack.push({ type: key, body: value, scope, surely });
    }
  }
}

/** Length of a dotted, maybe quoted name at an offset. */
function nameLength(text: string, at: number): number {
  const match = /^(?:"(?:[^"]|"")*"|[\p{L}\p{N}_$]+)(?:\s*\.\s*(?:"(?:[^"]|"")*"|[\p{L}\p{N}_$]+))*/u.exec(text.slice(at, at + 300));
  return match === null ? 1 : match[0].length;
}
