// Walks a whole statement tree, iteratively (hostile texts nest deep), and writes what it does into the findings. Inside a
// query every node type must be on the allow-list; inside schema changes, which are never harmless, unknown ones are passed.
// What a node means is said in the files named after it (calls, data-changes, row-locks); here is which nodes are met, and with
// which names in reach.

import {
  noteCall,
  noteDottedName,
  noteEquality,
  noteExpression,
  noteIndirection,
  noteSampling,
  noteSortOperator,
  noteSubqueryTest,
} from './calls.ts';
import type { Context } from './context.ts';
import { noteChange, noteInsert, noteMerge, noteSelectInto } from './data-changes.ts';
import type { Findings } from './findings.ts';
import { fieldTypes, plainTypes } from './node-types.ts';
import { isDefinition, judgeType, readRelation, relationOf } from './objects.ts';
import { noteRowLocks } from './row-locks.ts';
import { isWithQuery, noteAlias, withQueries, type Scope } from './scope.ts';
import { noteSettingsView } from './session-settings.ts';
import { flagAt, isTree, listAt, nameAt, namesOf, nodeOf, treeAt, type Node, type Tree } from './tree.ts';

interface Visit {
  readonly type: string;
  readonly body: Tree;
  readonly scope: Scope | null;
  /** Directly in the list of a SELECT that only sets: the only place where a set_config surely runs once. */
  readonly surely: boolean;
}

export interface WalkOptions {
  /** False inside definitions, where an unknown node cannot make a statement harmless. */
  readonly strict?: boolean;
  /** The roots are what runs now, and once; not what is kept for later (a cursor's query, a view). */
  readonly runsNow?: boolean;
}

/** All that a SELECT may consist of, so that each expression of its list runs exactly once. */
const onceParts = new Set(['targetList', 'op', 'limitOption']);

/** A SELECT of calls of set_config and constants alone: a function beside them would run by the search_path that they have just set. */
function onlySets(body: Tree): boolean {
  if (!Object.keys(body).every((key) => onceParts.has(key))) return false;
  return listAt(body, 'targetList').every((target) => {
    const value = nodeOf(nodeOf(target)?.body['val']);
    if (value?.type === 'A_Const') return true;
    return value?.type === 'FuncCall' && namesOf(listAt(value.body, 'funcname'))?.at(-1) === 'set_config';
  });
}

/** Node types of one statement; more is not understood. Far above anything a text of 1 MB can make. */
const nodesMax = 3_000_000;

/** Walks from the given nodes. */
export function walk(roots: readonly unknown[], findings: Findings, context: Context, options: WalkOptions = {}): void {
  if (context.known?.serverTypesRead('implicit') === false) findings.effect('call', 'unknown', 'other', "cast of the server's own types");
  new Walk(findings, context, options.strict ?? true).run(roots, options.runsNow ?? false);
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

  run(roots: readonly unknown[], runsNow: boolean): void {
    for (const root of roots) this.#push(root, '', null, runsNow);
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
    const findings = this.#findings;
    const context = this.#context;
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
        noteInsert(body, findings, context);
        return this.#insideChange(visit);
      case 'UpdateStmt':
      case 'DeleteStmt':
        noteChange(type === 'DeleteStmt' ? 'delete' : 'update', body, findings, context);
        return this.#insideChange(visit);
      case 'MergeStmt':
        noteMerge(body, findings, context);
        return this.#insideChange(visit);
      case 'RangeVar':
        return this.#rangeVar(body, scope);
      case 'FuncCall':
        noteCall(body, visit.surely, findings, context);
        return this.#children(visit, 'funcname');
      case 'ColumnRef':
        return noteDottedName(body, findings, context);
      case 'A_Indirection':
        noteIndirection(body, findings, context);
        return this.#children(visit);
      case 'A_Expr':
        noteExpression(body, findings, context);
        return this.#children(visit, 'name');
      case 'SubLink':
        noteSubqueryTest(body, findings, context);
        return this.#children(visit, 'operName');
      case 'SortBy':
        noteSortOperator(body, findings, context);
        return this.#children(visit, 'useOp');
      case 'CaseExpr':
        if (body['arg'] !== undefined) noteEquality(body, findings, context);
        return this.#children(visit);
      case 'JoinExpr':
        if (flagAt(body, 'isNatural') || listAt(body, 'usingClause').length > 0) noteEquality(body, findings, context);
        return this.#children(visit);
      case 'TypeName':
        judgeType(body, findings, context);
        return this.#children(visit, 'names');
      case 'ColumnDef':
        // In a query: the column list of a function in FROM. In a definition the type is not used yet.
        return this.#strict ? this.#children(visit) : this.#children(visit, 'typeName');
      case 'RangeTableSample':
        noteSampling(body, findings);
        return this.#children(visit, 'method');
      case 'RangeSubselect':
      case 'RangeFunction':
        noteAlias(body, [], findings);
        return this.#children(visit);
      case 'CommonTableExpr':
      case 'WithClause':
        return this.#children(visit);
      default:
        if (!plainTypes.has(type) && this.#strict) {
          findings.notUnderstood('unknown-construct', `${type} is not known inside a query`);
          return;
        }
        return this.#children(visit);
    }
  }

  // Statements ------------------------------------------------------------------------------------------------------------

  #select({ body, scope: outer, surely }: Visit): void {
    const findings = this.#findings;
    const context = this.#context;
    const scope = this.#withScope(body, outer);
    const into = treeAt(body, 'intoClause');
    if (into !== null) noteSelectInto(into, findings, context);
    if (body['lockingClause'] !== undefined) noteRowLocks(body, scope, findings, context);
    if (surely && noteSettingsView(body, findings, context)) return;
    if (surely && onlySets(body)) return this.#once(listAt(body, 'targetList'), scope);
    for (const key in body) {
      if (key === 'withClause' || key === 'intoClause' || key === 'lockingClause') continue;
      this.#push(body[key], key, scope, false);
    }
  }

  /** In the order in which the server computes them: of two set_configs the second counts. The stack gives the last first. */
  #once(targets: readonly unknown[], scope: Scope | null): void {
    for (const target of targets.toReversed()) this.#push(target, 'targetList', scope, true);
  }

  /** All of a data change but its table, which has been noted. */
  #insideChange({ body, scope: outer }: Visit): void {
    const scope = this.#withScope(body, outer);
    for (const key in body) if (key !== 'relation' && key !== 'withClause') this.#push(body[key], key, scope, false);
  }

  /** Pushes the WITH queries of a statement and returns what the statement itself can see. */
  #withScope(body: Tree, outer: Scope | null): Scope | null {
    const clause = treeAt(body, 'withClause');
    if (clause === null) return outer;
    const { queries, scope } = withQueries(clause, outer);
    for (const query of queries) this.#stack.push({ ...query.node, scope: query.scope, surely: false });
    return scope;
  }

  #rangeVar(body: Tree, scope: Scope | null): void {
    if (isWithQuery(body, scope)) return noteAlias(body, [], this.#findings);
    const relation = relationOf(body, this.#context);
    readRelation(relation, this.#findings, this.#context);
    noteAlias(
      body,
      relation.known.map((one) => one.id),
      this.#findings,
    );
  }

  // Children --------------------------------------------------------------------------------------------------------------

  #children(visit: Visit, skip: string | null = null): void {
    const { body, type } = visit;
    // A label keeps "surely runs once"; anything else may run a call never or often, or by what it has just set.
    const surely = visit.surely && type === 'ResTarget';
    for (const key in body) if (key !== skip) this.#push(body[key], key, visit.scope, surely);
  }

  #push(value: unknown, key: string, scope: Scope | null, surely: boolean): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) this.#push(item, key, scope, surely);
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
}
