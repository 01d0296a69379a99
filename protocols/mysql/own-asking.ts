// What the gateway itself asks of a session between the client's commands, one after the other, and what it learns from it.

import { Fault } from '../../src/core/errors.ts';
import { readTextRow } from './own-query.ts';
import type { ReplyEnd } from './replies.ts';
import type { Settings } from './settings.ts';

export class OwnAsking {
  readonly #settings: Settings;
  #waiting: Buffer[] = [];
  #row: Buffer | null = null;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Queries from own-texts.ts, to be asked before the client's next command. */
  add(...queries: readonly Buffer[]): void {
    this.#waiting.push(...queries);
  }

  next(): Buffer | undefined {
    this.#row = null;
    return this.#waiting.shift();
  }

  row(payload: Buffer): void {
    this.#row ??= Buffer.from(payload);
  }

  /** The query ended; a row is the probe's. Throws Fault target-lost: nothing can be judged without its answer. */
  ended(end: ReplyEnd): void {
    if (end.error !== null) throw new Fault('target-lost', `a query of the gateway failed: ${end.error.message}`);
    if (this.#row === null) return;
    const [sqlMode, charset, database] = readTextRow(this.#row, 3);
    this.#settings.reported('sql_mode', sqlMode ?? '');
    this.#settings.reported('character_set_client', charset ?? '');
    this.#settings.database(database ?? null);
  }
}
