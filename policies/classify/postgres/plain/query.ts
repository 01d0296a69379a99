// Plain queries: the SELECTs that object-relational mappers write, read into the tree that PostgreSQL's parser makes of them, node for
// node, in a tenth of its time. Whatever is not surely of that kind is given up and left to that parser: this one never decides what a
// text means, it only says early what the other would have said. test/bypass/postgres-plain-queries.test.ts compares the two.

import type { RawStatement } from '../tree.ts';
import { Expressions } from './expressions.ts';
import { join, rangeVar, starRef, type JoinType, type PlainNode } from './nodes.ts';
import * as tokens from './kinds.ts';
import type { Kind } from './kinds.ts';
import { giveUp, NotPlain, Tokens } from './tokens.ts';

/** Longer texts take so long at the server that parsing them does not matter. */
const textUnitsMax = 16 * 1024;

const { word } = tokens;
const kinds = {
  select: word['select'],
  distinct: word['distinct'],
  as: word['as'],
  from: word['from'],
  where: word['where'],
  group: word['group'],
  having: word['having'],
  order: word['order'],
  limit: word['limit'],
  offset: word['offset'],
  on: word['on'],
  join: word['join'],
  inner: word['inner'],
  left: word['left'],
  right: word['right'],
  full: word['full'],
  outer: word['outer'],
  cross: word['cross'],
  asc: word['asc'],
  desc: word['desc'],
  nulls: word['nulls'],
} as const;

export class PlainQueries {
  readonly #tokens = new Tokens();
  readonly #expressions = new Expressions(this.#tokens, () => this.#select());

  /** The one statement of a text, as the parser tells it; null when that has to say. */
  read(text: string): RawStatement | null {
    if (text.length > textUnitsMax) return null;
    try {
      return this.#statement(text);
    } catch (thrown) {
      if (thrown instanceof NotPlain) return null;
      throw thrown;
    } finally {
      this.#tokens.end();
    }
  }

  #statement(text: string): RawStatement {
    const given = this.#tokens;
    this.#expressions.begin();
    given.begin(text);
    if (given.kind !== kinds.select || given.start !== 0) giveUp();
    const stmt = this.#select();
    const end = given.start;
    if (given.kind === tokens.endOfText) return { stmt };
    if (given.kind !== tokens.semicolon) giveUp();
    given.next();
    return given.kind === tokens.endOfText ? { stmt, stmt_len: end } : giveUp();
  }

  #select(): PlainNode {
    const given = this.#tokens;
    const select: Record<string, unknown> = {};
    given.next();
    if (given.kind === kinds.distinct) {
      given.next();
      if (given.kind === kinds.on) giveUp();
      select['distinctClause'] = [{}];
    }
    select['targetList'] = this.#targets();
    if (this.#skip(kinds.from)) select['fromClause'] = this.#from();
    if (this.#skip(kinds.where)) select['whereClause'] = this.#expressions.read();
    if (this.#by(kinds.group)) select['groupClause'] = this.#expressions.list();
    if (this.#skip(kinds.having)) select['havingClause'] = this.#expressions.read();
    if (this.#by(kinds.order)) select['sortClause'] = this.#sorting();
    const limited = this.#limits(select);
    select['limitOption'] = limited ? 'LIMIT_OPTION_COUNT' : 'LIMIT_OPTION_DEFAULT';
    select['op'] = 'SETOP_NONE';
    return { SelectStmt: select };
  }

  #targets(): PlainNode[] {
    const given = this.#tokens;
    const targets = [this.#target()];
    while (given.kind === tokens.comma) {
      given.next();
      targets.push(this.#target());
    }
    return targets;
  }

  #target(): PlainNode {
    const given = this.#tokens;
    const location = given.start;
    if (given.kind === tokens.star) {
      given.next();
      return { ResTarget: { val: starRef([], location), location } };
    }
    const val = this.#expressions.read();
    if (given.kind === kinds.as) given.nextLabel();
    else if (given.kind !== tokens.name) return { ResTarget: { val, location } };
    const { value } = given;
    given.next();
    return { ResTarget: { name: value, val, location } };
  }

  #from(): PlainNode[] {
    const given = this.#tokens;
    const items = [this.#joined()];
    while (given.kind === tokens.comma) {
      given.next();
      items.push(this.#joined());
    }
    return items;
  }

  #joined(): PlainNode {
    let left = this.#fromItem();
    for (;;) {
      const type = this.#joinType();
      if (type === null) return left;
      const right = this.#fromItem();
      if (type === 'cross') left = join('JOIN_INNER', left, right, null);
      else {
        this.#expect(kinds.on);
        left = join(type, left, right, this.#expressions.read());
      }
    }
  }

  #joinType(): JoinType | 'cross' | null {
    const given = this.#tokens;
    const { kind } = given;
    let type: JoinType | 'cross';
    if (kind === kinds.join || kind === kinds.inner) type = 'JOIN_INNER';
    else if (kind === kinds.left) type = 'JOIN_LEFT';
    else if (kind === kinds.right) type = 'JOIN_RIGHT';
    else if (kind === kinds.full) type = 'JOIN_FULL';
    else if (kind === kinds.cross) type = 'cross';
    else return null;
    if (kind !== kinds.join) {
      given.next();
      if (kind !== kinds.inner && kind !== kinds.cross) this.#skip(kinds.outer);
    }
    this.#expect(kinds.join);
    return type;
  }

  #fromItem(): PlainNode {
    const given = this.#tokens;
    const { start } = given;
    if (this.#skip(tokens.opening)) {
      if (given.kind !== kinds.select) giveUp();
      const subquery = this.#nested();
      const aliasname = this.#alias() ?? giveUp();
      return { RangeSubselect: { subquery, alias: { aliasname } } };
    }
    if (given.kind !== tokens.name && given.kind !== tokens.freeWord) giveUp();
    const first = given.value;
    given.next();
    if (given.kind !== tokens.dot) return rangeVar(null, first, this.#alias(), start);
    given.nextAttribute();
    const second = given.value;
    given.next();
    if (given.kind === tokens.dot) giveUp();
    return rangeVar(first, second, this.#alias(), start);
  }

  #nested(): PlainNode {
    const found = this.#expressions.nested();
    this.#expect(tokens.closing);
    return found;
  }

  #alias(): string | null {
    const given = this.#tokens;
    if (this.#skip(kinds.as)) {
      if (given.kind !== tokens.name && given.kind !== tokens.freeWord) giveUp();
    } else if (given.kind !== tokens.name) return null;
    const { value } = given;
    given.next();
    return given.kind === tokens.opening ? giveUp() : value;
  }

  #sorting(): PlainNode[] {
    const given = this.#tokens;
    const keys: PlainNode[] = [];
    do {
      if (keys.length > 0) given.next();
      const node = this.#expressions.read();
      const direction = this.#skip(kinds.asc) ? 'SORTBY_ASC' : this.#skip(kinds.desc) ? 'SORTBY_DESC' : 'SORTBY_DEFAULT';
      keys.push({ SortBy: { node, sortby_dir: direction, sortby_nulls: this.#nulls(), location: -1 } });
    } while (given.kind === tokens.comma);
    return keys;
  }

  #nulls(): string {
    const given = this.#tokens;
    if (given.kind !== kinds.nulls) return 'SORTBY_NULLS_DEFAULT';
    given.next();
    const isFirst = this.#isFree('first');
    if (!isFirst && !this.#isFree('last')) giveUp();
    given.next();
    return isFirst ? 'SORTBY_NULLS_FIRST' : 'SORTBY_NULLS_LAST';
  }

  /** LIMIT and OFFSET in either order; the tree has the offset first. */
  #limits(select: Record<string, unknown>): boolean {
    const given = this.#tokens;
    let limit: PlainNode | null = null;
    let offset: PlainNode | null = null;
    for (;;) {
      if (given.kind === kinds.limit && limit === null) {
        given.next();
        limit = this.#expressions.read();
      } else if (given.kind === kinds.offset && offset === null) {
        given.next();
        offset = this.#expressions.read();
      } else break;
    }
    if (offset !== null) select['limitOffset'] = offset;
    if (limit !== null) select['limitCount'] = limit;
    return limit !== null || offset !== null;
  }

  #by(kind: Kind | undefined): boolean {
    if (!this.#skip(kind)) return false;
    if (!this.#isFree('by')) giveUp();
    this.#tokens.next();
    return true;
  }

  #isFree(text: string): boolean {
    return this.#tokens.kind === tokens.freeWord && this.#tokens.value === text;
  }

  #skip(kind: Kind | undefined): boolean {
    if (this.#tokens.kind !== kind) return false;
    this.#tokens.next();
    return true;
  }

  #expect(kind: Kind | undefined): void {
    if (!this.#skip(kind)) giveUp();
  }
}
