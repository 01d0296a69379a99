// The condition of a statement as columns of one table compared with literals. What it can't read counts as true for every row.

import type { ComparisonOperator, Condition, ConditionValue } from '../../../src/core/condition.ts';
import { conditionDepthMax } from '../../../src/core/condition.ts';
import { constantOf, listAt, namesOf, nodeOf, numberAt, textAt, type Tree } from './tree.ts';

const comparisons: Readonly<Record<string, ComparisonOperator>> = {
  '=': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};
const mirrored: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};
const notRead: Condition = { kind: 'not-read' };

/** `table`: as the text names it, or its alias. `joins`: other tables stand beside it, and a bare column may be theirs. */
export function conditionOf(where: unknown, table: string, joins: boolean): Condition {
  return new Reader(table, joins).condition(where, 0);
}

class Reader {
  readonly #table: string;
  /** Other tables stand beside: a bare column may be theirs. */
  readonly #joins: boolean;

  constructor(table: string, joins: boolean) {
    this.#table = table;
    this.#joins = joins;
  }

  condition(value: unknown, depth: number): Condition {
    const node = nodeOf(value);
    if (node === null || depth > conditionDepthMax) return notRead;
    const { type, body } = node;
    switch (type) {
      case 'BoolExpr': {
        const parts = listAt(body, 'args').map((it) => this.condition(it, depth + 1));
        const operator = textAt(body, 'boolop');
        if (operator === 'NOT_EXPR') return { kind: 'not', part: parts[0] ?? notRead };
        return { kind: operator === 'OR_EXPR' ? 'or' : 'and', parts };
      }
      case 'NullTest': {
        const column = this.#column(body['arg']);
        if (column === null) return notRead;
        const isNull: Condition = { kind: 'is-null', column };
        return textAt(body, 'nulltesttype') === 'IS_NOT_NULL' ? { kind: 'not', part: isNull } : isNull;
      }
      case 'ColumnRef': {
        const column = this.#column(value);
        return column === null ? notRead : { kind: 'compare', column, operator: '=', value: { kind: 'literal', text: 't' } };
      }
      case 'A_Expr':
        return this.#comparison(body);
      default:
        return notRead;
    }
  }

  #comparison(body: Tree): Condition {
    const [operatorName, ...more] = namesOf(listAt(body, 'name')) ?? [];
    const operator = comparisons[operatorName ?? ''];
    const left = body['lexpr'];
    const right = body['rexpr'];
    switch (textAt(body, 'kind')) {
      case 'AEXPR_OP': {
        if (operator === undefined || more.length > 0) return notRead;
        const column = this.#column(left);
        if (column !== null) return compared(column, operator, valueOf(right));
        const mirroredColumn = this.#column(right);
        return mirroredColumn === null ? notRead : compared(mirroredColumn, mirrored[operator], valueOf(left));
      }
      case 'AEXPR_IN': {
        const column = this.#column(left);
        const list = nodeOf(right);
        const values = (list?.type === 'List' ? listAt(list.body, 'items') : []).map(valueOf);
        if (column === null || values.length === 0 || values.includes(null)) return notRead;
        const within: Condition = { kind: 'in', column, values: values.filter((it) => it !== null) };
        return operatorName === '<>' ? { kind: 'not', part: within } : within;
      }
      case 'AEXPR_BETWEEN': {
        const column = this.#column(left);
        const list = nodeOf(right);
        const [low, high] = list?.type === 'List' ? listAt(list.body, 'items') : [];
        if (column === null) return notRead;
        return { kind: 'and', parts: [compared(column, '>=', valueOf(low)), compared(column, '<=', valueOf(high))] };
      }
      default:
        return notRead;
    }
  }

  /** A column of the table itself, or null. */
  #column(value: unknown): string | null {
    const node = nodeOf(value);
    if (node?.type !== 'ColumnRef') return null;
    const names = namesOf(listAt(node.body, 'fields'));
    if (names === null) return null;
    const [first, second] = names;
    if (names.length === 1) return this.#joins ? null : (first ?? null);
    return names.length === 2 && first === this.#table ? (second ?? null) : null;
  }
}

function compared(column: string, operator: ComparisonOperator, value: ConditionValue | null): Condition {
  return value === null ? notRead : { kind: 'compare', column, operator, value };
}

/** A literal (also with a type before or behind it) or a parameter; null for everything else, NULL included. */
function valueOf(value: unknown): ConditionValue | null {
  const node = nodeOf(value);
  if (node === null) return null;
  if (node.type === 'TypeCast') return valueOf(node.body['arg']);
  if (node.type === 'ParamRef') return { kind: 'parameter', number: numberAt(node.body, 'number') };
  if (node.type === 'A_Expr' && textAt(node.body, 'kind') === 'AEXPR_OP' && node.body['lexpr'] === undefined) return negative(node.body);
  const text = node.type === 'A_Const' ? constantOf(value) : null;
  if (text === null) return null;
  return { kind: 'literal', text: text === 'true' ? 't' : text === 'false' ? 'f' : text };
}

/** -5 is an operator before a number. */
function negative(body: Tree): ConditionValue | null {
  if (namesOf(listAt(body, 'name'))?.join() !== '-') return null;
  const text = constantOf(body['rexpr']);
  return text === null || !/^[\d.]+$/.test(text) ? null : { kind: 'literal', text: `-${text}` };
}
