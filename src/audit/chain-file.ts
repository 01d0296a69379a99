// The end of the chain as a file: what waits is chained behind the last event and written in one go, all or none. After a write that
// failed the file is cut back to its last whole event, so a refused event is not in the log and takes no number; when that fails
// too, the log is broken and takes nothing more. With a shared chain, other threads do the same to the same file, one at a time.

import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { Clock } from '../core/clock.ts';
import { Fault, messageWithoutPath } from '../core/errors.ts';
import type { ChainEnd, Head } from './chain.ts';
import { GroupCommit } from './group-commit.ts';
import { noHash } from './line.ts';
import { segmentBytesMax, segmentOf } from './segments.ts';
import { SharedChain } from './shared-chain.ts';
import type { WaitingLines } from './waiting-lines.ts';

export interface ChainFileOptions {
  readonly dir: string;
  /** For tests; segmentBytesMax otherwise. */
  readonly segmentBytes?: number;
  /** For tests, which let it fail; writeSync otherwise. */
  readonly write?: (fd: number, bytes: Buffer, offset: number) => number;
}

export class ChainFile {
  readonly #dir: string;
  readonly #segmentBytesMax: number;
  readonly #write: (fd: number, bytes: Buffer, offset: number) => number;
  readonly #onBroken: (fault: Fault) => void;
  /** With a shared chain, what this thread knows of it: right while it has the lock. */
  readonly #end: ChainEnd;
  #shared: SharedChain | null;
  readonly #file: GroupCommit;
  /** The segment that #file is. */
  #segment: number;
  #broken: Fault | null = null;

  /** Goes on behind `end`, or with a chain that other threads write. `onBroken` is told once. */
  constructor(options: ChainFileOptions, at: ChainEnd | SharedChain, onBroken: (fault: Fault) => void) {
    this.#dir = options.dir;
    this.#segmentBytesMax = options.segmentBytes ?? segmentBytesMax;
    this.#write = options.write ?? writeSync;
    this.#onBroken = onBroken;
    this.#shared = at instanceof SharedChain ? at : null;
    this.#end = at instanceof SharedChain ? loaded(at) : at;
    this.#segment = this.#end.segment;
    this.#file = new GroupCommit(this.#open(this.#segment), (fault) => this.break(fault));
  }

  /** The last event in the file; what is synced from now on has it. Throws Fault audit-write-failed. */
  head(): Head {
    if (this.#shared !== null) {
      this.#lock(this.#shared);
      this.#shared.unlock();
    }
    return { seq: this.#end.seq, hash: Buffer.from(this.#end.hash).toString('latin1') };
  }

  /** Of the last event in the file. */
  get seq(): number {
    return this.#shared?.seq ?? this.#end.seq;
  }

  /** Why the log takes nothing more, or null. With a shared chain: as far as this thread knows. */
  get broken(): Fault | null {
    return this.#broken;
  }

  break(fault: Fault): void {
    if (this.#broken !== null) return;
    this.#broken = fault;
    this.#shared?.end('broken');
    this.#onBroken(fault);
  }

  /** From now on other threads may write as well. */
  share(clock: Clock): SharedChain {
    this.#shared ??= SharedChain.begin(this.#end, clock);
    return this.#shared;
  }

  /** False when it takes nothing more: this thread or another has broken it. */
  isUsable(): boolean {
    if (this.#broken === null && this.#shared?.state === 'broken') this.break(writeFailed(new Error('another thread has given up on it')));
    return this.#broken === null;
  }

  /** Chains and writes what waits, all or none; what waits is not cleared. Throws Fault audit-write-failed. */
  write(waiting: WaitingLines): void {
    if (this.#broken !== null) throw this.#broken;
    const shared = this.#shared;
    try {
      if (shared === null) this.#append(waiting);
      else this.#appendInTurn(waiting, shared);
    } catch (cause) {
      throw writeFailed(cause);
    }
  }

  /** Resolves when everything written before the call is on disk. Rejects with Fault audit-write-failed. */
  onDisk(): Promise<void> {
    return this.#file.onDisk();
  }

  /** Other threads write no more. */
  endShared(): void {
    this.#shared?.end('closed');
  }

  /** Later writes of this thread throw. */
  async close(): Promise<void> {
    this.#broken ??= closed();
    await this.#file.close();
  }

  /**
   * For the main thread, about a thread that joined and is no more: when it died while it wrote, what it wrote without saying so is
   * cut off, and others go on.
   */
  releaseDead(thread: number): void {
    const shared = this.#shared;
    if (shared === null || !shared.takeFromDead(thread)) return;
    try {
      shared.load(this.#end);
      this.#follow();
      this.#cutUnaccounted();
    } catch (cause) {
      this.break(writeFailed(cause));
    } finally {
      shared.unlock();
    }
  }

  #appendInTurn(waiting: WaitingLines, shared: SharedChain): void {
    this.#lock(shared);
    try {
      if (!this.isUsable()) throw this.#broken;
      if (shared.state === 'closed') throw closed();
      this.#append(waiting);
      shared.store(this.#end);
    } finally {
      shared.unlock();
    }
  }

  /** Takes the lock, and knows the end of the chain then. */
  #lock(shared: SharedChain): void {
    shared.lock();
    try {
      shared.load(this.#end);
      this.#follow();
    } catch (thrown) {
      shared.unlock();
      throw thrown;
    }
  }

  /** Another thread may have begun a segment: the one before is on disk then. */
  #follow(): void {
    if (this.#segment === this.#end.segment) return;
    this.#file.moveTo(this.#open(this.#end.segment));
    this.#segment = this.#end.segment;
  }

  #append(waiting: WaitingLines): void {
    const end = this.#end;
    if (end.segmentBytes >= this.#segmentBytesMax) this.#rotate();
    const lines = waiting.chain(end.seq, end.hash);
    this.#put(lines);
    end.seq += waiting.count;
    end.hash.set(waiting.hash);
    end.segmentBytes += lines.length;
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
    try {
      syncFolder(this.#dir);
    } catch (thrown) {
      closeSync(fd);
      throw thrown;
    }
    this.#file.moveTo(fd);
    this.#segment = segment;
    this.#end.segment = segment;
    this.#end.segmentBytes = 0;
    this.#shared?.store(this.#end); // before a byte is in it
  }

  /** Lines, or a part of one, of a write that never came to its end. A segment that was begun for it and is not the newest yet is empty. */
  #cutUnaccounted(): void {
    const { seq, hash, segment, segmentBytes } = this.#end;
    const { path } = segmentOf(this.#dir, segment);
    if (!endsWith(path, segmentBytes, hash)) throw new Error(`${path} does not end with event ${seq}`);
    ftruncateSync(this.#file.fd, segmentBytes);
  }

  #open(segment: number): number {
    return openSync(segmentOf(this.#dir, segment).path, 'a', 0o600);
  }
}

function closed(): Fault {
  return new Fault('audit-write-failed', 'the audit log is closed');
}

function loaded(chain: SharedChain): ChainEnd {
  const end = { seq: 0, hash: new Uint8Array(noHash.length), segment: 0, segmentBytes: 0 };
  chain.lock();
  chain.load(end);
  chain.unlock();
  return end;
}

/** True when a line with that hash ends at that byte, or when the segment begins there. */
function endsWith(path: string, lengthBytes: number, hash: Uint8Array): boolean {
  if (lengthBytes === 0) return true;
  const end = Buffer.concat([hash, Buffer.from('"}\n')]);
  const found = Buffer.alloc(end.length);
  const fd = openSync(path, 'r');
  try {
    if (fstatSync(fd).size < lengthBytes) return false;
    readSync(fd, found, 0, found.length, lengthBytes - found.length);
  } finally {
    closeSync(fd);
  }
  return found.equals(end);
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
  return new Fault('audit-write-failed', `the audit log can't be written: ${messageWithoutPath(cause)}`, { cause });
}
