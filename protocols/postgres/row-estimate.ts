// How many rows a text would reach, from the planner's own statistics, on a connection of the gateway's own in a read-only transaction.
// What a transaction of the session has changed is seen as far as the size of its tables shows it; rows that it added count.

import { columnsOf, estimate, type ColumnStatistics, type Condition } from '../../src/core/condition.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import { statementRows, type EstimateTables } from '../../src/core/estimate.ts';
import type { PreviewQuestion } from '../../src/core/preview.ts';
import { askOwn, type Row } from './own-query.ts';
import { parsedName } from './preview-names.ts';
import { columnsQuery, pinned, referencesQuery, relationsQuery, type AskedColumn } from './preview-queries.ts';
import { relationOf, statisticsOf, type Relation } from './preview-relations.ts';
import { signIn } from './upstream.ts';

/** Tables, columns and statements beyond these are not looked up: the estimate is not known then. */
const tablesMax = 40;
const columnsMax = 100;
const statementsMax = 50;

/** Definitions count nothing; these hold copies of what tables hold. */
const holdsData = /^pg_catalog\.(pg_largeobject|pg_statistic|pg_stats)/;

export class PostgresRows {
  readonly #services: () => Omit<DriverServices, 'targetNamed'>;
  readonly #question: PreviewQuestion;
  readonly #signal: AbortSignal;
  readonly #relations = new Map<string, Relation>();
  #statistics: readonly Row[] = [];
  #cascading: ReadonlySet<string> = new Set();

  constructor(services: () => Omit<DriverServices, 'targetNamed'>, question: PreviewQuestion, signal: AbortSignal) {
    this.#services = services;
    this.#question = question;
    this.#signal = signal;
  }

  /** Null when it can't be known. Rejects with a Fault when the target can't be asked. */
  async estimate(): Promise<number | null> {
    const { classification, target, database } = this.#question;
    if (!classification.understood || classification.statements.length > statementsMax) return null;
    const wanted = this.#wanted();
    if (wanted.size > tablesMax) return null;
    if (wanted.size > 0) {
      const name = database ?? target.database ?? target.user;
      const upstream = await signIn(
        this.#services() as DriverServices,
        target,
        name,
        { application_name: 'sallyport estimate' },
        this.#signal,
      );
      await askOwn(upstream, this.#signal, async (ask) => {
        await ask(pinned);
        await this.#lookUp(ask, wanted);
      });
    }
    return this.#total({
      ...names,
      rows: (object, where) => this.#rows(object, where),
      cascades: (object) => this.#cascading.has(this.#relations.get(object)?.id ?? ''),
    });
  }

  /** The tables that the answer depends on, with the columns of their conditions. */
  #wanted(): Map<string, Set<string>> {
    const wanted = new Map<string, Set<string>>();
    this.#total({
      ...names,
      rows: (object, where) => {
        const columns = wanted.get(object) ?? new Set();
        for (const column of where === null ? [] : columnsOf(where)) columns.add(column);
        wanted.set(object, columns);
        return 1;
      },
      cascades: () => false,
    });
    return wanted;
  }

  #total(tables: EstimateTables): number | null {
    const { classification, outlines } = this.#question;
    const { statements } = classification;
    const outlined = outlines?.length === statements.length ? outlines : null;
    let total = 0;
    let isKnown = true;
    statements.forEach((facts, at) => {
      const rows = statementRows(facts, outlined?.[at] ?? null, tables);
      if (rows === null) isKnown = false;
      else total += rows;
    });
    return isKnown ? total : null;
  }

  async #lookUp(ask: (text: string) => Promise<Row[]>, wanted: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
    const objects = [...wanted.keys()];
    const found = await ask(relationsQuery(objects.map(parsedName)));
    const columns: AskedColumn[] = [];
    objects.forEach((object, at) => {
      const [row, ...others] = found.filter((it) => it['at'] === String(at));
      if (row === undefined || others.length > 0) return;
      const relation = relationOf(row);
      this.#relations.set(object, relation);
      for (const column of wanted.get(object) ?? []) columns.push({ table: relation.id, column });
    });
    const ids = [...new Set([...this.#relations.values()].map(({ id }) => id))];
    if (ids.length === 0) return;
    if (columns.length > 0) this.#statistics = await ask(columnsQuery(columns.slice(0, columnsMax)));
    const references = await ask(referencesQuery(ids));
    this.#cascading = new Set(references.filter((it) => ['c', 'n', 'd'].includes(it['rule'] ?? '')).map((it) => it['id'] ?? ''));
  }

  #rows(object: string, where: Condition | null): number | null {
    const relation = this.#relations.get(object);
    if (relation === undefined || relation.isLocked || relation.isTemporary || relation.table.rows === null) return null;
    const { rows } = relation.table;
    if (where === null) return rows;
    const unseen = relation.rowsCounted === null || rows <= 0 ? 0 : Math.max(0, rows - relation.rowsCounted) / rows;
    const statistics = (column: string): ColumnStatistics | undefined => {
      const known = statisticsOf(this.#statistics, relation.id, column, rows);
      return known === undefined ? undefined : { ...known, unseen };
    };
    const { fraction } = estimate(where, rows, statistics, this.#question.parameters);
    return fraction === 0 ? 0 : Math.max(1, Math.round(fraction * rows));
  }
}

const names: Pick<EstimateTables, 'named' | 'isSystem'> = {
  named: parsedName,
  isSystem: (object) => (object.startsWith('pg_catalog.') || object.startsWith('information_schema.')) && !holdsData.test(object),
};
