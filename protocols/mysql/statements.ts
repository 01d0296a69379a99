// Prepared statements: those of the wire by the target's number, those of SQL PREPARE by name. A statement counts once the
// target has confirmed it.

import type { PreparedStatement, ReadingMode } from '../../src/core/action.ts';
import type { Masking } from '../../src/core/masking.ts';
import type { SessionChange } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import { BodyReader } from './body-reader.ts';
import type { ColumnDefinition } from './column-definition.ts';
import { classificationOf } from '../../src/core/summary.ts';
import { rereadBy } from './settings.ts';

/** Prepared statements kept for one session; the server has its own limit (max_prepared_stmt_count, 16,382). */
export const statementsMax = 16_384;
/** COM_STMT_SEND_LONG_DATA kept for one statement until its execution is released. */
export const longDataBytesMax = 64 * 1024 * 1024;

export interface WireStatement {
  readonly id: number;
  readonly text: string;
  readonly textBytes: Buffer;
  /** The mode its text was read in; of later changes only those of the catalogue touch it. */
  mode: ReadingMode;
  readonly parameterCount: number;
  /** Columns as the target told them last, for results that come without their definitions. */
  columns: ColumnDefinition[];
  /** What is hidden in the rows that its cursor still gives; null: nothing. */
  masking: Masking | null;
  /** Types of the parameters as last bound by the client; null until the first execution. */
  types: Buffer | null;
  /** Types that the target knows. */
  typesAtTarget: Buffer | null;
  /** Values sent ahead, by parameter; payloads of COM_STMT_SEND_LONG_DATA, in order. */
  longData: Map<number, Buffer[]>;
  longDataBytes: number;
  /** Of an open cursor: rows that its rule still lets through, and that rule's terms; null: all. */
  cursor: { rowsLeft: number; readonly obligations: Obligations } | null;
  /** Set when more was sent than is kept: the next execution is refused. */
  longDataLost: boolean;
}

/** A statement as it is when the target has just confirmed it. */
export function preparedStatement(known: Pick<WireStatement, 'id' | 'text' | 'textBytes' | 'mode' | 'parameterCount'>): WireStatement {
  const values = { longData: new Map<number, Buffer[]>(), longDataBytes: 0, longDataLost: false };
  return { ...known, ...values, columns: [], masking: null, types: null, typesAtTarget: null, cursor: null };
}

/** COM_STMT_EXECUTE with this id means the statement prepared last (MariaDB). */
const lastPreparedId = 0xffffffff;

export class Statements {
  readonly #byId = new Map<number, WireStatement>();
  readonly #byName = new Map<string, { readonly statement: PreparedStatement; readonly version: string }>();
  #last: WireStatement | null = null;

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): WireStatement | undefined {
    return id === lastPreparedId ? (this.#last ?? undefined) : this.#byId.get(id);
  }

  /** The one prepared last. */
  get last(): WireStatement | null {
    return this.#last;
  }

  confirmed(statement: WireStatement): void {
    this.#byId.set(statement.id, statement);
    this.#last = statement;
  }

  /** A prepare that the target refused: "the last one" is none. */
  prepareFailed(): void {
    this.#last = null;
  }

  closed(id: number): void {
    const statement = this.get(id);
    if (statement === undefined) return;
    this.#byId.delete(statement.id);
    if (this.#last === statement) this.#last = null;
  }

  clear(): void {
    this.#byId.clear();
    this.#byName.clear();
    this.#last = null;
  }

  /**
   * A name of SQL EXECUTE. The server prepares it again when a view or function in it has become another one, and reads it by the settings
   * of then; what was judged under another catalogue or other settings than those of now is therefore not known any more.
   */
  named(name: string, mode: ReadingMode): PreparedStatement | undefined {
    const known = this.#byName.get(name.toLowerCase());
    return known === undefined || known.version === versionOf(mode) ? known?.statement : undefined;
  }

  /** The target confirmed a text with these changes. */
  changed(text: string, changes: readonly SessionChange[], mode: ReadingMode): void {
    for (const change of changes) {
      if (change.kind === 'prepare' && this.#byName.size < statementsMax) {
        const statement = { text, classification: classificationOf([change.inner]) };
        this.#byName.set(change.name.toLowerCase(), { statement, version: versionOf(mode) });
      } else if (change.kind === 'deallocate' && change.name !== null) {
        this.#byName.delete(change.name.toLowerCase());
      }
    }
  }

  /** The target refused a text with these changes: a failed PREPARE has dropped what had its name. */
  failed(changes: readonly SessionChange[]): void {
    for (const change of changes) if (change.kind === 'prepare') this.#byName.delete(change.name.toLowerCase());
  }
}

function versionOf({ catalogue, settings }: ReadingMode): string {
  return JSON.stringify([catalogue?.version, ...rereadBy.map((name) => settings[name])]);
}

/** COM_STMT_SEND_LONG_DATA is kept until the execution is released: these are bytes of the action. There is no answer. */
export function keepLongData(argument: Buffer, statements: Statements): void {
  const reader = new BodyReader(argument);
  const statement = statements.get(reader.uint32());
  const index = reader.uint16();
  if (statement === undefined || index >= statement.parameterCount) return;
  const part = Buffer.from(reader.rest());
  statement.longDataBytes += part.length;
  if (statement.longDataBytes > longDataBytesMax) {
    statement.longData.clear();
    statement.longDataLost = true;
    return;
  }
  const parts = statement.longData.get(index) ?? [];
  parts.push(part);
  statement.longData.set(index, parts);
}

export function dropLongData(statement: WireStatement): void {
  if (statement.longData.size > 0) statement.longData = new Map();
  statement.longDataBytes = 0;
  statement.longDataLost = false;
}

/** What its execution may still show of its rows, which come with FETCH. */
export function cursorOpened(statement: WireStatement | null, obligations: Obligations): void {
  const { rowsMax } = obligations;
  if (statement !== null) statement.cursor = rowsMax === undefined ? null : { rowsLeft: rowsMax, obligations };
}
