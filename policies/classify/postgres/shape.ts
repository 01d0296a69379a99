// The shape of a PostgreSQL statement: the parser's own tree, written out in one fixed way, with a mark in place of each literal.
// The parser's fingerprint is not used: it forgets more than literals. What stands in for a literal by position or by type name
// (NULL, booleans, casts to regclass, strings given to functions, type modifiers) stays in the tree.

import type { Action } from '../../../src/core/action.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { Hole, NoShape, Shape } from '../../../src/core/shape.ts';
import { callsMore, none, numberKind, onlyStatement, parameterHole, shapeFrom } from '../../../src/core/shape-key.ts';
import type { Parser } from './parser.ts';
import { problemOfMode } from './mode.ts';
import { literalEnd } from './shape-literals.ts';
import { constantOf, isTree, listAt, namesOf, numberAt, textAt, treeAt } from './tree.ts';
import type { Tree } from './tree.ts';

/** Trees of people's statements are some dozen levels deep. */
const depthMax = 400;

/** Only in these are literals values; in others they may be names, sizes or code. */
const statementsWithHoles: ReadonlySet<string> = new Set([
  ...['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt', 'CallStmt'],
]);

/** A literal cast to one of these is a value. Casts to others (regclass, own types) may look names up. */
const plainTypes: ReadonlySet<string> = new Set(
  (
    'text varchar bpchar char int2 int4 int8 float4 float8 numeric bool date time timetz timestamp timestamptz interval uuid json jsonb ' +
    'bytea inet cidr macaddr money integer int bigint smallint'
  ).split(' '),
);

/** Fields that say where in the text a node stood. Only as numbers: CREATE TABLESPACE has a path in one of that name. */
const placeField = /(^|_)location$|^stmt_len$|^(rexpr_)?list_(start|end)$/;

class NoShapeFound extends Error {}

interface FoundHole extends Hole {
  /** The mark in the tree that becomes its number. */
  readonly mark: number;
}

export function shapeOfPostgres(parser: Parser, action: Action, classification: Classification): Shape | NoShape {
  const statement = onlyStatement(action, classification);
  if ('why' in statement) return statement;
  if (action.kind !== 'statement') return none('only statements have a shape');
  if (problemOfMode(action.text, action.mode.settings) !== null) return none('it was not understood');
  const parsed = parser.parse(action.text);
  if (parsed.kind !== 'statements' || parsed.statements.length !== 1) return none('it is not one statement');
  try {
    const writer = new TreeWriter(action, callsMore(classification));
    const tree = writer.write(parsed.statements[0]!.stmt);
    return shapeFrom(action, classification, tree, writer.holes);
  } catch (thrown) {
    if (thrown instanceof NoShapeFound) return none(thrown.message);
    throw thrown;
  }
}

class TreeWriter {
  readonly #action: Action;
  /** Strings stay as they are: a function is given them. */
  #fixesStrings: boolean;
  readonly #bytes: Buffer;
  readonly #found: FoundHole[] = [];
  readonly #parts: string[] = [];
  #withHoles = false;

  constructor(action: Action, fixesStrings: boolean) {
    this.#action = action;
    this.#fixesStrings = fixesStrings;
    this.#bytes = Buffer.from(action.text);
  }

  /** In the order of the text; a parameter that stands in several places is one hole for each. */
  get holes(): readonly Hole[] {
    return this.#found.toSorted((a, b) => a.span.start - b.span.start).map(({ kind, value, span }) => ({ kind, value, span }));
  }

  /** The tree in one fixed form. Each mark names the hole's number in the text: OFFSET 1 LIMIT 2 is another shape than LIMIT 1 OFFSET 2. */
  write(statement: Tree): string {
    const [type] = Object.keys(statement);
    this.#withHoles = type !== undefined && statementsWithHoles.has(type);
    this.#value(statement, 0);
    const order = this.#found.toSorted((a, b) => a.span.start - b.span.start);
    const numberOf = new Map(order.map(({ mark }, index) => [mark, index + 1]));
    return this.#parts.map((part) => (part.startsWith('‹') ? this.#named(part, numberOf) : part)).join('');
  }

  #named(part: string, numberOf: ReadonlyMap<number, number>): string {
    const mark = Number(part.slice(1));
    return `‹${numberOf.get(mark)}:${this.#found[mark]?.kind}›`;
  }

  #value(value: unknown, depth: number): void {
    if (depth > depthMax) throw new NoShapeFound('it is nested too deeply');
    if (Array.isArray(value)) {
      this.#parts.push('[');
      for (const item of value) {
        this.#value(item, depth + 1);
        this.#parts.push(',');
      }
      this.#parts.push(']');
      return;
    }
    if (!isTree(value)) {
      this.#parts.push(JSON.stringify(value) ?? 'null');
      return;
    }
    if (this.#withHoles && this.#hole(value)) return;
    this.#parts.push('{');
    for (const field of Object.keys(value).sort()) {
      const inner = value[field];
      if (typeof inner === 'number' && placeField.test(field)) continue;
      this.#parts.push(`${JSON.stringify(field)}:`);
      this.#field(field, inner, depth);
      this.#parts.push(',');
    }
    this.#parts.push('}');
  }

  #field(field: string, inner: unknown, depth: number): void {
    const held = { withHoles: this.#withHoles, fixesStrings: this.#fixesStrings };
    if (field === 'FuncCall' || field === 'funccall') this.#fixesStrings = true;
    if (field === 'TypeCast' && isTree(inner) && !isPlainCast(inner)) this.#withHoles = false;
    if (field === 'typmods' || field === 'arrayBounds') this.#withHoles = false;
    this.#value(inner, depth + 1);
    this.#withHoles = held.withHoles;
    this.#fixesStrings = held.fixesStrings;
  }

  /** Writes a mark for a literal; false when the node is none, or one that stays in the tree. */
  #hole(node: Tree): boolean {
    const constant = treeAt(node, 'A_Const');
    if (constant !== null) {
      const value = constantOf(node);
      const string = treeAt(constant, 'sval');
      if (string !== null) return !this.#fixesStrings && this.#mark('string', textAt(string, 'sval'), constant);
      if (treeAt(constant, 'ival') === null && treeAt(constant, 'fval') === null) return false;
      const kind = value === null ? null : numberKind(value);
      return kind !== null && this.#mark(kind, value!, constant);
    }
    const parameter = treeAt(node, 'ParamRef');
    if (parameter === null) return false;
    const given = this.#action.parameters?.[numberAt(parameter, 'number') - 1];
    const hole = parameterHole(given, { start: 0, end: 0 });
    if ('why' in hole) throw new NoShapeFound(hole.why);
    if (this.#fixesStrings && numberKind(hole.value) === null) {
      this.#parts.push(`{"ParamRef":${numberAt(parameter, 'number')},"is":${JSON.stringify(hole.value)}}`);
      return true;
    }
    this.#parts.push(`$${numberAt(parameter, 'number')}`);
    return this.#mark('parameter', hole.value, parameter);
  }

  #mark(kind: Hole['kind'], value: string, body: Tree): boolean {
    const byte = numberAt(body, 'location');
    const start = this.#bytes.toString('utf8', 0, byte).length;
    const end = literalEnd(this.#action.text, start);
    if (end === null) throw new NoShapeFound('a literal is written in a way that the gateway does not point to');
    this.#parts.push(`‹${this.#found.length}`);
    this.#found.push({ kind, value, span: { start, end }, mark: this.#found.length });
    return true;
  }
}

function isPlainCast(cast: Tree): boolean {
  const type = treeAt(cast, 'typeName');
  if (type === null) return false;
  const names = namesOf(listAt(type, 'names'));
  if (names === null || listAt(type, 'arrayBounds').length > 0) return false;
  const [first, second, third] = names;
  if (third !== undefined) return false;
  return second === undefined ? plainTypes.has(first ?? '') : first === 'pg_catalog' && plainTypes.has(second);
}
