// A connection of the gateway's own that asks several questions in one round trip and is good for more of them later: prepared
// once, each batch in a read-only transaction of its own. It knows nothing of catalogues, and never carries what a client asked.

import { parse, serialize } from 'pg-protocol';
import type { DataRowMessage, DatabaseError, RowDescriptionMessage } from 'pg-protocol/dist/messages.js';
import { Fault } from '../../src/core/errors.ts';
import { leaveTarget } from '../../src/core/farewell.ts';
import * as wire from './messages.ts';
import { rowOf, type Row } from './own-query.ts';
import type { Upstream } from './upstream.ts';

/** Nothing here waits for locks of others: with one, everybody's next statement would wait for it. */
const lockTimeoutMs = 2_000;
/** For this batch alone, so that nothing of it is left for the next one. It stands first: the locks of what follows are limited too. */
const limits = `select pg_catalog.set_config('lock_timeout', '${lockTimeoutMs}', true), pg_catalog.set_config('transaction_read_only', 'on', true), pg_catalog.pg_backend_pid() as process`;

interface Batch {
  /** Rows of each statement so far, `limits` first. */
  readonly results: Row[][];
  names: string[];
  failure: Fault | null;
  settle(): void;
}

export class OwnConnection {
  readonly #upstream: Upstream;
  /** Names at the server. With a part of their own: behind a pooler somebody else may have the server connection next. */
  readonly #prepared = new Map<string, string>();
  readonly #nonce: string;
  #batch: Batch | null = null;
  #isOpen = true;
  #isPooled = false;

  constructor(upstream: Upstream, nonce: string) {
    this.#upstream = upstream;
    this.#nonce = nonce;
    const { stream } = upstream;
    stream.on('error', () => undefined); // ends in 'close'
    stream.once('end', () => this.#lost()).once('close', () => this.#lost());
    void parse(stream, (message) => this.#message(message)).catch(() => undefined); // ends with the stream, which tells it by 'close'
  }

  /** False: nothing more can be asked over it. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** A pooler answers for the server: it named another process at the sign-in than the one that answered. */
  get isPooled(): boolean {
    return this.#isPooled;
  }

  /**
   * Rows of each text, in order. One call at a time. Throws Fault target-lost, with the server's own error as its cause where it has sent
   * one, and is over then; when `signal` aborts as well.
   */
  async ask(texts: readonly string[], signal: AbortSignal): Promise<Row[][]> {
    if (!this.#isOpen || this.#batch !== null) throw new Fault('target-lost', 'the connection for the catalogue can not be used');
    const late = () => this.#upstream.stream.destroy();
    signal.addEventListener('abort', late, { once: true });
    if (signal.aborted) late();
    const batch: Batch = { results: [], names: [], failure: null, settle: () => undefined };
    await new Promise<void>((resolve) => {
      batch.settle = resolve;
      this.#batch = batch;
      this.#upstream.stream.write(Buffer.concat([this.#messages('', limits), ...this.#texts(texts), wire.sync]));
    });
    signal.removeEventListener('abort', late);
    this.#batch = null;
    if (signal.aborted) throw new Fault('target-lost', 'the catalogue could not be read in time');
    if (batch.failure !== null) throw batch.failure;
    this.#isPooled ||= batch.results[0]?.[0]?.['process'] !== String(this.#upstream.processId);
    return batch.results.slice(1);
  }

  close(): void {
    this.#isOpen = false;
    leaveTarget(this.#upstream.stream, wire.terminate);
  }

  #texts(texts: readonly string[]): Buffer[] {
    return texts.map((text) => {
      const known = this.#prepared.get(text);
      if (known !== undefined) return this.#run(known);
      const name = `sallyport_${this.#nonce}_${this.#prepared.size}`;
      this.#prepared.set(text, name);
      return this.#messages(name, text);
    });
  }

  #messages(name: string, text: string): Buffer {
    return Buffer.concat([serialize.parse({ name, text }), this.#run(name)]);
  }

  #run(name: string): Buffer {
    return Buffer.concat([serialize.bind({ statement: name }), serialize.describe({ type: 'P', name: '' }), serialize.execute()]);
  }

  #message(message: { readonly name: string }): void {
    const batch = this.#batch;
    if (batch === null) return; // a notice or a setting that was changed for everybody
    switch (message.name) {
      case 'rowDescription':
        batch.names = (message as RowDescriptionMessage).fields.map((field) => field.name);
        batch.results.push([]);
        return;
      case 'dataRow':
        batch.results.at(-1)?.push(rowOf(batch.names, message as DataRowMessage));
        return;
      case 'error':
        this.#isOpen = false; // what was prepared by it, or behind it, is not known any more
        batch.failure = new Fault('target-lost', `the catalogue query failed: ${(message as unknown as DatabaseError).message}`, {
          cause: message,
        });
        return;
      case 'readyForQuery':
        return batch.settle();
      default:
        return;
    }
  }

  #lost(): void {
    this.#isOpen = false;
    this.#upstream.stream.destroy();
    const batch = this.#batch;
    if (batch === null) return;
    batch.failure ??= new Fault('target-lost', 'the target closed the connection while its catalogue was read');
    batch.settle();
  }
}
