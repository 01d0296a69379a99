// The audit log that gates and holds write to: chains events, hands them to the kernel (or the disk) and signs checkpoints.
// appendInTurn() is on the way of every statement: one hash each, one write for all that a turn of the event loop brought. Chain
// order is the order of calls; what appendSoon() buffered goes out with the next write. After a write that failed the file is
// cut back to its last whole event and the chain with it, so a refused event is not in the log; when that fails too, the log
// takes nothing more.

import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import type { AuditEvent, AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { AuditEventView, Page } from '../api/contract.ts';
import type { Head } from './chain.ts';
import { checkpointEvents, checkpointIntervalMs, writeCheckpoint } from './checkpoints.ts';
import { GroupCommit } from './group-commit.ts';
import { lockFolder } from './lock.ts';
import { AuditSearch, type AuditQuery } from './search.ts';
import { segmentBytesMax, segmentOf } from './segments.ts';
import { openTail, type Tail } from './tail.ts';
import { WaitingLines } from './waiting-lines.ts';
import { tell, Turn, type Answer, type Told } from './turn.ts';
import type { Verification } from './verify.ts';

/** The longest that a buffered event waits for its write. */
export const soonMs = 100;
/** More buffered bytes than these are written at once. */
const soonBytesMax = 256 * 1024;
/** Buffered bytes while the disk refuses; beyond them the log gives up, because an event can't be left out of a chain. */
const waitingBytesMax = 32 * 1024 * 1024;
const retryMs = 1000;
/** A failure that lasts so long is told to `onFailed`. */
export const failedAfterMs = 5000;

export type Durability = 'kernel' | 'fsync';

export interface AuditLogOptions {
  readonly dir: string;
  readonly durability: Durability;
  readonly clock: Clock;
  /** Told once for each lasting failure: buffered events can't be written, or the log is broken for good. */
  readonly onFailed: (fault: Fault) => void;
  /** For tests; segmentBytesMax otherwise. */
  readonly segmentBytes?: number;
  /** For tests, which let it fail; writeSync otherwise. */
  readonly write?: (fd: number, bytes: Buffer, offset: number) => number;
}

export interface OpenedAuditLog extends AuditLog {
  readonly logId: string;
  /** The last event chained; it may still be buffered. */
  head(): Head;
  /** Newest first, with a cursor. Includes everything appended before the call. */
  search(query: AuditQuery): Promise<Page<AuditEventView>>;
  /** Events after number `seq`, oldest first, for followers. */
  since(seq: number, limit?: number): Promise<AuditEventView[]>;
  /** Verifies every file of the log, off the main thread. */
  verify(): Promise<Verification>;
  /** Writes what is buffered now. Throws Fault audit-write-failed. */
  flush(): void;
  /** Writes, signs a last checkpoint and closes; idempotent. Later appends throw. */
  close(): Promise<void>;
}

/** Opens the log in a folder, or begins one. Throws Fault audit-chain-broken or conflict. */
export async function openAuditLog(options: AuditLogOptions): Promise<OpenedAuditLog> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 });
  const unlock = lockFolder(options.dir);
  try {
    const tail = await openTail(options.dir, options.clock.nowMs());
    const log = new ChainedLog(options, tail, unlock);
    if (!tail.closedCleanly) {
      const detail = { torn_bytes: tail.tornBytes, last_event: tail.head.seq, last_checkpoint: tail.checkpointSeq };
      await log.append(ownEvent('gateway.recovered', options.clock.nowMs(), detail));
    }
    return log;
  } catch (thrown) {
    unlock();
    throw thrown;
  }
}

function ownEvent(type: AuditEvent['type'], atMs: number, detail: Record<string, unknown>): AuditEvent {
  return { type, atMs, principal: null, target: null, sessionId: null, actionId: null, holdId: null, detail };
}

/** A place in the chain to go back to: its head there, and how much waited. */
interface Mark {
  readonly head: Head;
  readonly lengthBytes: number;
}

class ChainedLog implements OpenedAuditLog {
  readonly logId: string;
  readonly #options: AuditLogOptions;
  readonly #key: Tail['key'];
  readonly #unlock: () => void;
  readonly #search: AuditSearch;
  readonly #checkpointTimer: NodeJS.Timeout;
  readonly #file: GroupCommit;
  #segmentBytes: number;
  /** The last event chained, and the last one that is in the file. */
  #head: Head;
  #written: Head;
  readonly #waiting = new WaitingLines();
  readonly #turn = new Turn(() => this.#endTurn());
  /** Before the first event of the turn. */
  #beforeTurn: Mark;
  #waitingTimer: NodeJS.Timeout | null = null;
  #failingSinceMs: number | null = null;
  #failureTold = false;
  #broken: Fault | null = null;
  #closed: Promise<void> | null = null;
  #checkpointSeq: number;
  #checkpointing: Promise<void> | null = null;

  constructor(options: AuditLogOptions, tail: Tail, unlock: () => void) {
    this.#options = options;
    this.logId = tail.logId;
    this.#key = tail.key;
    this.#unlock = unlock;
    this.#segmentBytes = tail.segmentBytes;
    this.#head = tail.head;
    this.#written = tail.head;
    this.#beforeTurn = this.#mark();
    this.#checkpointSeq = tail.checkpointSeq;
    this.#file = new GroupCommit(openSync(tail.segment.path, 'a', 0o600), (fault) => this.#break(fault));
    this.#search = new AuditSearch(options.dir);
    this.#checkpointTimer = setInterval(() => void this.#checkpoint(), checkpointIntervalMs);
    this.#checkpointTimer.unref();
  }

  head(): Head {
    return this.#head;
  }

  append(event: AuditEvent): Promise<void> | undefined {
    this.#assertUsable();
    const before = this.#mark();
    try {
      this.#chain(event);
      this.#write();
    } catch (cause) {
      this.#backTo(before);
      this.#refuseTurn(cause);
      throw writeFailed(cause);
    }
    this.#allWritten();
    return this.#options.durability === 'fsync' ? this.#file.onDisk() : undefined;
  }

  appendInTurn(event: AuditEvent, then: Told): void {
    if (this.#turn.takes()) this.#gather(event, then);
    else this.#appendAtOnce(event, then);
  }

  appendSoon(event: AuditEvent): void {
    if (this.#broken !== null) return; // told to onFailed already; the caller has something to finish
    this.#chainAlways(event);
    const { lengthBytes } = this.#waiting;
    if (lengthBytes > waitingBytesMax) this.#break(new Fault('audit-write-failed', 'too many audit events wait for the disk'));
    else if (lengthBytes > soonBytesMax && this.#failingSinceMs === null) this.#flushWaiting();
    else if (this.#waitingTimer === null) this.#waitingTimer = setTimeout(() => this.#flushWaiting(), soonMs);
  }

  flush(): void {
    try {
      this.#assertUsable();
      if (this.#waiting.lengthBytes === 0) return;
      this.#write();
    } catch (cause) {
      this.#refuseTurn(cause);
      throw writeFailed(cause);
    }
    this.#allWritten();
  }

  async search(query: AuditQuery): Promise<Page<AuditEventView>> {
    this.#flushQuietly();
    return this.#search.query(query, this.#written.seq);
  }

  async since(seq: number, limit = 100): Promise<AuditEventView[]> {
    this.#flushQuietly();
    return this.#search.since(seq, limit, this.#written.seq);
  }

  async verify(): Promise<Verification> {
    this.#flushQuietly();
    return this.#search.verify();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#checkpointTimer);
    this.#flushQuietly();
    this.#endTurn();
    if (this.#waitingTimer !== null) clearTimeout(this.#waitingTimer);
    await this.#checkpointing;
    await this.#checkpoint();
    this.#broken ??= new Fault('audit-write-failed', 'the audit log is closed');
    await this.#search.close();
    await this.#file.close();
    this.#unlock();
  }

  #assertUsable(): void {
    if (this.#broken !== null) throw this.#broken;
  }

  #mark(): Mark {
    return { head: this.#head, lengthBytes: this.#waiting.lengthBytes };
  }

  #backTo({ head, lengthBytes }: Mark): void {
    this.#head = head;
    this.#waiting.cutBack(lengthBytes);
  }

  #chain(event: AuditEvent): void {
    const seq = this.#head.seq + 1;
    this.#head = { seq, hash: this.#waiting.add(seq, this.#head.hash, event) };
  }

  /** An event whose detail can't be written as JSON is still noted, without it. */
  #chainAlways(event: AuditEvent): void {
    let noted = event;
    try {
      this.#chain(event);
    } catch (thrown) {
      noted = { ...event, detail: { detail_unwritable: messageOf(thrown) } };
      this.#chain(noted);
    }
    if (this.#turn.isOpen) this.#turn.add(noted, null);
  }

  #appendAtOnce(event: AuditEvent, then: Told): void {
    let onDisk: Promise<void> | undefined;
    try {
      onDisk = this.append(event);
    } catch (thrown) {
      then(writeFailed(thrown));
      return;
    }
    if (onDisk === undefined) then(null);
    else this.#tellOnDisk([{ then, failed: null }], onDisk);
  }

  #gather(event: AuditEvent, then: Told): void {
    try {
      this.#assertUsable();
      if (!this.#turn.isOpen) this.#beforeTurn = this.#mark();
      this.#chain(event);
      this.#turn.add(event, then);
    } catch (cause) {
      this.#turn.answer(then, writeFailed(cause));
      return;
    }
    if (this.#waiting.lengthBytes > soonBytesMax) this.#flushTurn();
  }

  #endTurn(): void {
    if (this.#turn.isOpen) this.#flushTurn();
    const answers = this.#turn.takeAnswers();
    const isWritten = answers.some(({ failed }) => failed === null);
    if (this.#options.durability === 'kernel' || !isWritten) tell(answers);
    else this.#tellOnDisk(answers, this.#file.onDisk());
  }

  /** The answer of a flush that fails is the answer to the turn's releases. */
  #flushTurn(): void {
    try {
      this.flush();
    } catch {
      // They hear it at the turn's end.
    }
  }

  #tellOnDisk(answers: readonly Answer[], onDisk: Promise<void>): void {
    void onDisk.then(
      () => tell(answers),
      (thrown: unknown) => tell(answers.map(({ then, failed }) => ({ then, failed: failed ?? writeFailed(thrown) }))),
    );
  }

  /** The releases of the turn can't be written: they leave the chain, and what only waits for its write is chained without them. */
  #refuseTurn(cause: unknown): void {
    if (!this.#turn.isOpen) return;
    this.#backTo(this.#beforeTurn);
    for (const event of this.#turn.settle(writeFailed(cause))) this.#chainAlways(event);
  }

  /** Writes what waits, the lines that follow #written up to #head, all or none. */
  #write(): void {
    if (this.#segmentBytes >= (this.#options.segmentBytes ?? segmentBytesMax)) this.#rotate();
    const { bytes } = this.#waiting;
    const write = this.#options.write ?? writeSync;
    try {
      for (let done = 0; done < bytes.length;) done += write(this.#file.fd, bytes, done);
    } catch (thrown) {
      this.#cutBack(thrown);
      throw thrown;
    }
    this.#segmentBytes += bytes.length;
    this.#written = this.#head;
  }

  /** A part of the lines may be in the file (disk full): they are taken out again, or the log is broken. */
  #cutBack(cause: unknown): void {
    try {
      ftruncateSync(this.#file.fd, this.#segmentBytes);
    } catch {
      this.#break(writeFailed(cause));
    }
  }

  #rotate(): void {
    fdatasyncSync(this.#file.fd); // so that a checkpoint has to sync the newest file only
    const segment = segmentOf(this.#options.dir, this.#written.seq + 1);
    const fd = openSync(segment.path, 'a', 0o600);
    syncFolder(this.#options.dir);
    this.#file.moveTo(fd);
    this.#segmentBytes = 0;
  }

  /** The timer runs on: starting and clearing one for every statement costs more than a turn of it that finds nothing. */
  #allWritten(): void {
    this.#waiting.clear();
    if (this.#turn.isOpen) this.#turn.settle(null);
    if (this.#written.seq - this.#checkpointSeq >= checkpointEvents) void this.#checkpoint();
    if (this.#failingSinceMs === null) return;
    this.#failingSinceMs = null;
    this.#failureTold = false;
    // The next try was further away than a buffered event may wait.
    if (this.#waitingTimer !== null) clearTimeout(this.#waitingTimer);
    this.#waitingTimer = null;
  }

  /** For readers: what can't be written now is simply not seen by them yet. */
  #flushQuietly(): void {
    if (this.#broken === null && this.#waiting.lengthBytes > 0) this.#flushWaiting();
  }

  #flushWaiting(): void {
    if (this.#waitingTimer !== null) clearTimeout(this.#waitingTimer);
    this.#waitingTimer = null;
    if (this.#broken !== null) return;
    try {
      this.flush();
    } catch (thrown) {
      const fault = writeFailed(thrown);
      const nowMs = this.#options.clock.monotonicMs();
      this.#failingSinceMs ??= nowMs;
      if (nowMs - this.#failingSinceMs >= failedAfterMs && !this.#failureTold) {
        this.#failureTold = true;
        this.#options.onFailed(fault);
      }
      this.#waitingTimer = setTimeout(() => this.#flushWaiting(), retryMs);
    }
  }

  #break(fault: Fault): void {
    if (this.#broken !== null) return;
    this.#broken = fault;
    this.#options.onFailed(fault);
  }

  /** Signs the last event written, once it is on disk. A checkpoint that can't be written is tried again at the next turn. */
  #checkpoint(): Promise<void> {
    this.#checkpointing ??= this.#signHead().finally(() => {
      this.#checkpointing = null;
    });
    return this.#checkpointing;
  }

  async #signHead(): Promise<void> {
    if (this.#broken !== null || this.#written.seq === this.#checkpointSeq) return;
    const head = this.#written;
    try {
      await this.#file.onDisk();
      await writeCheckpoint(this.#options.dir, this.#key, { logId: this.logId, ...head, atMs: this.#options.clock.nowMs() });
      this.#checkpointSeq = head.seq;
    } catch (thrown) {
      // A failed sync has broken the log and was told. A full disk shows itself in the events' own writes.
      if (this.#broken === null) this.#options.onFailed(new Fault('audit-write-failed', `checkpoint: ${messageOf(thrown)}`));
    }
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

function writeFailed(cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  return new Fault('audit-write-failed', `the audit log can't be written: ${messageOf(cause)}`, { cause });
}
