// Names that the server knows: prepared statements (SQL PREPARE and wire Parse share one name space) and portals.
// A name counts once the server has confirmed it; until then it is pending, and an error takes all that is pending back.

import type { Parameter, PreparedStatement, ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { LimitState } from './limits.ts';
import type { RunMasks } from './masking.ts';
import { classificationOf } from '../../src/core/summary.ts';

export interface Statement extends PreparedStatement {
  /** Under which mode `classification` was made; another mode asks for it again. */
  readonly modeKey: string;
  /** SQL PREPARE: the classification is that of the inner statement, and `text` is the whole PREPARE. */
  readonly bySql: boolean;
  /** Something ran that may have put another statement under this name: what it does is not known any more. */
  readonly doubted?: true;
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
  /** It runs behind the read-only fence. */
  readonly fenced: boolean;
  /** Null where its rule sets none. */
  readonly limits: LimitState | null;
  /** What is hidden in its results; null: nothing. */
  readonly masks: RunMasks | null;
  /** The client has been sent rows of it. */
  shown: boolean;
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
  /** The Bind message, while its run may have to be tried again without the fence. */
  bind: Buffer | null;
  /** Executes sent and not yet answered. */
  executing: number;
  /** Closed or replaced while an Execute was still to be answered. */
  gone: boolean;
}

/** Prepared statements kept for one session; the server has its own limits, this one keeps a client from filling memory. */
export const statementsMax = 10_000;
/** Characters of all their texts together. */
export const statementCharsMax = 64 * 1024 * 1024;
/** Portals of one transaction. */
export const portalsMax = 10_000;

export class Statements {
  readonly #confirmed = new Map<string, Statement>();
  /** In the order sent; undefined marks a name that is being closed. */
  readonly #pending = new Map<string, Statement | undefined>();
  #confirmedChars = 0;
  #pendingChars = 0;

  get(name: string): Statement | undefined {
    return this.#pending.has(name) ? this.#pending.get(name) : this.#confirmed.get(name);
  }

  /** True when another statement of that length would be too much. */
  isFull(name: string, chars: number): boolean {
    const known = this.get(name);
    if (known === undefined && this.#confirmed.size + this.#pending.size >= statementsMax) return true;
    return this.#confirmedChars + this.#pendingChars + chars > statementCharsMax;
  }

  sent(name: string, statement: Statement | undefined): void {
    this.#unpend(name);
    this.#pending.set(name, statement);
    this.#pendingChars += statement?.text.length ?? 0;
  }

  /** The server confirmed what was sent under that name. */
  confirmed(name: string, statement: Statement | undefined): void {
    if (this.#pending.get(name) === statement) this.#unpend(name);
    this.#forget(name);
    if (statement === undefined) return;
    this.#confirmed.set(name, statement);
    this.#confirmedChars += statement.text.length;
  }

  /** Something ran that may have prepared and deallocated: no name surely means what it did. */
  doubtAll(): void {
    for (const [name, statement] of this.#confirmed) {
      if (statement.doubted !== true)
        this.#confirmed.set(name, { ...statement, doubted: true, classification: doubtful(statement.text), bySql: true });
    }
  }

  /** An error: nothing that is pending was done. A failed Parse of the unnamed statement has already dropped the old one. */
  failed(unnamedLost: boolean): void {
    this.#pending.clear();
    this.#pendingChars = 0;
    if (unnamedLost) this.#forget('');
  }

  clear(): void {
    this.#confirmed.clear();
    this.#confirmedChars = 0;
    this.#pending.clear();
    this.#pendingChars = 0;
  }

  #unpend(name: string): void {
    this.#pendingChars -= this.#pending.get(name)?.text.length ?? 0;
    this.#pending.delete(name);
  }

  #forget(name: string): void {
    this.#confirmedChars -= this.#confirmed.get(name)?.text.length ?? 0;
    this.#confirmed.delete(name);
  }
}

/** Understood, with an effect that nobody knows: policies treat it as the unknown thing that it is. */
export function doubtful(text: string): Classification {
  const effects = [{ verb: 'unknown', access: 'unknown', objectKind: 'other', object: 'prepared statement' }] as const;
  const span = { start: 0, end: text.length };
  return classificationOf([{ kind: 'execute', span, effects, missingWhere: false, risks: [{ ...span, why: doubt }], changes: [] }]);
}

const doubt = 'prepared before something ran that may have put another statement under its name';

/** True when a classification was made under this mode. */
export function madeUnder(statement: Statement, mode: ReadingMode): boolean {
  return statement.doubted === true || statement.modeKey === mode.key;
}
