// Texts that take too long for the main thread: classified one at a time in a worker, which is ended when it overruns.

import { Worker } from 'node:worker_threads';
import type { Catalogue, ReadingMode } from '../../../src/core/action.ts';
import type { Classification } from '../../../src/core/classification.ts';
import { messageOf } from '../../../src/core/errors.ts';
import { notUnderstood } from '../../../src/core/summary.ts';

/** A worker starts in about 80 ms; on a machine under load it gets this long before the text's own time begins. */
const startMsMax = 10_000;

/** Texts that may wait for the worker; more are not understood. */
const waitingMax = 32;

export interface WorkRequest {
  readonly id: number;
  readonly text: string;
  readonly settings: ReadingMode['settings'];
  /** Undefined: the same as last time. */
  readonly catalogue: Catalogue | null | undefined;
}

export type WorkAnswer =
  { readonly kind: 'started' } | { readonly kind: 'classified'; readonly id: number; readonly classification: Classification };

interface Job {
  readonly id: number;
  readonly text: string;
  readonly mode: ReadingMode;
  readonly done: (classification: Classification) => void;
}

export class LargeTexts {
  readonly #deadlineMs: number;
  readonly #startWorker: () => Worker;
  readonly #waiting: Job[] = [];
  #worker: Worker | null = null;
  #isStarted = false;
  #running: Job | null = null;
  #deadline: NodeJS.Timeout | null = null;
  #lastId = 0;
  /** The catalogue that the worker has; not sent again while it is the same. */
  #sent: Catalogue | null | undefined = undefined;
  #closed = false;

  constructor(deadlineMs: number, startWorker = started) {
    this.#deadlineMs = deadlineMs;
    this.#startWorker = startWorker;
  }

  /** Never rejects. What nobody waits for any more (`signal`) leaves the queue; the worker ends the text that it is at. */
  classify(text: string, mode: ReadingMode, signal?: AbortSignal): Promise<Classification> {
    if (this.#closed) return Promise.resolve(notUnderstood('parser-gave-up', 'the classifier is closed'));
    if (this.#waiting.length >= waitingMax)
      return Promise.resolve(notUnderstood('parser-gave-up', 'too many large texts wait to be classified'));
    return new Promise((done) => {
      this.#lastId += 1;
      const job = { id: this.#lastId, text, mode, done };
      this.#waiting.push(job);
      signal?.addEventListener('abort', () => this.#leave(job), { once: true });
      this.#next();
    });
  }

  #leave(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    job.done(notUnderstood('parser-gave-up', 'nobody waits for it any more'));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.done(notUnderstood('parser-gave-up', 'the classifier was closed'));
    await this.#end('the classifier was closed');
  }

  #next(): void {
    if (this.#running !== null || this.#closed) return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#running = job;
    try {
      this.#send(job);
    } catch (thrown) {
      void this.#end(`the parser could not be started: ${messageOf(thrown)}`); // no thread is to be had: the next text tries again
    }
  }

  #send(job: Job): void {
    const worker = this.#started();
    worker.ref();
    this.#setDeadline(this.#isStarted ? this.#deadlineMs : startMsMax);
    const { catalogue, settings } = job.mode;
    const request: WorkRequest = { id: job.id, text: job.text, settings, catalogue: catalogue === this.#sent ? undefined : catalogue };
    this.#sent = catalogue;
    worker.postMessage(request);
  }

  #started(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = this.#startWorker();
    this.#sent = undefined;
    worker.on('message', (answer: WorkAnswer) => this.#worker === worker && this.#heard(answer));
    worker.on('error', () => void (this.#worker === worker && this.#end('the parser gave up')));
    worker.on('exit', () => void (this.#worker === worker && this.#end('the parser gave up')));
    worker.unref();
    this.#worker = worker;
    this.#isStarted = false;
    return worker;
  }

  #heard(answer: WorkAnswer): void {
    switch (answer.kind) {
      case 'started':
        this.#isStarted = true;
        if (this.#running !== null) this.#setDeadline(this.#deadlineMs);
        return;
      case 'classified':
        if (this.#running?.id === answer.id) this.#finish(answer.classification);
    }
  }

  #setDeadline(delayMs: number): void {
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => void this.#end(`the text took longer than ${delayMs} ms`), delayMs);
  }

  #finish(classification: Classification): void {
    const job = this.#running;
    this.#running = null;
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    this.#deadline = null;
    this.#worker?.unref();
    job?.done(classification);
    this.#next();
  }

  /** Ends the worker; the text it was at is not understood. A new worker is started for the next one. */
  async #end(why: string): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (this.#running !== null) this.#finish(notUnderstood('parser-gave-up', why));
    await worker?.terminate();
  }
}

function started(): Worker {
  return new Worker(new URL('./large-text-worker.ts', import.meta.url), { execArgv: [] });
}
