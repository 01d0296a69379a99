// Plans the masks of a PostgreSQL action. What the server says of a plain column (the table and its number) is sure; what
// expressions are made of is told by the parse tree and the catalogue; what neither can tell is masked.

import type { Action } from '../../../src/core/action.ts';
import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { DeclaredCursors, FieldMask, Masking, MaskPlan, MaskRule, ResultField } from '../../../src/core/masking.ts';
import { Parser } from '../../classify/postgres/parser.ts';
import { isReadSoon } from '../../classify/postgres/reading-time.ts';
import { nodeOf } from '../../classify/postgres/tree.ts';
import { MaskedColumns, type ColumnMask } from '../columns.ts';
import { FieldMasks } from '../field-masks.ts';
import { stricter } from '../methods.ts';
import { KnownColumns, pathOf } from '../../classify/postgres/known-columns.ts';
import type { Relations, Columns } from '../../classify/postgres/lineage/relations.ts';
import { everythingOf } from '../../classify/postgres/lineage/scope.ts';
import { anySource, partsOf, unknownSources, type Sources } from '../../classify/postgres/lineage/sources.ts';
import { lineageOf, unknownLineage, type StatementLineage } from './statements.ts';

/** Longer texts are not parsed on the main thread; all their expressions are masked. */
const textUnitsMax = 64 * 1024;
/** Plans kept for texts that come again, and how long a text may be for that. */
const plansMax = 2_000;
const keptUnitsMax = 8 * 1024;
/** Cursors of one session, and declarations of one name, that are remembered: of more, expressions are masked. */
const cursorsMax = 1_000;
const declarationsMax = 16;

export class PostgresPlanner {
  readonly #parser: Parser;
  readonly #key: Buffer;
  #known: KnownColumns;
  readonly #plans = new Map<string, MaskPlan>();
  readonly #rules = new Map<string, { columns: MaskedColumns; masks: FieldMasks }>();

  private constructor(parser: Parser, key: Buffer) {
    this.#parser = parser;
    this.#known = new KnownColumns(parser, 'hidden');
    this.#key = key;
  }

  static async create(key: Buffer): Promise<PostgresPlanner> {
    let made: PostgresPlanner | null = null;
    const parser = await Parser.create({ onDistrusted: () => made?.forget() });
    made = new PostgresPlanner(parser, key);
    return made;
  }

  /** Whatever was planned so far is planned anew. */
  forget(): void {
    this.#known = new KnownColumns(this.#parser, 'hidden');
    this.#plans.clear();
  }

  close(): void {
    this.#parser.close();
  }

  plan(action: Action, classification: Classification, rules: readonly MaskRule[]): MaskPlan {
    if (action.kind !== 'statement') return refuse('the results of this protocol message cannot be masked', 'Send it as a statement.');
    const rulesKey = JSON.stringify(rules);
    const key = `${rulesKey}\0${action.mode.key}\0${action.mode.catalogue?.version ?? ''}\0${action.text}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const { columns, masks } = this.#compiled(rulesKey, rules);
    const { statements, isLasting } = this.#read(action, columns);
    const plan = planOf(statements, columns, masks, this.#relationsOf(action), classification);
    if (isLasting && action.text.length <= keptUnitsMax) {
      if (this.#plans.size >= plansMax) this.#plans.delete(this.#plans.keys().next().value ?? '');
      this.#plans.set(key, plan);
    }
    return plan;
  }

  /** The fields a text would return, by its tree and the catalogue; null where they can't be told. */
  resultFields(action: Action): readonly (readonly ResultField[] | null)[] | null {
    const { statements } = this.#read(action, new MaskedColumns([]));
    if (statements.length === 0) return null;
    return statements.map(({ rows }) => {
      if (rows === null || rows.kind === 'fetch' || rows.columns.rest !== null) return null;
      return rows.columns.columns.map(({ name }) => ({ name: name || '?column?', origin: null }));
    });
  }

  #compiled(key: string, rules: readonly MaskRule[]): { columns: MaskedColumns; masks: FieldMasks } {
    let compiled = this.#rules.get(key);
    if (compiled === undefined) {
      if (this.#rules.size >= plansMax) this.#rules.clear();
      compiled = { columns: new MaskedColumns(rules), masks: new FieldMasks(rules, this.#key) };
      this.#rules.set(key, compiled);
    }
    return compiled;
  }

  #read(action: Action, columns: MaskedColumns): { statements: readonly StatementLineage[]; isLasting: boolean } {
    const { text } = action;
    if (text.length > textUnitsMax || !isReadSoon(text)) return { statements: [], isLasting: false };
    const parsed = this.#parser.parse(text);
    if (parsed.kind !== 'statements') return { statements: [], isLasting: parsed.kind === 'syntax-error' };
    let isLasting = true;
    const local = new Map<string, unknown>();
    const relations = this.#relationsOf(action);
    const path = searchedBy(action);
    const statements = parsed.statements.map((raw) => {
      const node = nodeOf(raw.stmt);
      const found = lineageOf(raw, relations, path, (name) => {
        isLasting = false;
        return local.get(name) ?? this.#prepared(action, name);
      });
      if (node?.type === 'PrepareStmt') local.set(String(node.body['name']), node.body['query']);
      return found;
    });
    return { statements: columns.isEmpty ? statements.map((it) => ({ ...it, asked: new Set<string>() })) : statements, isLasting };
  }

  #prepared(action: Action, name: string): unknown {
    const text = action.prepared?.(name)?.text;
    if (text === undefined || text.length > textUnitsMax || !isReadSoon(text)) return null;
    const parsed = this.#parser.parse(text);
    const first = parsed.kind === 'statements' ? parsed.statements[0]?.stmt : undefined;
    const node = nodeOf(first);
    return node?.type === 'PrepareStmt' ? node.body['query'] : first;
  }

  #relationsOf({ mode }: Action): Relations {
    return this.#known.of((mode.catalogue?.content as SqlCatalogue | undefined) ?? null);
  }
}

function searchedBy({ mode }: Action): readonly string[] | null {
  const catalogue = mode.catalogue?.content as SqlCatalogue | undefined;
  return pathOf(mode.settings['search_path'] ?? catalogue?.searchPath ?? '', catalogue ?? { user: '$user' });
}

function planOf(
  statements: readonly StatementLineage[],
  columns: MaskedColumns,
  masks: FieldMasks,
  relations: Relations,
  { understood, summary }: Classification,
): MaskPlan {
  const hidden = (sources: Sources): ColumnMask | null => hiddenBy(columns, sources);
  if (!columns.isEmpty) {
    const changes = summary.access === 'write' || summary.access === 'unknown';
    if (statements.length === 0 && (!understood || changes)) {
      return refuse('nobody can tell which masked columns it would return or copy', 'Split it, or write it in plainer SQL.');
    }
    for (const statement of statements) {
      const refused = refusalOf(statement, hidden);
      if (refused !== null) return refused;
    }
  }
  const isExporting = statements.some(({ exports, rows }) => exports.size > 0 || (rows === null && summary.verbs.includes('export')));
  if (isExporting && (masks.searching !== null || statements.some(({ exports }) => hidden(exports) !== null))) {
    return refuse('COPY would take masked values out unmasked', 'Use SELECT: its rows are masked.');
  }
  if (masks.searching === null && statements.length > 0 && statements.every((it) => isClean(it, hidden))) return { kind: 'none' };
  return { kind: 'mask', masking: new PostgresMasking(statements, hidden, masks, relations) };
}

function isClean({ rows, mentioned, declares }: StatementLineage, hidden: (sources: Sources) => ColumnMask | null): boolean {
  if (rows?.kind === 'fetch' || hidden(mentioned) !== null) return false;
  const columns = [rows?.columns, declares?.columns];
  return columns.every((it) => it === undefined || hidden(everythingOf(it)) === null);
}

function refusalOf({ copies, asked }: StatementLineage, hidden: (sources: Sources) => ColumnMask | null): MaskPlan | null {
  for (const { schema, table, column, sources } of copies) {
    const into = column === null ? null : hidden(new Set([`${schema ?? ''}\0${table}\0${column}`]));
    if (hidden(sources) !== null && into === null) {
      return refuse(`it would copy masked values into ${table}, where they are not masked`, 'Leave the masked columns out.');
    }
  }
  if (hidden(asked)?.mayBeAsked === false) {
    return refuse('it asks about masked columns (WHERE, JOIN, GROUP BY, ORDER BY), which this rule denies', 'Ask by other columns.');
  }
  return null;
}

function hiddenBy(columns: MaskedColumns, sources: Sources): ColumnMask | null {
  if (columns.isEmpty || sources.size === 0) return null;
  let mask: ColumnMask | null = sources.has(anySource) ? columns.unknown : null;
  for (const source of sources) {
    if (source === anySource) continue;
    const its = columns.of(...partsOf(source));
    if (its !== null)
      mask = mask === null ? its : { method: stricter(mask.method, its.method), mayBeAsked: mask.mayBeAsked && its.mayBeAsked };
  }
  return mask;
}

function refuse(message: string, hint: string): MaskPlan {
  return { kind: 'refuse', message, hint };
}

const withheld = 'the words of the target are withheld, because they may quote a masked value';

class PostgresMasking implements Masking {
  readonly #statements: readonly StatementLineage[];
  readonly #hidden: (sources: Sources) => ColumnMask | null;
  readonly #masks: FieldMasks;
  readonly #relations: Relations;
  readonly #hidesWords: boolean;

  constructor(
    statements: readonly StatementLineage[],
    hidden: (sources: Sources) => ColumnMask | null,
    masks: FieldMasks,
    relations: Relations,
  ) {
    this.#statements = statements;
    this.#hidden = hidden;
    this.#masks = masks;
    this.#relations = relations;
    this.#hidesWords = statements.length === 0 || !statements.every((it) => isClean(it, hidden));
  }

  fields(statement: number, fields: readonly ResultField[], cursors: DeclaredCursors): readonly (FieldMask | null)[] {
    const lineage = this.#statements[statement] ?? unknownLineage;
    const { rows } = lineage;
    const columns: readonly Columns[] = rows === null ? [] : rows.kind === 'columns' ? [rows.columns] : declared(cursors, rows.cursor);
    return fields.map((field, at) => this.#masks.of(this.#fieldMask(field, at, fields.length, columns)));
  }

  declare(cursors: DeclaredCursors): void {
    for (const { declares } of this.#statements) {
      if (declares === null) continue;
      const { cursor, columns } = declares;
      const known = declared(cursors, cursor);
      // A declaration that fails leaves the cursor that was there: both count.
      if (known.length < declarationsMax && (cursors.has(cursor) || cursors.size < cursorsMax)) {
        cursors.set(cursor, cursors.has(cursor) ? [...known, columns] : [columns]);
      } else cursors.set(cursor, [unknown]);
    }
  }

  words(said: string): string {
    return this.#hidesWords ? withheld : (this.#masks.searching?.text(said) ?? withheld);
  }

  #fieldMask({ origin }: ResultField, at: number, count: number, found: readonly Columns[]): ColumnMask | null {
    if (origin?.kind === 'attribute') {
      const column = this.#relations.attribute(origin.relationId, origin.attribute);
      if (column !== undefined) return column.isStored ? this.#hidden(column.sources) : computed(this.#hidden(column.sources));
    }
    let mask: ColumnMask | null = null;
    for (const columns of found) {
      const isAligned = columns.rest === null && columns.columns.length === count;
      const its = this.#hidden(
        isAligned ? (columns.columns[at]?.sources ?? unknownSources) : columns.rest === null ? unknownSources : everythingOf(columns),
      );
      if (its !== null) mask = mask === null ? its : { ...its, method: stricter(mask.method, its.method) };
    }
    return computed(mask);
  }
}

function computed(mask: ColumnMask | null): ColumnMask | null {
  return mask === null ? null : { ...mask, isComputed: true };
}

const unknown: Columns = { columns: [], rest: unknownSources };

/** The map is only ever filled by `declare`. */
function declared(cursors: DeclaredCursors, name: string): readonly Columns[] {
  return (cursors.get(name) as readonly Columns[] | undefined) ?? [unknown];
}
