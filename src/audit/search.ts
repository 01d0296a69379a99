// Searching the log: a worker thread keeps an SQLite index beside the segments and answers queries, so that neither costs the
// statements' thread anything. The index only says where an event stands; what is shown is read from the log itself.

import { Worker } from 'node:worker_threads';
import type { AuditEventView, Page } from '../api/contract.ts';
import type { AuditEventType } from '../core/audit.ts';
import type { AuditQuery } from '../core/audit-query.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { EndOfHold } from './ends-of-holds.ts';
import type { AuditLine } from './line.ts';
import type { SearchAnswer, SearchRequest, SearchWorkerData } from './search-messages.ts';
import type { LostEnds } from './unfinished.ts';
import type { Verification } from './verify.ts';

/** The index is begun this long after opening at the latest, so that short-lived users of a log don't pay for a thread. */
const indexAfterMs = 2000;

type RequestBody = SearchRequest extends infer Each ? (Each extends { id: number } ? Omit<Each, 'id'> : never) : never;

export class AuditSearch {
  readonly #dir: string;
  readonly #startWorker: (data: SearchWorkerData) => Worker;
  readonly #timer: NodeJS.Timeout;
  #memory: SharedArrayBuffer | null = null;
  readonly #asked = new Map<number, { resolve: (value: unknown) => void; reject: (fault: Fault) => void }>();
  #worker: Worker | null = null;
  #lastId = 0;
  #closed = false;

  constructor(dir: string, startWorker = started) {
    this.#dir = dir;
    this.#startWorker = startWorker;
    this.#timer = setTimeout(() => this.#startOr(() => undefined), indexAfterMs); // the next question tries again
    this.#timer.unref();
  }

  /** From now on several threads write: nothing is read behind the end of that chain. */
  share(memory: SharedArrayBuffer): void {
    this.#memory = memory;
    if (this.#worker !== null) void this.#ask<null>({ kind: 'share', memory }).catch(() => null); // a new one is told at its start
  }

  /** A page, newest first, of a log whose last written event is `headSeq`. Throws Fault invalid-request, limit-reached, store-failed. */
  query(query: AuditQuery, headSeq: number): Promise<Page<AuditEventView>> {
    return this.#ask<Page<AuditEventView>>({ kind: 'query', query, headSeq });
  }

  since(seq: number, limit: number, headSeq: number): Promise<AuditEventView[]> {
    return this.#ask<AuditEventView[]>({ kind: 'since', seq, limit, headSeq });
  }

  /** Of sessions that were killed. */
  lostEnds(sessions: readonly string[]): Promise<LostEnds> {
    return this.#ask<LostEnds>({ kind: 'lost-ends', sessions });
  }

  /** What the log says became of holds, newest first. Throws Fault as query() does. */
  endsOfHolds(holds: readonly string[], headSeq: number): Promise<EndOfHold[]> {
    return this.#ask<EndOfHold[]>({ kind: 'ends-of-holds', holds, headSeq });
  }

  newest(types: readonly AuditEventType[], fromMs: number, containing: string): Promise<AuditLine[]> {
    return this.#ask<AuditLine[]>({ kind: 'newest', types, fromMs, containing });
  }

  verify(): Promise<Verification> {
    return this.#ask<Verification>({ kind: 'verify' });
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (worker === null) return;
    await this.#ask<null>({ kind: 'close' }).catch(() => null);
    await worker.terminate();
  }

  #ask<T>(body: RequestBody): Promise<T> {
    if (this.#closed && body.kind !== 'close') return Promise.reject(new Fault('store-failed', 'the audit log is closed'));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const worker = this.#startOr(reject);
    if (worker === undefined) return promise;
    const id = (this.#lastId += 1);
    this.#asked.set(id, { resolve: resolve as (value: unknown) => void, reject });
    worker.ref();
    worker.postMessage({ ...body, id } as SearchRequest);
    return promise;
  }

  /** No thread may be to be had: the limit of the user, of the container. */
  #startOr(failed: (fault: Fault) => void): Worker | undefined {
    try {
      return this.#start();
    } catch (thrown) {
      failed(new Fault('store-failed', `the audit search could not be started: ${messageOf(thrown)}`));
      return undefined;
    }
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = this.#startWorker({ dir: this.#dir, memory: this.#memory });
    worker.unref();
    worker.on('message', (answer: SearchAnswer) => this.#answered(answer));
    worker.on('error', (error) => this.#lost(worker, error.message));
    worker.on('exit', () => this.#lost(worker, 'it ended'));
    this.#worker = worker;
    return worker;
  }

  #answered(answer: SearchAnswer): void {
    const asked = this.#asked.get(answer.id);
    if (asked === undefined) return;
    this.#asked.delete(answer.id);
    if (this.#asked.size === 0) this.#worker?.unref();
    if (answer.ok) asked.resolve(answer.value);
    else asked.reject(new Fault(answer.code, answer.message));
  }

  /** A worker that dies takes its questions with it; the next question starts another. */
  #lost(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const { reject } of this.#asked.values()) reject(new Fault('store-failed', `the audit search stopped: ${why}`));
    this.#asked.clear();
  }
}

function started(workerData: SearchWorkerData): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Worker(new URL(`./search-worker.${extension}`, import.meta.url), { workerData });
}
