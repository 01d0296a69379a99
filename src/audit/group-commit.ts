// Waits for the disk, many at a time: everybody who asks while a sync runs shares the next one. It owns the file descriptor,
// because a descriptor that is closed under a running sync may already be another file.

import { closeSync, fdatasync } from 'node:fs';
import { Fault, messageOf } from '../core/errors.ts';

interface Batch {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
}

export class GroupCommit {
  #fd: number;
  #next: Batch | null = null;
  #running: Promise<void> | null = null;
  #retired: number[] = [];
  #failed: Fault | null = null;
  readonly #onFailed: (fault: Fault) => void;

  /** `onFailed` is told once: what a failed sync has lost, a second one does not bring back, so nothing more is promised. */
  constructor(fd: number, onFailed: (fault: Fault) => void) {
    this.#fd = fd;
    this.#onFailed = onFailed;
  }

  get fd(): number {
    return this.#fd;
  }

  /** Resolves when everything written before the call is on disk. Rejects with Fault audit-write-failed. */
  onDisk(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    const { promise } = this.#next;
    if (this.#running === null) this.#sync();
    return promise;
  }

  /** Goes on with another file; the old one must be on disk already. */
  moveTo(fd: number): void {
    if (this.#running === null) closeSync(this.#fd);
    else this.#retired.push(this.#fd);
    this.#fd = fd;
  }

  async close(): Promise<void> {
    while (this.#running !== null) await this.#running;
    closeSync(this.#fd);
  }

  #sync(): void {
    const batch = this.#next;
    if (batch === null) return;
    this.#next = null;
    if (this.#failed !== null) {
      batch.reject(this.#failed);
      return;
    }
    this.#running = new Promise((done) => {
      fdatasync(this.#fd, (error) => {
        this.#running = null;
        for (const fd of this.#retired.splice(0)) closeSync(fd);
        if (error === null) batch.resolve();
        else batch.reject(this.#fail(error));
        this.#sync();
        done();
      });
    });
  }

  #fail(cause: unknown): Fault {
    if (this.#failed === null) {
      this.#failed = new Fault('audit-write-failed', `the audit log can't be brought to disk: ${messageOf(cause)}`, { cause });
      this.#onFailed(this.#failed);
    }
    return this.#failed;
  }
}
