// Previews of what PostgreSQL statements would do, from the target's catalogue and statistics, over a connection of its own in a
// read-only transaction. It never sees the asked text: names, literals of a condition and the judged effects are all that comes
// in (src/core/preview.ts), and the literals are compared here, not at the target.

import type { ColumnStatistics } from '../../src/core/condition.ts';
import { columnsOf, estimate } from '../../src/core/condition.ts';
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
} from '../../src/core/preview.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { runOwnQueries, type Row } from './own-query.ts';
import { isInTheWay, lockOf, stopsOf } from './preview-locks.ts';
import {
  columnsQuery,
  dependentsQuery,
  locksQuery,
  pinned,
  referencesQuery,
  relationsQuery,
  triggersQuery,
  type AskedColumn,
  type DropStart,
} from './preview-queries.ts';
import { parsedName } from './preview-names.ts';
import { relationOf, statisticsOf, type Relation } from './preview-relations.ts';
import { PostgresRows } from './row-estimate.ts';
import { signIn } from './upstream.ts';

/** Tables and statements looked at; a larger text gets a note. */
const namesMax = 40;
const statementsMax = 50;
const consequencesMax = 40;

type Services = () => Omit<DriverServices, 'targetNamed'>;

export function createPostgresPreviewer(services: Services): Previewer {
  return {
    preview: (question, signal) => new PostgresPreview(services, question, signal).make(),
    estimateRows: (question, signal) => new PostgresRows(services, question, signal).estimate(),
  };
}

class PostgresPreview {
  readonly #services: Services;
  readonly #question: PreviewQuestion;
  readonly #signal: AbortSignal;
  readonly #notes: string[] = [];
  /** By the name in the effects. */
  readonly #relations = new Map<string, Relation>();
  #statistics: readonly Row[] = [];
  #locks: readonly Row[] = [];
  #references: readonly Row[] = [];
  #triggers: readonly Row[] = [];

  constructor(services: Services, question: PreviewQuestion, signal: AbortSignal) {
    this.#services = services;
    this.#question = question;
    this.#signal = signal;
  }

  async make(): Promise<Preview> {
    const { classification, transaction } = this.#question;
    const statements = classification.statements.slice(0, statementsMax);
    if (statements.length < classification.statements.length) this.#notes.push(`only the first ${statementsMax} statements were looked at`);
    await this.#readRelations(statements);
    const ids = [...new Set([...this.#relations.values()].map(({ id }) => id))];
    if (ids.length > 0) {
      const columns = this.#columns(statements);
      const drops = statements.map((facts, at) => this.#dropStarts(facts, this.#outline(at)));
      const asked = [
        locksQuery(ids),
        referencesQuery(ids),
        triggersQuery(ids),
        ...(columns.length === 0 ? [] : [columnsQuery(columns)]),
        ...drops.flatMap((starts) => (starts.length === 0 ? [] : [dependentsQuery(starts)])),
      ];
      const answers = await this.#ask(asked);
      [this.#locks, this.#references, this.#triggers] = [answers.shift() ?? [], answers.shift() ?? [], answers.shift() ?? []];
      if (columns.length > 0) this.#statistics = answers.shift() ?? [];
      const dependents = drops.map((starts) => (starts.length === 0 ? [] : (answers.shift() ?? [])));
      return this.#preview(statements, dependents, transaction);
    }
    const starts = statements.map((facts, at) => this.#dropStarts(facts, this.#outline(at)));
    const queries = starts.flatMap((it) => (it.length === 0 ? [] : [dependentsQuery(it)]));
    const answers = queries.length === 0 ? [] : await this.#ask(queries);
    return this.#preview(
      statements,
      starts.map((it) => (it.length === 0 ? [] : (answers.shift() ?? []))),
      transaction,
    );
  }

  #preview(statements: readonly StatementFacts[], dependents: readonly Row[][], transaction: PreviewQuestion['transaction']): Preview {
    if (transaction !== 'none') {
      this.#notes.push(
        'a transaction is open: locks that it holds itself, and what it changed so far, can’t be told apart or seen from outside',
      );
    }
    const unique = new Map([...this.#relations.values()].map((it) => [it.id, it.table]));
    return {
      tables: [...unique.values()],
      statements: statements.map((facts, at) => this.#statement(facts, this.#outline(at), dependents[at] ?? [])),
      notes: this.#notes,
    };
  }

  /** One connection for each round; it reads, and nothing else. */
  async #ask(queries: readonly string[]): Promise<Row[][]> {
    const { target, database } = this.#question;
    const name = database ?? target.database ?? target.user;
    const upstream = await signIn(
      this.#services() as DriverServices,
      target,
      name,
      { application_name: 'sallyport preview' },
      this.#signal,
    );
    try {
      return (await runOwnQueries(upstream, [pinned, ...queries], this.#signal)).slice(1);
    } catch (thrown) {
      throw new Fault('target-lost', messageOf(thrown).replace('the catalogue query failed', 'the target answered'));
    }
  }

  async #readRelations(statements: readonly StatementFacts[]): Promise<void> {
    const kinds = new Set(['table', 'view', 'sequence']);
    const named = statements.flatMap(({ effects }) => effects.filter((it) => kinds.has(it.objectKind)).flatMap((it) => it.object ?? []));
    const every = [...new Set(named)].filter((it) => !it.startsWith('pg_catalog.') && !it.startsWith('information_schema.'));
    const names = every.slice(0, namesMax);
    if (names.length < every.length) this.#notes.push(`only the first ${namesMax} tables were looked at`);
    if (names.length === 0) return;
    const [rows = []] = await this.#ask([relationsQuery(names.map(parsedName))]);
    names.forEach((name, at) => {
      const found = rows.filter((row) => row['at'] === String(at));
      const [row, ...others] = found;
      if (row === undefined) this.#notes.push(`${name} does not exist, or not outside of this transaction`);
      else if (others.length > 0) this.#notes.push(`${name} stands in several schemas; it is not known which one is meant`);
      else this.#relations.set(name, relationOf(row));
    });
  }

  #outline(at: number): StatementOutline | null {
    const { outlines, classification } = this.#question;
    return outlines?.length === classification.statements.length ? (outlines[at] ?? null) : null;
  }

  #columns(statements: readonly StatementFacts[]): AskedColumn[] {
    const asked = statements.flatMap((facts, at) => {
      const where = this.#outline(at)?.where ?? null;
      const changed = this.#changed(facts);
      return where === null || changed === null ? [] : columnsOf(where).map((column) => ({ table: changed.id, column }));
    });
    return [...new Map(asked.map((it) => [JSON.stringify(it), it])).values()].slice(0, namesMax);
  }

  /** The one table whose rows an UPDATE or DELETE changes; null when there are several or it is not known. */
  #changed(facts: StatementFacts): Relation | null {
    if (facts.kind !== 'update' && facts.kind !== 'delete') return null;
    const names = new Set(facts.effects.filter((it) => it.verb === facts.kind).map((it) => it.object ?? ''));
    const [name] = names;
    return names.size === 1 && name !== undefined ? (this.#relations.get(name) ?? null) : null;
  }

  #statement(facts: StatementFacts, outline: StatementOutline | null, dependents: readonly Row[]): StatementPreview {
    const all = [...this.#dropped(dependents, outline), ...this.#rowsToo(facts, outline), ...this.#runs(facts)];
    return {
      kind: facts.kind,
      rows: this.#rows(facts, outline),
      consequences: all.slice(0, consequencesMax),
      consequencesLeftOut: Math.max(0, all.length - consequencesMax),
      locks: this.#locksOf(facts, outline),
    };
  }

  #rows(facts: StatementFacts, outline: StatementOutline | null): RowsPreview | null {
    if (facts.kind === 'truncate') {
      const [only, ...others] = facts.effects
        .filter((it) => it.verb === 'truncate')
        .flatMap((it) => this.#relations.get(it.object ?? '') ?? []);
      const rows = only?.table.rows ?? null;
      if (only === undefined || others.length > 0 || rows === null) return null;
      return { table: only.table.name, rows, bound: only.table.rowsFrom === 'size' ? 'at-most' : 'about', of: rows };
    }
    const changed = this.#changed(facts);
    if (changed === null || changed.table.rows === null || changed.kind === 'v') return null;
    const { rows: of, name, rowsFrom } = changed.table;
    if (facts.missingWhere) return { table: name, rows: of, bound: rowsFrom === 'size' ? 'at-most' : 'about', of };
    const where = outline?.where ?? null;
    if (where === null) return { table: name, rows: of, bound: 'at-most', of };
    const statistics = (column: string): ColumnStatistics | undefined => statisticsOf(this.#statistics, changed.id, column, of);
    const { fraction, isUpperBound } = estimate(where, of, statistics, this.#question.parameters);
    const rows = fraction === 0 ? 0 : Math.max(1, Math.round(fraction * of));
    return { table: name, rows, bound: isUpperBound ? 'at-most' : 'about', of };
  }

  #dropStarts(facts: StatementFacts, outline: StatementOutline | null): DropStart[] {
    const columns = outline?.columnsDropped ?? [];
    if (facts.kind === 'alter table') {
      const table = facts.effects.flatMap((it) => (it.objectKind === 'table' ? (this.#relations.get(it.object ?? '') ?? []) : []))[0];
      return table === undefined ? [] : columns.map((column) => ({ kind: 'column', id: table.id, column }) as const);
    }
    if (!facts.kind.startsWith('drop ')) return [];
    return facts.effects.flatMap((it): DropStart[] => {
      if (it.verb !== 'drop' || it.object === null) return [];
      const relation = this.#relations.get(it.object);
      if (relation !== undefined) return [{ kind: 'relation', id: relation.id }];
      const { schema, name } = parsedName(it.object);
      if (it.objectKind === 'schema') return [{ kind: 'schema', name }];
      return it.objectKind === 'function' ? [{ kind: 'function', schema, name }] : [];
    });
  }

  #dropped(rows: readonly Row[], outline: StatementOutline | null): Consequence[] {
    return rows.map((row) => {
      const goes = row['own'] === 'true' || outline?.cascade === true;
      return { kind: goes ? 'dropped-too' : 'prevents', what: row['what'] ?? '' };
    });
  }

  /** Rows of other tables that go along with a deletion, or that stand against it. */
  #rowsToo(facts: StatementFacts, outline: StatementOutline | null): Consequence[] {
    if (facts.kind !== 'delete' && facts.kind !== 'truncate') return [];
    const tables = facts.effects.filter((it) => it.verb === facts.kind).flatMap((it) => this.#relations.get(it.object ?? '') ?? []);
    const ids = new Set(tables.map((it) => it.id));
    const emptied = new Set(tables.map((it) => it.table.name));
    return this.#references
      .filter((row) => ids.has(row['id'] ?? '') && !(facts.kind === 'truncate' && emptied.has(row['table'] ?? '')))
      .map((row): Consequence => {
        const by = `${row['table'] ?? ''} (foreign key ${row['name'] ?? ''})`;
        if (facts.kind === 'truncate') {
          return outline?.cascade === true ? { kind: 'rows-too', what: `all rows of ${by}` } : { kind: 'prevents', what: by };
        }
        switch (row['rule']) {
          case 'c':
            return { kind: 'rows-too', what: `rows of ${by} are deleted too` };
          case 'n':
            return { kind: 'rows-too', what: `columns of ${by} are set to NULL` };
          case 'd':
            return { kind: 'rows-too', what: `columns of ${by} are set to their default` };
          default:
            return { kind: 'prevents', what: `rows of ${by} that point at a deleted row` };
        }
      });
  }

  #runs(facts: StatementFacts): Consequence[] {
    const bit = triggerEvents[facts.kind];
    if (bit === undefined) return [];
    const ids = new Set(
      facts.effects.filter((it) => it.verb === facts.kind).flatMap((it) => this.#relations.get(it.object ?? '')?.id ?? []),
    );
    return this.#triggers
      .filter((row) => ids.has(row['id'] ?? '') && (Number(row['type']) & bit) !== 0)
      .map((row) => ({ kind: 'runs', what: `trigger ${row['name'] ?? ''}: function ${row['function'] ?? ''}` }));
  }

  #locksOf(facts: StatementFacts, outline: StatementOutline | null): LockPreview[] {
    const mode = lockOf(facts.kind, outline?.concurrently ?? false);
    const own = new Map(
      facts.effects
        .filter((it) => it.access === 'write' || mode === 'ACCESS SHARE')
        .flatMap((it) => this.#relations.get(it.object ?? '') ?? [])
        .map((it) => [it.id, it]),
    );
    if (mode === null) return [];
    return [...own.values()].map(({ id, table }) => {
      const here = this.#locks.filter((row) => row['id'] === id);
      const holders = here.filter((row) => row['granted'] === 'true' && isInTheWay(row['mode'] ?? '', mode));
      const ages = holders.flatMap((row) => (row['age'] == null ? [] : [Number(row['age'])]));
      return {
        table: table.name,
        mode,
        stops: stopsOf(mode),
        heldByOthers: sum(holders),
        waiting: sum(here.filter((row) => row['granted'] === 'false')),
        oldestHolderMs: ages.length === 0 ? null : Math.max(...ages),
      };
    });
  }
}

/** Bits of pg_trigger.tgtype (src/include/catalog/pg_trigger.h). */
const triggerEvents: Readonly<Record<string, number>> = { insert: 4, delete: 8, update: 16, truncate: 32 };

function sum(rows: readonly Row[]): number {
  return rows.reduce((total, row) => total + Number(row['sessions'] ?? 0), 0);
}
