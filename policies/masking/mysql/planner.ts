// Plans the masks of a MySQL or MariaDB action. What the server says of a plain column (its table and name) is sure; of an
// expression it is known by its words whether it can read something hidden, and in doubt it is masked.

import type { Action } from '../../../src/core/action.ts';
import type { SqlCatalogue } from '../../../src/core/catalogue.ts';
import type { Classification } from '../../../src/core/classification.ts';
import type { FieldMask, Masking, MaskPlan, MaskRule, ResultField } from '../../../src/core/masking.ts';
import { anyColumn } from '../../../src/core/summary.ts';
import { isProblem, sqlModeOf } from '../../classify/mysql/reading-mode.ts';
import { readingsOf } from '../../classify/mysql/readings.ts';
import { MaskedColumns, type ColumnMask } from '../columns.ts';
import { FieldMasks } from '../field-masks.ts';
import { asks, refusalOf } from './refusals.ts';
import { analyzed, executedBy, ownStatements } from './statements-run.ts';
import type { Reach } from './reach.ts';
import { Views } from './views.ts';
import { hasStar, hiddenIn, isCount, isOp, isStar, isWord, itemsOf, selectList, selectsIn, stricterMask, type Tokens } from './words.ts';

/** Longer texts are not taken apart here; they are refused where columns are masked. */
const textUnitsMax = 256 * 1024;

/** The optimiser's statistics and its trace, and the lists of locks, hold values of columns, and full-text indexes their words. */
const statistics =
  /^(column_stats|column_statistics|index_stats|innodb_index_stats|innodb_ft_index_(table|cache)|innodb_locks|data_locks|optimizer_trace)$/i;

/** What the expressions of a result may show. */
interface Expressions {
  /** By place, where the select list can be told apart. */
  readonly items: readonly (ColumnMask | null)[] | null;
  readonly any: ColumnMask | null;
}

export class MysqlPlanner {
  readonly #key: Buffer;

  constructor(key: Buffer) {
    this.#key = key;
  }

  plan(action: Action, classification: Classification, rules: readonly MaskRule[]): MaskPlan {
    if (action.kind !== 'statement') return refuse('the results of this command cannot be masked');
    const columns = new MaskedColumns(rules);
    const masks = new FieldMasks(rules, this.#key);
    const catalogue = (action.mode.catalogue?.content as SqlCatalogue | undefined) ?? null;
    const views = new Views(catalogue, columns);
    if (columns.isEmpty)
      return masking({
        columns,
        masks,
        views,
        expressions: { items: null, any: null },
        isTable: noTable,
        hidesWords: false,
        runsCode: false,
      });
    const mode = sqlModeOf(action.mode, action.text);
    if (!classification.understood || isProblem(mode) || action.text.length > textUnitsMax)
      return refuse('nobody can tell which masked columns it would return');
    const read = readingsOf(action.text, mode);
    if (read.kind === 'problem') return refuse('nobody can tell which masked columns it would return');
    let expressions: Expressions | null = null;
    let isRelevant = false;
    let isOpaqueAll = false;
    for (const tokens of read.readings) {
      const statements = ownStatements(tokens);
      const executed = executedBy(statements, action, mode);
      if (executed === null) return refuse('nobody can tell what the prepared text returns or copies');
      const names = [...tokens, ...executed.flat()]
        .filter(({ kind }) => kind === 'word' || kind === 'name')
        .map(({ text }) => text.toLowerCase());
      const read = classification.summary.tables.flatMap((table) => table.toLowerCase().split('.').slice(-1));
      const reach = views.reach(new Set([...names, ...read]));
      const isOpaque =
        [...statements, ...executed].some(runsMore) || callsOwn(classification, catalogue) || read.some((table) => statistics.test(table));
      isOpaqueAll ||= isOpaque;
      isRelevant ||=
        isOpaque ||
        statements.some(([first]) => isWord(first, 'HANDLER')) || // its table can have been opened by another name
        reach.views.includes(null) ||
        (read.length > 0 && columns.mayBeIn(reach.tables)) ||
        reach.views.some(hides);
      for (const statement of [...statements, ...statements.flatMap(analyzed), ...executed]) {
        const refused = refusalOf(statement, columns, reach);
        if (refused !== null) return refuse(refused);
      }
      const found = isOpaque ? { items: null, any: computed(columns.unknown) } : expressionsOf(statements, columns, reach);
      expressions = expressions === null ? found : { items: null, any: stricterMask(expressions.any, found.any) };
    }
    if (asksHidden(classification, columns)) return refuse(asks);
    if (!isRelevant && masks.searching === null) return { kind: 'none' };
    // MySQL tells a subquery's column by the table below and the subquery's own name for it; MariaDB by the subquery.
    const namesOrigins = mode.flavour === 'mariadb' || read.readings.every((tokens) => selectsIn(tokens) <= 1);
    const isTable = isOpaqueAll || !namesOrigins ? noTable : tablesOf(classification, read.readings);
    const all = expressions ?? { items: null, any: computed(columns.unknown) };
    return masking({ columns, masks, views, expressions: all, isTable, hidesWords: isRelevant, runsCode: isOpaqueAll });
  }
}

/** By the reading of the classifier, which also knows CASE, IF and counts of comparisons. */
function asksHidden({ summary }: Classification, columns: MaskedColumns): boolean {
  return (summary.columns?.asked ?? []).some((column) => {
    if (column === anyColumn) return false; // What its code asks is not in the text (docs/masking.md).
    const [name = '', table = '', schema = ''] = namesOf(column).reverse();
    return name === anyColumn
      ? columns.mayBeIn(new Set([table])) && columns.unknown.mayBeAsked === false
      : columns.of(schema, table, name)?.mayBeAsked === false;
  });
}

function namesOf(column: string): string[] {
  return [...column.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

function hides(view: Reach['views'][number]): boolean {
  return view === null || [...view.values()].some((mask) => mask !== null);
}

function expressionsOf(statements: readonly Tokens[], columns: MaskedColumns, reach: Reach): Expressions {
  const [only] = statements;
  if (only === undefined) return { items: null, any: null };
  if (statements.length > 1 || selectsIn(only) + (only.some((token) => isWord(token, 'RETURNING')) ? 1 : 0) !== 1) {
    const all = statements.flat();
    const starred = statements.some((it) => selectsIn(it) > 1 && hasStar(it)) && columns.mayBeIn(reach.tables) ? columns.unknown : null;
    return { items: null, any: computed(stricterMask(hiddenIn(all, columns, reach), starred)) };
  }
  const list = selectList(only);
  // Stars, names of windows, JSON_TABLE and PROCEDURE ANALYSE bring in what stands elsewhere.
  if (
    list === null ||
    itemsOf(list).some(isStar) ||
    only.some((token) => isWord(token, 'WINDOW', 'PROCEDURE', 'JSON_TABLE', 'EXPLAIN', 'DESCRIBE', 'DESC', 'ANALYZE'))
  ) {
    return { items: null, any: computed(hiddenIn(only, columns, reach)) };
  }
  const items = itemsOf(list).map((item) => (isCount(item) ? null : computed(hiddenIn(item, columns, reach))));
  return { items, any: items.reduce(stricterMask, null) };
}

function computed(mask: ColumnMask | null): ColumnMask | null {
  return mask === null ? null : { ...mask, isComputed: true };
}

/**
 * Statements whose own text does not say what they return; warnings, plans of other sessions and PROCEDURE ANALYSE() quote values, and an
 * engine's status has the rows at which a foreign key or a deadlock failed.
 */
function runsMore(tokens: Tokens): boolean {
  if (tokens.some((token) => isWord(token, 'PROCEDURE')) && selectList(tokens) !== null) return true;
  if (isWord(tokens[0], 'EXECUTE', 'CALL', 'FETCH')) return true;
  if (isWord(tokens[0], 'EXPLAIN', 'DESCRIBE', 'DESC')) return tokens.some((token) => isWord(token, 'CONNECTION'));
  return isWord(tokens[0], 'SHOW') && tokens.some((token) => isWord(token, 'WARNINGS', 'ERRORS', 'EXPLAIN', 'ANALYZE', 'ENGINE'));
}

function callsOwn({ summary }: Classification, catalogue: SqlCatalogue | null): boolean {
  const own = new Set((catalogue?.functions ?? []).map(({ name }) => name.toLowerCase()));
  return summary.functions.some((name) => own.has(name.toLowerCase().split('.').at(-1) ?? ''));
}

function refuse(message: string): MaskPlan {
  return { kind: 'refuse', message, hint: 'Leave the masked columns out, or write it in plainer SQL.' };
}

const withheld = 'the words of the target are withheld, because they may quote a masked value';

/** Is what the server calls a table one, and not a subquery or WITH that goes by its name? */
type IsTable = (schema: string, table: string) => boolean;

const noTable: IsTable = () => false;

function tablesOf({ summary }: Classification, readings: readonly Tokens[]): IsTable {
  const tables = new Set(summary.tables.map((table) => table.toLowerCase()));
  const others = new Set<string>();
  for (const tokens of readings) {
    tokens.forEach(({ kind, text }, at) => {
      if (kind !== 'word' && kind !== 'name') return;
      const before = isWord(tokens[at - 1], 'AS') ? tokens[at - 2] : tokens[at - 1];
      const isQuery =
        isOp(before, ')') || isWord(before, 'WITH', 'RECURSIVE') || (isWord(tokens[at + 1], 'AS') && isOp(tokens[at + 2], '('));
      if (isQuery || (isOp(tokens[at + 1], '(') && isOp(before, ','))) others.add(text.toLowerCase());
    });
  }
  return (schema, table) => {
    const name = table.toLowerCase();
    if (others.has(name)) return false;
    // Computed columns of a view come without its schema.
    if (schema === '') return [...tables].some((it) => it === name || it.endsWith(`.${name}`));
    return tables.has(`${schema.toLowerCase()}.${name}`) || tables.has(name);
  };
}

interface MaskingParts {
  readonly columns: MaskedColumns;
  readonly masks: FieldMasks;
  readonly views: Views;
  readonly expressions: Expressions;
  readonly isTable: IsTable;
  readonly hidesWords: boolean;
  readonly runsCode: boolean;
}

function masking({ columns, masks, views, expressions, isTable, hidesWords, runsCode }: MaskingParts): MaskPlan {
  const maskOf = ({ origin }: ResultField, at: number, count: number): ColumnMask | null => {
    if (columns.isEmpty) return null;
    const expression = expressions.items?.length === count ? (expressions.items[at] ?? null) : expressions.any;
    if (origin?.kind !== 'column') return expression;
    const { schema, table, column } = origin;
    if (/^(mysql|information_schema|performance_schema)$/i.test(schema) && statistics.test(table)) return columns.unknown;
    const view = views.named(table, schema === '' ? null : schema);
    if (view === null) return columns.unknown;
    const own = stricterMask(view?.get(column.toLowerCase()) ?? null, columns.of(schema, table, column));
    return isTable(schema, table) && (schema !== '' || view !== undefined) ? own : stricterMask(own, expression);
  };
  const made: Masking = {
    fields: (_statement, fields): readonly (FieldMask | null)[] => fields.map((field, at) => masks.of(maskOf(field, at, fields.length))),
    declare: () => undefined,
    runsCode,
    words: (said) => (hidesWords ? withheld : (masks.searching?.text(said) ?? withheld)),
  };
  return { kind: 'mask', masking: made };
}
