// What the gateway itself asks of a session between the client's commands, one after the other, and what it learns from it.

import { Fault } from '../../src/core/errors.ts';
import { readTextRow } from './own-query.ts';
import type { ReplyEnd } from './reply-sink.ts';
import type { Settings } from './settings.ts';

/** ER_QUERY_INTERRUPTED */
const interrupted = 1317;
/** Tries of one query: each KILL interrupts at most one. */
const interruptionsMax = 5;

export class OwnAsking {
  readonly #settings: Settings;
  #waiting: Buffer[] = [];
  #row: Buffer | null = null;
  #current: Buffer | null = null;
  #interruptions = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Queries from own-texts.ts, to be asked before the client's next command. */
  add(...queries: readonly Buffer[]): void {
    this.#waiting.push(...queries);
  }

  next(): Buffer | undefined {
    this.#row = null;
    this.#current = this.#waiting.shift() ?? null;
    return this.#current ?? undefined;
  }

  row(payload: Buffer): void {
    this.#row ??= Buffer.from(payload);
  }

  /** The query ended; a row is the probe's. Throws Fault target-lost: nothing can be judged without its answer. */
  ended(end: ReplyEnd): void {
    // A KILL QUERY that was meant for the client's statement, which had ended.
    if (end.error?.number === interrupted && this.#current !== null && ++this.#interruptions <= interruptionsMax) {
      this.#waiting.unshift(this.#current);
      return;
    }
    this.#interruptions = 0;
    if (end.error !== null) throw new Fault('target-lost', `a query of the gateway failed: ${end.error.message}`);
    if (this.#row === null) return;
    const [sqlMode, charset, database] = readTextRow(this.#row, 3);
    this.#settings.reported('sql_mode', sqlMode ?? '');
    this.#settings.reported('character_set_client', charset ?? '');
    this.#settings.database(database ?? null);
  }
}
