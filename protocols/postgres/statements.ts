// Names that the server knows: prepared statements (SQL PREPARE and wire Parse share one name space) and portals.
// A name counts once the server has confirmed it; until then it is pending, and an error takes all that is pending back.

import type { Parameter, PreparedStatement, ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import type { Permit } from '../../src/core/permit.ts';

export interface Statement extends PreparedStatement {
  /** Under which mode `classification` was made; another mode asks for it again. */
  readonly modeKey: string;
  /** SQL PREPARE: the classification is that of the inner statement, and `text` is the whole PREPARE. */
  readonly bySql: boolean;
  /** Parameter type OIDs: as Parse said, completed by ParameterDescription. */
  types: readonly number[];
}

/** One released action at the target: from its permit to its end. */
export interface Run {
  readonly permit: Permit;
  readonly classification: Classification;
  readonly obligations: Obligations;
  /** Statements of the text that the server has completed. */
  completed: number;
  rows: number | null;
  error: { code: string; message: string } | null;
}

export interface Portal {
  readonly name: string;
  /** What was bound; null for a portal that SQL DECLARE made. */
  readonly statement: Statement | null;
  readonly text: string;
  readonly parameters: readonly Parameter[] | null;
  readonly digest: () => string;
  /** Open while its permit is. */
  run: Run | null;
  /** Executes sent and not yet answered. */
  executing: number;
  /** Closed or replaced while an Execute was still to be answered. */
  gone: boolean;
}

/** Prepared statements kept for one session; the server has its own limits, this one keeps a client from filling memory. */
export const statementsMax = 10_000;

export class Statements {
  readonly #confirmed = new Map<string, Statement>();
  /** In the order sent; undefined marks a name that is being closed. */
  readonly #pending = new Map<string, Statement | undefined>();

  get(name: string): Statement | undefined {
    return this.#pending.has(name) ? this.#pending.get(name) : this.#confirmed.get(name);
  }

  get size(): number {
    return this.#confirmed.size + this.#pending.size;
  }

  sent(name: string, statement: Statement | undefined): void {
    this.#pending.set(name, statement);
  }

  /** The server confirmed what was sent under that name. */
  confirmed(name: string, statement: Statement | undefined): void {
    if (this.#pending.get(name) === statement) this.#pending.delete(name);
    if (statement === undefined) this.#confirmed.delete(name);
    else this.#confirmed.set(name, statement);
  }

  /** An error: nothing that is pending was done. A failed Parse of the unnamed statement has already dropped the old one. */
  failed(unnamedLost: boolean): void {
    this.#pending.clear();
    if (unnamedLost) this.#confirmed.delete('');
  }

  clear(): void {
    this.#confirmed.clear();
    this.#pending.clear();
  }
}

/** True when a classification was made under this mode. */
export function madeUnder(statement: Statement, mode: ReadingMode): boolean {
  return statement.modeKey === mode.key;
}
