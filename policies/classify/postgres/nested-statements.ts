// Statements that carry another one: EXPLAIN, COPY, PREPARE and EXECUTE.

import type { StatementFacts } from '../../../src/core/classification.ts';
import type { Context } from './context.ts';
import { Findings } from './findings.ts';
import { effectOn, readRelation, relationOf, writeRelation } from './objects.ts';
import { settleAmbiguous } from './settlement.ts';
import { booleanOf } from './settings.ts';
import { constantOf, flagAt, listAt, nodeOf, textAt, treeAt, type Node, type Tree } from './tree.ts';
import { walk } from './walker.ts';

/** Judges an inner statement; handed in, so that imports go one way. */
export type JudgeStatement = (node: Node, findings: Findings, context: Context) => string;

/** EXPLAIN. With ANALYZE the statement runs; without it, planning can still run functions, so calls count. */
export function explainStatement(body: Tree, findings: Findings, context: Context, judge: JudgeStatement): string {
  const inner = new Findings();
  const query = nodeOf(body['query']);
  if (query === null) {
    findings.notUnderstood('unknown-construct', 'EXPLAIN of nothing');
    return 'explain';
  }
  judge(query, inner, context);
  settleAmbiguous(inner, context);
  takeOver(inner, findings);
  if (listAt(body, 'options').some(mayAnalyze)) {
    for (const effect of inner.effects.values()) findings.add(effect);
    for (const risk of inner.risks) findings.risk(risk.start, risk.end, risk.why);
    for (const change of inner.changes) findings.change(change);
    findings.missingWhere = inner.missingWhere;
    findings.effect('explain', 'read');
    return 'explain analyze';
  }
  findings.effect('explain', 'read');
  for (const effect of inner.effects.values()) {
    const isRows = ['read', 'insert', 'update', 'delete', 'create', 'lock', 'cursor', 'maintenance'].includes(effect.verb);
    if (!isRows) findings.add(effect);
    else if (effect.object !== null) findings.effect('explain', 'read', effect.objectKind, effect.object);
  }
  if ([...findings.effects.values()].some((effect) => effect.access !== 'read')) {
    for (const risk of inner.risks) findings.risk(risk.start, risk.end, risk.why);
  }
  return 'explain';
}

/** The last of several ANALYZE options counts for the server; for us one that isn't plainly false is enough. */
export function mayAnalyze(item: unknown): boolean {
  const option = nodeOf(item)?.body;
  if (option === undefined) return true;
  if (textAt(option, 'defname').toLowerCase() !== 'analyze') return false;
  if (option['arg'] === undefined) return true;
  const value = constantOf(option['arg']);
  return value === null || booleanOf(value) !== false;
}

/** COPY in its six forms. */
export function copyStatement(body: Tree, findings: Findings, context: Context): string {
  const isFrom = flagAt(body, 'is_from');
  const filename = textAt(body, 'filename');
  const isFile = filename !== '';
  const isProgram = flagAt(body, 'is_program');
  if (isProgram) findings.effect('server-program', 'write', 'program', filename);
  else if (isFile) findings.effect('server-file', 'write', 'file', filename);
  if (isProgram || isFile)
    findings.risk(context.start, context.end, isProgram ? 'runs a program on the server' : 'uses a file on the server');
  const rangeVar = treeAt(body, 'relation');
  if (rangeVar !== null) {
    const relation = relationOf(rangeVar, context);
    if (isFrom) {
      writeRelation('bulk-load', relation, findings, context);
      writeRelation('insert', relation, findings, context);
      findings.risk(context.start, context.end, `loads rows into ${relation.name}`);
    } else {
      readRelation(relation, findings, context);
      effectOn({ verb: 'export', access: 'read' }, relation, findings, context);
    }
  }
  if (body['query'] !== undefined) {
    walk([body['query']], findings, context, { runsNow: true });
    findings.effect('export', 'read');
  }
  if (body['whereClause'] !== undefined) walk([body['whereClause']], findings, context);
  return isFrom ? 'copy from' : 'copy to';
}

/** PREPARE only stores; the statement is judged again when it is executed. */
export function prepareStatement(body: Tree, findings: Findings, context: Context, judge: JudgeStatement): string {
  const query = nodeOf(body['query']);
  if (query === null) {
    findings.notUnderstood('unknown-construct', 'PREPARE of nothing');
    return 'prepare';
  }
  findings.effect('prepare', 'session');
  const facts = factsOf(query, findings, context, judge, listAt(body, 'argtypes'));
  findings.change({ kind: 'prepare', name: textAt(body, 'name'), inner: facts });
  return 'prepare';
}

/** `argumentTypes`: making their values may run code of the target, whenever the statement is run. */
function factsOf(
  query: Node,
  findings: Findings,
  context: Context,
  judge: JudgeStatement,
  argumentTypes: readonly unknown[],
): StatementFacts {
  const inner = new Findings();
  const kind = judge(query, inner, context);
  walk(argumentTypes, inner, context);
  settleAmbiguous(inner, context);
  takeOver(inner, findings);
  return {
    kind,
    span: { start: context.start, end: context.end },
    effects: [...inner.effects.values()],
    missingWhere: inner.missingWhere,
    risks: inner.risks,
    columns: context.columns(query),
    changes: inner.changes,
  };
}

/** EXECUTE does what was prepared under the name. `surely`: now, so that its settings can be followed (not so in CREATE TABLE … AS). */
export function executeStatement(body: Tree, findings: Findings, context: Context, surely = true): string {
  const name = textAt(body, 'name');
  findings.executes = true;
  findings.effect('prepare', 'session');
  const prepared = context.prepared(name);
  if (prepared === null || !prepared.understood) {
    findings.effect('unknown', 'unknown', 'other', `prepared statement ${name}`);
    findings.risk(context.start, context.end, 'runs a prepared statement that is not known');
  } else {
    for (const effect of prepared.summary.effects) findings.add(effect);
    for (const change of prepared.statements.flatMap(({ changes }) => changes)) {
      if (surely || change.kind !== 'set') findings.change(change);
      else findings.effect('guard', 'write', 'setting', change.setting);
    }
    if (prepared.summary.missingWhere) findings.missingWhere = true;
    if (prepared.summary.access !== 'read') findings.risk(context.start, context.end, `runs the prepared statement ${name}`);
  }
  walk(listAt(body, 'params'), findings, context);
  return 'execute';
}

/** What must not be lost of an inner statement, whatever becomes of its effects. */
function takeOver(inner: Findings, outer: Findings): void {
  if (inner.problem !== null) outer.problem ??= inner.problem;
  if (inner.executes) outer.executes = true;
}
