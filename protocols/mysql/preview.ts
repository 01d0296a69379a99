// Previews of what MySQL and MariaDB statements would do, from information_schema alone, over a connection of its own in
// read-only transactions. It never sees the asked text; names go in as hexadecimal literals.

import type { ColumnStatistics, Condition } from '../../src/core/condition.ts';
import { estimate } from '../../src/core/condition.ts';
import type { StatementFacts } from '../../src/core/classification.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import type {
  Consequence,
  LockPreview,
  Preview,
  Previewer,
  PreviewQuestion,
  RowsPreview,
  StatementOutline,
  StatementPreview,
  TablePreview,
} from '../../src/core/preview.ts';
import { ownQuery, type Row } from './own-query.ts';
import { literal, parsedName, systemSchemas } from './preview-names.ts';
import { MysqlRows } from './row-estimate.ts';
import { ownWish, signIn, type Upstream } from './upstream.ts';

const tablesMax = 40;
const statementsMax = 50;
const consequencesMax = 40;
/** Seconds: the server's own limits; the whole preview has one besides. */
const lockSecondsMax = 1;
const statementSecondsMax = 3;

type Services = () => Omit<DriverServices, 'targetNamed'>;

export function createMysqlPreviewer(services: Services): Previewer {
  return {
    preview: async (question, signal) => {
      const { target, database } = question;
      const upstream = await signIn(services() as DriverServices, target, ownWish(database ?? target.database), signal);
      try {
        return await new MysqlPreview(upstream, question, signal).make();
      } finally {
        upstream.stream.destroy();
      }
    },
    estimateRows: (question, signal) => new MysqlRows(services, question, signal).estimate(),
  };
}

interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly isView: boolean;
  readonly shown: TablePreview;
  /** By column of a one-column index, or the first of a longer one: different values. */
  readonly indexed: ReadonlyMap<string, { readonly distinct: number; readonly isUnique: boolean }>;
}

class MysqlPreview {
  readonly #upstream: Upstream;
  readonly #question: PreviewQuestion;
  readonly #signal: AbortSignal;
  readonly #notes: string[] = [];
  readonly #relations = new Map<string, Relation>();
  #references: readonly Row[] = [];
  #triggers: readonly Row[] = [];
  #views: readonly Row[] = [];
  #waiting: readonly Row[] = [];

  constructor(upstream: Upstream, question: PreviewQuestion, signal: AbortSignal) {
    this.#upstream = upstream;
    this.#question = question;
    this.#signal = signal;
  }

  async make(): Promise<Preview> {
    await this.#ask('SET SESSION TRANSACTION READ ONLY');
    await this.#try(`SET SESSION lock_wait_timeout = ${lockSecondsMax}`);
    const [version] = await this.#ask('SELECT @@version');
    await this.#try(
      version?.[0]?.includes('MariaDB') === true
        ? `SET SESSION max_statement_time = ${statementSecondsMax}`
        : `SET SESSION max_execution_time = ${statementSecondsMax * 1000}`,
    );
    const { classification, outlines, transaction } = this.#question;
    const statements = classification.statements.slice(0, statementsMax);
    if (statements.length < classification.statements.length) this.#notes.push(`only the first ${statementsMax} statements were looked at`);
    await this.#readTables(statements);
    if (this.#relations.size > 0) await this.#readSurroundings();
    if (transaction !== 'none') this.#notes.push('a transaction is open: what it changed so far can’t be seen from outside');
    const outline = (at: number): StatementOutline | null =>
      outlines?.length === classification.statements.length ? (outlines[at] ?? null) : null;
    return {
      tables: [...this.#relations.values()].map(({ shown }) => shown),
      statements: statements.map((facts, at) => this.#statement(facts, outline(at))),
      notes: this.#notes,
    };
  }

  #ask(text: string): Promise<Row[]> {
    return ownQuery(this.#upstream, text, this.#signal);
  }

  /** For what not every server has or every account may see. */
  #try(text: string): Promise<Row[]> {
    return this.#ask(text).catch((): Row[] => []);
  }

  async #readTables(statements: readonly StatementFacts[]): Promise<void> {
    const named = statements.flatMap(({ effects }) =>
      effects.filter((it) => it.objectKind === 'table' || it.objectKind === 'view').flatMap((it) => it.object ?? []),
    );
    const every = [...new Set(named)];
    const names = every.slice(0, tablesMax);
    if (names.length < every.length) this.#notes.push(`only the first ${tablesMax} tables were looked at`);
    for (const object of names) {
      const { schema, name } = parsedName(object, this.#question.database ?? this.#question.target.database);
      if (schema === null || systemSchemas.has(schema.toLowerCase())) continue;
      const of = `TABLE_SCHEMA = ${literal(schema)} AND TABLE_NAME = ${literal(name)}`;
      const [row] = await this.#ask(
        `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE ${of}`,
      );
      if (row === undefined) {
        this.#notes.push(`${object} does not exist, or the gateway’s account may not see it`);
        continue;
      }
      const indexes = await this.#ask(
        `SELECT COLUMN_NAME, CARDINALITY, NON_UNIQUE, (SELECT COUNT(*) FROM information_schema.STATISTICS o WHERE o.TABLE_SCHEMA = s.TABLE_SCHEMA
          AND o.TABLE_NAME = s.TABLE_NAME AND o.INDEX_NAME = s.INDEX_NAME) FROM information_schema.STATISTICS s WHERE SEQ_IN_INDEX = 1 AND ${of}`,
      );
      this.#relations.set(object, relationOf(row, indexes));
    }
  }

  async #readSurroundings(): Promise<void> {
    const tables = [...this.#relations.values()];
    const pairs = tables.map(({ schema, name }) => `(${literal(schema)}, ${literal(name)})`).join(', ');
    const schemas = [...new Set(tables.map(({ schema }) => literal(schema)))].join(', ');
    this.#references = await this
      .#ask(`SELECT UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE
      FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE (UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME) IN (${pairs})`);
    this.#triggers = await this
      .#try(`SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME, EVENT_MANIPULATION FROM information_schema.TRIGGERS
      WHERE (EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE) IN (${pairs})`);
    this.#views = await this.#try(
      `SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA IN (${schemas})`,
    );
    // The texts of others' statements are not read: they are not this approver's to see.
    this.#waiting = await this.#try(
      `SELECT DB, COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table metadata lock%' GROUP BY DB`,
    );
  }

  #statement(facts: StatementFacts, outline: StatementOutline | null): StatementPreview {
    const all = [...this.#dropped(facts), ...this.#rowsToo(facts), ...this.#runs(facts)];
    return {
      kind: facts.kind,
      rows: this.#rows(facts, outline),
      consequences: all.slice(0, consequencesMax),
      consequencesLeftOut: Math.max(0, all.length - consequencesMax),
      locks: this.#locks(facts),
    };
  }

  #written(facts: StatementFacts): Relation[] {
    const names = new Set(facts.effects.filter((it) => it.access === 'write').flatMap((it) => it.object ?? []));
    return [...names].flatMap((it) => this.#relations.get(it) ?? []);
  }

  #rows(facts: StatementFacts, outline: StatementOutline | null): RowsPreview | null {
    const [changed, ...others] = this.#written(facts);
    if (changed === undefined || others.length > 0 || changed.isView || changed.shown.rows === null) return null;
    if (!['update', 'delete', 'truncate'].includes(facts.kind)) return null;
    const { rows: of, name } = changed.shown;
    if (facts.kind === 'truncate') return { table: name, rows: of, bound: 'about', of };
    const where: Condition = outline?.where ?? { kind: 'not-read' };
    const all = facts.missingWhere && outline?.where === null;
    const { fraction, isUpperBound } = all
      ? { fraction: 1, isUpperBound: false }
      : estimate(where, of, (column) => statisticsOf(changed, column, of), this.#question.parameters);
    const rows = fraction === 0 ? 0 : Math.max(1, Math.round(fraction * of));
    const limit = outline?.rowsMax ?? null;
    if (limit !== null && limit < rows) return { table: name, rows: limit, bound: 'at-most', of };
    return { table: name, rows, bound: isUpperBound ? 'at-most' : 'about', of };
  }

  /** MySQL drops nothing along; views stay behind and break, and foreign keys stand in the way. */
  #dropped(facts: StatementFacts): Consequence[] {
    if (!facts.kind.startsWith('drop ')) return [];
    return this.#written(facts).flatMap(({ schema, name }): Consequence[] => {
      const quoted = `\`${schema}\`.\`${name}\``;
      const views = this.#views.filter((row) => (row[2] ?? '').includes(quoted));
      return views.map((row) => ({ kind: 'dropped-too', what: `view ${row[0] ?? ''}.${row[1] ?? ''} stays, and fails from then on` }));
    });
  }

  #rowsToo(facts: StatementFacts): Consequence[] {
    if (!['delete', 'truncate', 'drop table'].includes(facts.kind)) return [];
    return this.#written(facts).flatMap(({ schema, name }) =>
      this.#references
        .filter((row) => row[0] === schema && row[1] === name)
        .map((row): Consequence => {
          const by = `${row[2] ?? ''}.${row[3] ?? ''} (foreign key ${row[4] ?? ''})`;
          if (facts.kind !== 'delete') return { kind: 'prevents', what: by };
          if (row[5] === 'CASCADE') return { kind: 'rows-too', what: `rows of ${by} are deleted too` };
          if (row[5] === 'SET NULL') return { kind: 'rows-too', what: `columns of ${by} are set to NULL` };
          return { kind: 'prevents', what: `rows of ${by} that point at a deleted row` };
        }),
    );
  }

  #runs(facts: StatementFacts): Consequence[] {
    const event = facts.kind.toUpperCase();
    return this.#written(facts).flatMap(({ schema, name }) =>
      this.#triggers
        .filter((row) => row[0] === schema && row[1] === name && row[3] === event)
        .map((row): Consequence => ({ kind: 'runs', what: `trigger ${row[2] ?? ''}` })),
    );
  }

  #locks(facts: StatementFacts): LockPreview[] {
    const changesRows = ['insert', 'update', 'delete', 'replace', 'load data'].includes(facts.kind);
    const changesTable = /^(drop|alter|truncate|rename|create index|optimize|repair)/.test(facts.kind);
    if (!changesRows && !changesTable) return [];
    return this.#written(facts).map(({ schema, shown }) => ({
      table: shown.name,
      mode: changesRows ? 'row locks, shared metadata lock' : 'exclusive metadata lock',
      stops: changesRows
        ? 'writes to the rows that it reaches (without a fitting index: to all rows), and changes of the table’s definition'
        : 'all use of the table while it changes',
      heldByOthers: 0,
      waiting: Number(this.#waiting.find((row) => row[0] === schema)?.[1] ?? 0),
      oldestHolderMs: null,
    }));
  }
}

function relationOf(row: Row, indexes: readonly Row[]): Relation {
  const [schema, name, type, rows, bytes] = row;
  const isView = (type ?? '').includes('VIEW');
  const indexed = new Map<string, { distinct: number; isUnique: boolean }>();
  for (const [column, cardinality, nonUnique, parts] of indexes) {
    if (column == null || cardinality == null) continue;
    const isUnique = nonUnique === '0' && parts === '1';
    const before = indexed.get(column.toLowerCase());
    indexed.set(column.toLowerCase(), {
      distinct: Math.max(before?.distinct ?? 0, Number(cardinality)),
      isUnique: isUnique || before?.isUnique === true,
    });
  }
  return {
    schema: schema ?? '',
    name: name ?? '',
    isView,
    indexed,
    shown: {
      name: `${schema ?? ''}.${name ?? ''}`,
      kind: isView ? 'view' : 'table',
      rows: isView || rows == null ? null : Number(rows),
      rowsFrom: 'statistics',
      bytes: isView || bytes == null ? null : Number(bytes),
    },
  };
}

/** Indexes tell how many different values there are; nothing tells which. */
function statisticsOf({ indexed }: Relation, column: string, rows: number): ColumnStatistics | undefined {
  const index = indexed.get(column.toLowerCase());
  if (index === undefined || (index.distinct === 0 && rows > 0 && !index.isUnique)) return undefined;
  return { nullFraction: 0, distinct: index.distinct, isUnique: index.isUnique, common: [], bounds: [], order: 'none' };
}
