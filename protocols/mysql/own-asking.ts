// What the gateway itself asks of a session between the client's commands, one after the other, and what it learns from it.

import { Fault } from '../../src/core/errors.ts';
import { readTextRow, type Row } from './own-query.ts';
import type { ReplyEnd } from './reply-sink.ts';
import type { Settings } from './settings.ts';

/** ER_QUERY_INTERRUPTED */
const interrupted = 1317;
/** Tries of one query: each KILL interrupts at most one. */
const interruptionsMax = 5;

interface OwnQuery {
  readonly bytes: Buffer;
  /** Told its first row; null: it had none. */
  readonly heard: (row: Buffer | null) => void;
}

export class OwnAsking {
  readonly #settings: Settings;
  #waiting: OwnQuery[] = [];
  #row: Buffer | null = null;
  #current: OwnQuery | null = null;
  #interruptions = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Queries from own-texts.ts, to be asked before the client's next command. */
  add(...queries: readonly Buffer[]): void {
    this.#waiting.push(...queries.map((bytes) => ({ bytes, heard: this.#probed })));
  }

  /** The same for a query whose only row is somebody else's to read; cells are null where there is none. */
  addFor(bytes: Buffer, columns: number, then: (cells: Row) => void): void {
    this.#waiting.push({ bytes, heard: (row) => then(row === null ? Array<null>(columns).fill(null) : readTextRow(row, columns)) });
  }

  next(): Buffer | undefined {
    this.#row = null;
    this.#current = this.#waiting.shift() ?? null;
    return this.#current?.bytes;
  }

  row(payload: Buffer): void {
    this.#row ??= Buffer.from(payload);
  }

  /** The query ended. Throws Fault target-lost: nothing can be judged without its answer. */
  ended(end: ReplyEnd): void {
    // A KILL QUERY that was meant for the client's statement, which had ended.
    if (end.error?.number === interrupted && this.#current !== null && ++this.#interruptions <= interruptionsMax) {
      this.#waiting.unshift(this.#current);
      return;
    }
    this.#interruptions = 0;
    if (end.error !== null) throw new Fault('target-lost', `a query of the gateway failed: ${end.error.message}`);
    this.#current?.heard(this.#row);
  }

  /** Of the queries without a reader only the probe has rows. */
  readonly #probed = (row: Buffer | null): void => {
    if (row === null) return;
    const [sqlMode, charset, database] = readTextRow(row, 3);
    this.#settings.reported('sql_mode', sqlMode ?? '');
    this.#settings.reported('character_set_client', charset ?? '');
    this.#settings.database(database ?? null);
  };
}
