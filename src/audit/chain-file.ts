// The end of the chain as a file: what waits is chained behind the last event and written in one go, all or none. After a write that
// failed the file is cut back to its last whole event, so a refused event is not in the log and takes no number; when that fails
// too, the log is broken and takes nothing more. With a shared chain, other threads do the same to the same file, one at a time.

import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { Fault, messageOf } from '../core/errors.ts';
import type { Head } from './chain.ts';
import { GroupCommit } from './group-commit.ts';
import { segmentBytesMax, segmentOf } from './segments.ts';
import type { WaitingLines } from './waiting-lines.ts';

export interface ChainFileOptions {
  readonly dir: string;
  /** For tests; segmentBytesMax otherwise. */
  readonly segmentBytes?: number;
  /** For tests, which let it fail; writeSync otherwise. */
  readonly write?: (fd: number, bytes: Buffer, offset: number) => number;
}

/** Where the next event goes. */
export interface ChainEnd {
  /** The last event in the file, and its hash in hexadecimal digits. */
  seq: number;
  readonly hash: Uint8Array;
  /** The first event of the newest segment, and how long that is. */
  segment: number;
  segmentBytes: number;
}

export class ChainFile {
  readonly #dir: string;
  readonly #segmentBytesMax: number;
  readonly #write: (fd: number, bytes: Buffer, offset: number) => number;
  readonly #onBroken: (fault: Fault) => void;
  readonly #end: ChainEnd;
  readonly #file: GroupCommit;
  #broken: Fault | null = null;

  /** `onBroken` is told once. */
  constructor(options: ChainFileOptions, end: ChainEnd, onBroken: (fault: Fault) => void) {
    this.#dir = options.dir;
    this.#segmentBytesMax = options.segmentBytes ?? segmentBytesMax;
    this.#write = options.write ?? writeSync;
    this.#onBroken = onBroken;
    this.#end = end;
    this.#file = new GroupCommit(this.#open(end.segment), (fault) => this.break(fault));
  }

  /** The last event in the file. */
  head(): Head {
    return { seq: this.#end.seq, hash: Buffer.from(this.#end.hash).toString('latin1') };
  }

  get seq(): number {
    return this.#end.seq;
  }

  /** Why the log takes nothing more, or null. */
  get broken(): Fault | null {
    return this.#broken;
  }

  break(fault: Fault): void {
    if (this.#broken !== null) return;
    this.#broken = fault;
    this.#onBroken(fault);
  }

  /** Chains and writes what waits, all or none; what waits is not cleared. Throws Fault audit-write-failed. */
  write(waiting: WaitingLines): void {
    if (this.#broken !== null) throw this.#broken;
    const end = this.#end;
    try {
      if (end.segmentBytes >= this.#segmentBytesMax) this.#rotate();
      const lines = waiting.chain(end.seq, end.hash);
      this.#put(lines);
      end.seq += waiting.count;
      end.hash.set(waiting.hash);
      end.segmentBytes += lines.length;
    } catch (cause) {
      throw writeFailed(cause);
    }
  }

  /** Resolves when everything written before the call is on disk. Rejects with Fault audit-write-failed. */
  onDisk(): Promise<void> {
    return this.#file.onDisk();
  }

  /** Later writes throw. */
  async close(): Promise<void> {
    this.#broken ??= new Fault('audit-write-failed', 'the audit log is closed');
    await this.#file.close();
  }

  #put(lines: Buffer): void {
    try {
      for (let done = 0; done < lines.length;) done += this.#write(this.#file.fd, lines, done);
    } catch (thrown) {
      this.#cutBack(thrown);
      throw thrown;
    }
  }

  /** A part of the lines may be in the file (disk full): they are taken out again, or the log is broken. */
  #cutBack(cause: unknown): void {
    try {
      ftruncateSync(this.#file.fd, this.#end.segmentBytes);
    } catch {
      this.break(writeFailed(cause));
    }
  }

  #rotate(): void {
    fdatasyncSync(this.#file.fd); // so that a checkpoint has to sync the newest file only
    const segment = this.#end.seq + 1;
    const fd = this.#open(segment);
    syncFolder(this.#dir);
    this.#file.moveTo(fd);
    this.#end.segment = segment;
    this.#end.segmentBytes = 0;
  }

  #open(segment: number): number {
    return openSync(segmentOf(this.#dir, segment).path, 'a', 0o600);
  }
}

function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function writeFailed(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  return new Fault('audit-write-failed', `the audit log can't be written: ${messageOf(cause)}`, { cause });
}
