// Whatever in an expression runs a function: calls, operators, the comparisons that other constructs make, and dotted names,
// which may be calls as well.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { functionName, isDefinition, judgeFunction, judgeOperator, nameLength, riskAt, typeReads } from './objects.ts';
import { dotted } from './names.ts';
import { noteSetConfig } from './session-settings.ts';
import { constantOf, listAt, locationOf, namesOf, nodeOf, textAt, type Tree } from './tree.ts';

/** Dotted names in one statement that may be calls; more is not understood. */
const ambiguousMax = 1_000;

/** FuncCall. `surely`: it runs exactly once, so that a set_config takes effect. */
export function noteCall(body: Tree, surely: boolean, findings: Findings, context: Context): void {
  const names = namesOf(listAt(body, 'funcname'));
  if (names === null || names.length === 0) {
    findings.notUnderstood('unknown-construct', 'a function without a name');
    return;
  }
  const args = listAt(body, 'args');
  if (names[names.length - 1] === 'set_config' && (names.length === 1 || names[names.length - 2] === 'pg_catalog')) {
    noteSetConfig(args, surely, locationOf(body), findings, context);
  } else {
    judgedCall(names, args.length, locationOf(body), findings, context);
    inputOfNamedType(names, args, findings, context);
  }
}

function judgedCall(names: readonly string[], argumentCount: number, location: number | null, findings: Findings, context: Context): void {
  const judgement = judgeFunction(names, argumentCount, context);
  const isOwn =
    names.length > 1 ? names[names.length - 2] !== 'pg_catalog' : (context.known?.functions(null, names[0] ?? '').length ?? 0) > 0;
  if (judgement.access === 'read' && !isOwn) return;
  const name = functionName(names, context);
  const verb = judgement.access === 'read' ? 'call' : judgement.verb;
  findings.effect(verb, judgement.access, 'function', name);
  if (judgement.why !== null) {
    const at = location === null ? 0 : context.offsets.fromByte(location);
    riskAt(location, nameLength(context.text, at), judgement.why, findings, context);
  }
}

/** pg_input_is_valid(text, type) runs the input code of a type that is named in a text. */
function inputOfNamedType(names: readonly string[], args: readonly unknown[], findings: Findings, context: Context): void {
  const name = names[names.length - 1] ?? '';
  if (name !== 'pg_input_is_valid' && name !== 'pg_input_error_info') return;
  const type = constantOf(args[1]);
  if (type !== null && /^[a-z_][a-z0-9_]*$/.test(type) && typeReads(null, type, context)) return;
  findings.effect('call', 'unknown', 'function', name);
}

/** ColumnRef. `s.wipe` may be the function wipe(s): anything that takes one argument can be called like a column. */
export function noteDottedName(body: Tree, findings: Findings, context: Context): void {
  const fields = listAt(body, 'fields');
  if (fields.length < 2) return;
  const names = namesOf(fields);
  if (names === null) return; // Ends in *: a row.
  const name = names[names.length - 1] ?? '';
  mayBeCall(names[names.length - 2] ?? null, name, locationOf(body), findings, context);
}

/** A_Indirection: `(s).wipe`. */
export function noteIndirection(body: Tree, findings: Findings, context: Context): void {
  for (const item of listAt(body, 'indirection')) {
    const node = nodeOf(item);
    if (node?.type === 'String') mayBeCall(null, textAt(node.body, 'sval'), null, findings, context);
  }
}

function mayBeCall(qualifier: string | null, name: string, location: number | null, findings: Findings, context: Context): void {
  if (findings.ambiguous.length >= ambiguousMax) {
    findings.notUnderstood('too-large', 'too many names that may be functions');
  } else if (isDefinition(name, context)) {
    findings.ambiguous.push({ qualifier, name, location });
  }
}

/** A_Expr: an operator, or a construct that stands for operators. */
export function noteExpression(body: Tree, findings: Findings, context: Context): void {
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
      return noteOperator(body, 'name', findings, context);
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      for (const name of ['<', '<=', '>', '>=']) noteBareOperator(name, body, findings, context);
      return;
    default:
      findings.notUnderstood('unknown-construct', `an expression of kind ${textAt(body, 'kind')}`);
  }
}

/** SubLink: `= ANY (SELECT …)`; IN has no operator in the tree and means the same. */
export function noteSubqueryTest(body: Tree, findings: Findings, context: Context): void {
  if (listAt(body, 'operName').length > 0) noteOperator(body, 'operName', findings, context);
  else if (textAt(body, 'subLinkType') === 'ANY_SUBLINK') noteEquality(body, findings, context);
}

/** SortBy: ORDER BY … USING. */
export function noteSortOperator(body: Tree, findings: Findings, context: Context): void {
  if (listAt(body, 'useOp').length > 0) noteOperator(body, 'useOp', findings, context);
}

/** What CASE x WHEN, USING and NATURAL compare with: an `=` that is not in the tree. */
export function noteEquality(body: Tree, findings: Findings, context: Context): void {
  noteBareOperator('=', body, findings, context);
}

function noteOperator(body: Tree, field: string, findings: Findings, context: Context): void {
  judgeOperator(listAt(body, field), locationOf(body), findings, context);
}

function noteBareOperator(name: string, body: Tree, findings: Findings, context: Context): void {
  judgeOperator([{ String: { sval: name } }], locationOf(body), findings, context);
}

/** RangeTableSample: the method is a function. */
export function noteSampling(body: Tree, findings: Findings): void {
  const names = namesOf(listAt(body, 'method')) ?? [];
  const name = names[names.length - 1] ?? '';
  if (['bernoulli', 'system', 'system_rows', 'system_time'].includes(name)) return;
  findings.effect('call', 'unknown', 'function', dotted(null, name));
}
