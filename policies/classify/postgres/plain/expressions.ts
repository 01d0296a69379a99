// Expressions of a plain query, by precedence as the grammar has it (gram.y, "Precedence: lowest to highest"). What may stand behind an
// expression is for the caller to say: two comparisons in a row, IS NULL of a comparison and the like are given up there.

import { readConstant, readType } from './constants.ts';
import {
  betweenTest,
  coalesce,
  columnRef,
  existsTest,
  inList,
  inSubquery,
  junction,
  negation,
  nullTest,
  operation,
  scalarSubquery,
  starRef,
  typeCast,
  type OperatorName,
  type PlainNode,
} from './nodes.ts';
import * as tokens from './kinds.ts';
import type { Kind } from './kinds.ts';
import { giveUp, type Tokens } from './tokens.ts';

/** Parentheses, NOT and CASE in one another; people write five. */
const depthMax = 24;

const comparisons: readonly (OperatorName | undefined)[] = (() => {
  const table: (OperatorName | undefined)[] = new Array(256);
  for (const sign of ['<', '=', '>'] as const) table[sign.charCodeAt(0)] = sign;
  table[tokens.lessOrEqual] = '<=';
  table[tokens.greaterOrEqual] = '>=';
  table[tokens.notEqual] = '<>';
  return table;
})();

const { word } = tokens;
const kinds = {
  and: word['and'],
  or: word['or'],
  not: word['not'],
  is: word['is'],
  nullWord: word['null'],
  in: word['in'],
  like: word['like'],
  ilike: word['ilike'],
  between: word['between'],
  exists: word['exists'],
  caseWord: word['case'],
  when: word['when'],
  then: word['then'],
  otherwise: word['else'],
  end: word['end'],
  coalesce: word['coalesce'],
  select: word['select'],
  distinct: word['distinct'],
} as const;

export class Expressions {
  readonly #tokens: Tokens;
  readonly #subquery: () => PlainNode;
  #depth = 0;

  /** `subquery` reads a SELECT that is at hand, up to the closing parenthesis. */
  constructor(given: Tokens, subquery: () => PlainNode) {
    this.#tokens = given;
    this.#subquery = subquery;
  }

  begin(): void {
    this.#depth = 0;
  }

  /** OR and whatever binds stronger. */
  read(): PlainNode {
    const given = this.#tokens;
    let left = this.#and();
    while (given.kind === kinds.or) {
      const { start } = given;
      given.next();
      left = junction('OR_EXPR', left, this.#and(), start);
    }
    return left;
  }

  list(): PlainNode[] {
    const items = [this.read()];
    while (this.#tokens.kind === tokens.comma) {
      this.#tokens.next();
      items.push(this.read());
    }
    return items;
  }

  /** A query that is at hand, up to its closing parenthesis. */
  nested(): PlainNode {
    this.#deeper();
    const found = this.#subquery();
    this.#depth -= 1;
    return found;
  }

  #and(): PlainNode {
    const given = this.#tokens;
    let left = this.#not();
    while (given.kind === kinds.and) {
      const { start } = given;
      given.next();
      left = junction('AND_EXPR', left, this.#not(), start);
    }
    return left;
  }

  #not(): PlainNode {
    const given = this.#tokens;
    if (given.kind !== kinds.not) return this.#test();
    const { start } = given;
    this.#deeper();
    given.next();
    const negated = negation(this.#not(), start);
    this.#depth -= 1;
    return negated;
  }

  /** One comparison or test, or none. */
  #test(): PlainNode {
    const given = this.#tokens;
    const left = this.#sum();
    const { kind, start } = given;
    const comparison = comparisons[kind];
    if (comparison !== undefined) {
      given.next();
      return operation('AEXPR_OP', comparison, left, this.#sum(), start);
    }
    if (kind === kinds.is) {
      given.next();
      const isNot = given.kind === kinds.not;
      if (isNot) given.next();
      this.#expect(kinds.nullWord);
      return nullTest(left, isNot, start);
    }
    const isNot = kind === kinds.not;
    if (isNot) given.next();
    switch (given.kind) {
      case kinds.in:
        given.next();
        return this.#in(left, isNot, start);
      case kinds.like:
        given.next();
        return operation('AEXPR_LIKE', isNot ? '!~~' : '~~', left, this.#sum(), start);
      case kinds.ilike:
        given.next();
        return operation('AEXPR_ILIKE', isNot ? '!~~*' : '~~*', left, this.#sum(), start);
      case kinds.between: {
        given.next();
        const low = this.#sum();
        this.#expect(kinds.and);
        return betweenTest(isNot, left, low, this.#sum(), start);
      }
      default:
        return isNot ? giveUp() : left;
    }
  }

  /** A list of constants or a subquery. */
  #in(left: PlainNode, isNot: boolean, start: number): PlainNode {
    const given = this.#tokens;
    const listStart = given.start;
    this.#expect(tokens.opening);
    if (given.kind === kinds.select) {
      const test = inSubquery(left, this.nested(), start);
      this.#expect(tokens.closing);
      return isNot ? negation(test, start) : test;
    }
    const items = [readConstant(this.#tokens) ?? giveUp()];
    while (given.kind === tokens.comma) {
      given.next();
      items.push(readConstant(this.#tokens) ?? giveUp());
    }
    const listEnd = given.start;
    this.#expect(tokens.closing);
    return inList(isNot, left, items, listStart, listEnd, start);
  }

  #sum(): PlainNode {
    const given = this.#tokens;
    let left = this.#product();
    while (given.kind === tokens.plus || given.kind === tokens.minus) {
      const { start, kind } = given;
      given.next();
      left = operation('AEXPR_OP', kind === tokens.plus ? '+' : '-', left, this.#product(), start);
    }
    return left;
  }

  #product(): PlainNode {
    const given = this.#tokens;
    let left = this.#value();
    while (given.kind === tokens.star || given.kind === tokens.slash) {
      const { start, kind } = given;
      given.next();
      left = operation('AEXPR_OP', kind === tokens.star ? '*' : '/', left, this.#value(), start);
    }
    return left;
  }

  #value(): PlainNode {
    const given = this.#tokens;
    let value = readConstant(this.#tokens) ?? this.#primary();
    while (given.kind === tokens.cast) {
      const { start } = given;
      given.next();
      const typeStart = given.start;
      value = typeCast(value, readType(this.#tokens), typeStart, start);
    }
    return value;
  }

  #primary(): PlainNode {
    const given = this.#tokens;
    switch (given.kind) {
      case tokens.name:
      case tokens.freeWord:
        return this.#columnOrCall();
      case tokens.opening:
        return this.#parentheses();
      case kinds.exists:
        return this.#exists();
      case kinds.caseWord:
        return this.#case();
      case kinds.coalesce: {
        const { start } = given;
        given.next();
        this.#expect(tokens.opening);
        this.#deeper();
        const args = this.list();
        this.#depth -= 1;
        this.#expect(tokens.closing);
        return coalesce(args, start);
      }
      default:
        giveUp();
    }
  }

  #columnOrCall(): PlainNode {
    const given = this.#tokens;
    const { start, kind } = given;
    const fields: PlainNode[] = [given.node];
    given.next();
    if (given.kind === tokens.opening) return kind === tokens.name ? this.#call(fields, start) : giveUp();
    while (given.kind === tokens.dot) {
      if (fields.length > 2) giveUp();
      if (given.isStarNext()) {
        given.next();
        given.next();
        return starRef(fields, start);
      }
      given.nextAttribute();
      fields.push(given.node);
      given.next();
    }
    return columnRef(fields, start);
  }

  #call(funcname: readonly PlainNode[], location: number): PlainNode {
    const given = this.#tokens;
    const funcformat = 'COERCE_EXPLICIT_CALL';
    given.next();
    if (given.kind === tokens.closing) {
      given.next();
      return { FuncCall: { funcname, funcformat, location } };
    }
    if (given.kind === tokens.star) {
      given.next();
      this.#expect(tokens.closing);
      return { FuncCall: { funcname, agg_star: true, funcformat, location } };
    }
    const isDistinct = given.kind === kinds.distinct;
    if (isDistinct) given.next();
    this.#deeper();
    const args = this.list();
    this.#depth -= 1;
    this.#expect(tokens.closing);
    if (isDistinct) return { FuncCall: { funcname, args, agg_distinct: true, funcformat, location } };
    return { FuncCall: { funcname, args, funcformat, location } };
  }

  /** Around an expression they leave no trace, around a query they are its own. */
  #parentheses(): PlainNode {
    const given = this.#tokens;
    const { start } = given;
    given.next();
    this.#deeper();
    let found: PlainNode;
    if (given.kind === kinds.select) found = scalarSubquery(this.#subquery(), start);
    else {
      // ((SELECT …)) is one subquery that begins at the first parenthesis.
      const isDoubled = given.kind === tokens.opening;
      found = this.read();
      if (isDoubled && 'SubLink' in found) giveUp();
    }
    this.#depth -= 1;
    this.#expect(tokens.closing);
    return found;
  }

  #exists(): PlainNode {
    const given = this.#tokens;
    const { start } = given;
    given.next();
    this.#expect(tokens.opening);
    if (given.kind !== kinds.select) giveUp();
    const found = existsTest(this.nested(), start);
    this.#expect(tokens.closing);
    return found;
  }

  #case(): PlainNode {
    const given = this.#tokens;
    const { start } = given;
    given.next();
    this.#deeper();
    const arg = given.kind === kinds.when ? null : this.read();
    const args: PlainNode[] = [];
    while (given.kind === kinds.when) {
      const location = given.start;
      given.next();
      const expr = this.read();
      this.#expect(kinds.then);
      args.push({ CaseWhen: { expr, result: this.read(), location } });
    }
    if (args.length === 0) giveUp();
    let defresult: PlainNode | null = null;
    if (given.kind === kinds.otherwise) {
      given.next();
      defresult = this.read();
    }
    this.#depth -= 1;
    this.#expect(kinds.end);
    return { CaseExpr: { ...(arg === null ? {} : { arg }), args, ...(defresult === null ? {} : { defresult }), location: start } };
  }

  #expect(kind: Kind | undefined): void {
    if (this.#tokens.kind !== kind) giveUp();
    this.#tokens.next();
  }

  #deeper(): void {
    this.#depth += 1;
    if (this.#depth > depthMax) giveUp();
  }
}
