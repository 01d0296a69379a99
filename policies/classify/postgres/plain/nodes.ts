// The nodes of a plain query's tree, with the fields in the order in which PostgreSQL's parser writes them: what walks a tree may go by it.

import type { Tree } from '../tree.ts';

/** A node in a general position: {"ColumnRef": {…}}. */
export type PlainNode = Tree;

const named = (sval: string): readonly Tree[] => [{ String: { sval } }];
const star = { A_Star: {} };

export function columnRef(fields: readonly PlainNode[], location: number): PlainNode {
  return { ColumnRef: { fields, location } };
}

export function starRef(fields: readonly PlainNode[], location: number): PlainNode {
  return { ColumnRef: { fields: [...fields, star], location } };
}

/** Zero and false are left out, as protobuf's JSON does. */
export function integerConst(ival: number, location: number): PlainNode {
  return { A_Const: { ival: ival === 0 ? {} : { ival }, location } };
}

export function floatConst(fval: string, location: number): PlainNode {
  return { A_Const: { fval: { fval }, location } };
}

export function stringConst(sval: string, location: number): PlainNode {
  return { A_Const: { sval: { sval }, location } };
}

export function booleanConst(isTrue: boolean, location: number): PlainNode {
  return { A_Const: { boolval: isTrue ? { boolval: true } : {}, location } };
}

export function nullConst(location: number): PlainNode {
  return { A_Const: { isnull: true, location } };
}

export function parameterRef(number: number, location: number): PlainNode {
  return { ParamRef: { number, location } };
}

export type OperatorName = '=' | '<>' | '<' | '>' | '<=' | '>=' | '+' | '-' | '*' | '/' | '~~' | '!~~' | '~~*' | '!~~*';
type ExpressionKind = 'AEXPR_OP' | 'AEXPR_LIKE' | 'AEXPR_ILIKE';

const operatorNames = Object.fromEntries(
  ['=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '~~', '!~~', '~~*', '!~~*'].map((sval) => [sval, named(sval)]),
) as Record<OperatorName, readonly Tree[]>;
const between = named('BETWEEN');
const notBetween = named('NOT BETWEEN');

export function operation(kind: ExpressionKind, operator: OperatorName, lexpr: PlainNode, rexpr: PlainNode, location: number): PlainNode {
  return { A_Expr: { kind, name: operatorNames[operator], lexpr, rexpr, location } };
}

export function inList(isNot: boolean, lexpr: PlainNode, items: readonly PlainNode[], start: number, end: number, at: number): PlainNode {
  const name = operatorNames[isNot ? '<>' : '='];
  return {
    A_Expr: { kind: 'AEXPR_IN', name, lexpr, rexpr: { List: { items } }, rexpr_list_start: start, rexpr_list_end: end, location: at },
  };
}

export function betweenTest(isNot: boolean, lexpr: PlainNode, low: PlainNode, high: PlainNode, location: number): PlainNode {
  const kind = isNot ? 'AEXPR_NOT_BETWEEN' : 'AEXPR_BETWEEN';
  return { A_Expr: { kind, name: isNot ? notBetween : between, lexpr, rexpr: { List: { items: [low, high] } }, location } };
}

export function nullTest(arg: PlainNode, isNot: boolean, location: number): PlainNode {
  return { NullTest: { arg, nulltesttype: isNot ? 'IS_NOT_NULL' : 'IS_NULL', location } };
}

export function negation(arg: PlainNode, location: number): PlainNode {
  return { BoolExpr: { boolop: 'NOT_EXPR', args: [arg], location } };
}

/** `a AND b AND c` is one node: whatever is such a node on the left takes the right one in. */
export function junction(boolop: 'AND_EXPR' | 'OR_EXPR', left: PlainNode, right: PlainNode, location: number): PlainNode {
  const inner = left['BoolExpr'] as { boolop: string; args: PlainNode[] } | undefined;
  if (inner === undefined || inner.boolop !== boolop) return { BoolExpr: { boolop, args: [left, right], location } };
  inner.args.push(right);
  return left;
}

export function scalarSubquery(subselect: PlainNode, location: number): PlainNode {
  return { SubLink: { subLinkType: 'EXPR_SUBLINK', subselect, location } };
}

export function existsTest(subselect: PlainNode, location: number): PlainNode {
  return { SubLink: { subLinkType: 'EXISTS_SUBLINK', subselect, location } };
}

export function inSubquery(testexpr: PlainNode, subselect: PlainNode, location: number): PlainNode {
  return { SubLink: { subLinkType: 'ANY_SUBLINK', testexpr, subselect, location } };
}

export function typeCast(arg: PlainNode, names: readonly PlainNode[], typeLocation: number, location: number): PlainNode {
  return { TypeCast: { arg, typeName: { names, typemod: -1, location: typeLocation }, location } };
}

export function coalesce(args: readonly PlainNode[], location: number): PlainNode {
  return { CoalesceExpr: { args, location } };
}

export function rangeVar(schema: string | null, relname: string, aliasname: string | null, location: number): PlainNode {
  const rest = { relname, inh: true, relpersistence: 'p', ...(aliasname === null ? {} : { alias: { aliasname } }), location };
  return { RangeVar: schema === null ? rest : { schemaname: schema, ...rest } };
}

export type JoinType = 'JOIN_INNER' | 'JOIN_LEFT' | 'JOIN_RIGHT' | 'JOIN_FULL';

export function join(jointype: JoinType, larg: PlainNode, rarg: PlainNode, quals: PlainNode | null): PlainNode {
  return { JoinExpr: quals === null ? { jointype, larg, rarg } : { jointype, larg, rarg, quals } };
}
