// How many rows a text would reach, by EXPLAIN of a query that the gateway writes itself: a table and its columns compared with
// literals. Planning that runs nothing of anybody's: a base table has no code that a SELECT calls, and views are not asked about.

import type { Condition, ConditionValue } from '../../src/core/condition.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import { statementRows, type EstimateTables } from '../../src/core/estimate.ts';
import type { PreviewQuestion } from '../../src/core/preview.ts';
import { ownQuery, type Row } from './own-query.ts';
import { literal, parsedName, systemSchemas } from './preview-names.ts';
import { ownWish, signIn, type Upstream } from './upstream.ts';

/** Tables and statements beyond these are not looked up: the estimate is not known then. */
const tablesMax = 40;
const statementsMax = 50;
/** Characters of one value, and values of one condition, that go into a question; the condition counts as true beyond. */
const valueCharsMax = 1_000;
const valuesMax = 1_000;
/** Seconds: the server's own limits; the whole estimate has one besides. */
const lockSecondsMax = 1;
const statementSecondsMax = 2;

/** Engines whose tables are here and whose planner only reads. Others (CONNECT, FEDERATED, SPIDER) ask another server. */
const ownEngines = new Set(['innodb', 'myisam', 'aria', 'memory', 'rocksdb', 'archive', 'csv']);

export class MysqlRows {
  readonly #services: () => Omit<DriverServices, 'targetNamed'>;
  readonly #question: PreviewQuestion;
  readonly #signal: AbortSignal;
  readonly #database: string | null;
  readonly #known = new Map<string, number | null>();
  readonly #cascading = new Set<string>();

  constructor(services: () => Omit<DriverServices, 'targetNamed'>, question: PreviewQuestion, signal: AbortSignal) {
    this.#services = services;
    this.#question = question;
    this.#signal = signal;
    const used = question.mode?.settings['database'];
    this.#database = used === undefined || used === '' ? (question.database ?? question.target.database) : used;
  }

  /** Null when it can't be known. Rejects with a Fault when the target can't be asked. */
  async estimate(): Promise<number | null> {
    const { classification, target } = this.#question;
    if (!classification.understood || classification.statements.length > statementsMax) return null;
    const wanted = this.#wanted();
    if (wanted.size > tablesMax) return null;
    if (wanted.size > 0) {
      const upstream = await signIn(this.#services() as DriverServices, target, ownWish(this.#database), this.#signal);
      try {
        await this.#lookUp(upstream, [...wanted.values()]);
      } finally {
        upstream.stream.destroy();
      }
    }
    return this.#total({
      ...this.#names(),
      rows: (object, where) => this.#known.get(keyOf(object, where)) ?? null,
      cascades: (object) => this.#cascading.has(object),
    });
  }

  #names(): Pick<EstimateTables, 'named' | 'isSystem'> {
    const named = (object: string) => parsedName(object, this.#database);
    return { named, isSystem: (object) => systemSchemas.has(named(object).schema?.toLowerCase() ?? '') };
  }

  #wanted(): Map<string, { object: string; where: Condition | null }> {
    const wanted = new Map<string, { object: string; where: Condition | null }>();
    this.#total({
      ...this.#names(),
      rows: (object, where) => {
        wanted.set(keyOf(object, where), { object, where });
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
    let total: number | null = 0;
    for (const [at, facts] of statements.entries()) {
      const rows = statementRows(facts, outlined?.[at] ?? null, tables);
      total = total === null || rows === null ? null : total + rows;
    }
    return total;
  }

  async #lookUp(upstream: Upstream, wanted: readonly { object: string; where: Condition | null }[]): Promise<void> {
    const ask = (text: string): Promise<Row[]> => ownQuery(upstream, text, this.#signal);
    const tryTo = (text: string): Promise<Row[]> => ask(text).catch((): Row[] => []); // not every server has each of them
    await ask('SET SESSION TRANSACTION READ ONLY');
    await tryTo(`SET SESSION lock_wait_timeout = ${lockSecondsMax}`);
    await tryTo(`SET SESSION max_statement_time = ${statementSecondsMax}`);
    await tryTo(`SET SESSION max_execution_time = ${statementSecondsMax * 1000}`);
    await ask(`SET NAMES utf8mb4`);
    for (const { object, where } of wanted) {
      const { schema, name } = parsedName(object, this.#database);
      if (schema === null) continue;
      const of = (schemaColumn: string, nameColumn: string) => `${schemaColumn} = ${literal(schema)} AND ${nameColumn} = ${literal(name)}`;
      const [table] = await ask(`SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE ${of('TABLE_SCHEMA', 'TABLE_NAME')}`);
      if (table?.[0] !== 'BASE TABLE' || !ownEngines.has(table[1]?.toLowerCase() ?? '')) continue;
      const references = await ask(`SELECT 1 FROM information_schema.REFERENTIAL_CONSTRAINTS
        WHERE ${of('UNIQUE_CONSTRAINT_SCHEMA', 'REFERENCED_TABLE_NAME')} AND DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') LIMIT 1`);
      if (references.length > 0) this.#cascading.add(object);
      const plan = await ask(explained(schema, name, where, this.#question.parameters));
      this.#known.set(keyOf(object, where), plannedRows(plan));
    }
  }
}

function keyOf(object: string, where: Condition | null): string {
  return JSON.stringify([object, where]);
}

type Parameters = PreviewQuestion['parameters'];

/** Columns of EXPLAIN by their place: key_len and on differ, `rows` is the ninth, or the tenth where there are partitions. */
function plannedRows(plan: readonly Row[]): number | null {
  const [row] = plan;
  if (row === undefined || plan.length > 1) return null;
  const extra = row.at(-1) ?? '';
  if (/impossible where|no matching row/i.test(extra)) return 0;
  const cell = row.length >= 12 ? row[9] : row[8];
  return cell == null || !/^\d+$/.test(cell) ? null : Number(cell);
}

function explained(schema: string, name: string, where: Condition | null, parameters: Parameters): string {
  const table = `${quoted(schema)}.${quoted(name)}`;
  const condition = where === null ? null : new ConditionText(parameters).of(where);
  return `EXPLAIN FORMAT=TRADITIONAL SELECT 1 FROM ${table}${condition === null ? '' : ` WHERE ${condition}`}`;
}

function quoted(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** Types of bound parameters whose value as shown is the value as compared (parameters.ts). */
const numberTypes = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'float', 'double', 'year']);
const textTypes = new Set([
  'varchar',
  'char',
  'enum',
  'date',
  'time',
  'datetime',
  'timestamp',
  'tinyblob',
  'mediumblob',
  'longblob',
  'blob',
]);

/** A condition as SQL of the gateway's own; null where it counts as true. */
class ConditionText {
  readonly #parameters: Parameters;
  #values = 0;

  constructor(parameters: Parameters) {
    this.#parameters = parameters;
  }

  /** `exact`: no part may count as true, because what stands around it turns it round. */
  of(condition: Condition, exact = false): string | null {
    switch (condition.kind) {
      case 'and': {
        const parts = condition.parts.map((it) => this.of(it, exact));
        const read = parts.filter((it) => it !== null);
        return read.length === 0 || (exact && read.length < parts.length) ? null : `(${read.join(' AND ')})`;
      }
      case 'or': {
        const parts = condition.parts.map((it) => this.of(it, exact));
        return parts.includes(null) ? null : `(${parts.join(' OR ')})`;
      }
      case 'not': {
        const inner = this.of(condition.part, true);
        return inner === null ? null : `NOT (${inner})`;
      }
      case 'is-null':
        return `${quoted(condition.column)} IS NULL`;
      case 'compare': {
        const value = this.#value(condition.value);
        return value === null ? null : `${quoted(condition.column)} ${condition.operator} ${value}`;
      }
      case 'in': {
        const values = condition.values.map((it) => this.#value(it));
        return values.includes(null) ? null : `${quoted(condition.column)} IN (${values.join(', ')})`;
      }
      case 'not-read':
        return null;
    }
  }

  /** Numbers as numbers, texts as texts: MySQL compares a text with the number 0 otherwise than with '0'. */
  #value(value: ConditionValue): string | null {
    if (++this.#values > valuesMax) return null;
    if (value.kind === 'literal') return value.isNumber === true ? numeral(value.text) : textual(value.text);
    const parameter = this.#parameters?.[value.number - 1];
    if (parameter === undefined) return null;
    if (parameter.text === null) return 'NULL';
    if (numberTypes.has(parameter.type ?? '')) return numeral(parameter.text);
    return textTypes.has(parameter.type ?? '') ? textual(parameter.text) : null;
  }
}

function numeral(text: string): string | null {
  return /^-?\d{1,40}(\.\d{1,40})?$/.test(text) ? text : null;
}

function textual(text: string): string | null {
  if (text.length > valueCharsMax) return null;
  return text === '' ? "''" : `_utf8mb4 0x${Buffer.from(text, 'utf8').toString('hex')}`;
}
