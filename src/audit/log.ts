// The audit log that the gateway writes to: opening it, signed checkpoints, search and verification. Appending is Appender's.

import { mkdirSync } from 'node:fs';
import { eventWithoutSession, type AuditEvent, type AuditEventType, type AuditLog } from '../core/audit.ts';
import type { AuditQuery } from '../core/audit-query.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { AuditEventView, Page } from '../api/contract.ts';
import { Appender, type AppenderOptions } from './appender.ts';
import type { Head } from './chain.ts';
import { checkpointEvents, checkpointIntervalMs, writeCheckpoint } from './checkpoints.ts';
import type { EndOfHold } from './ends-of-holds.ts';
import type { SharedAudit } from './joined.ts';
import type { AuditLine } from './line.ts';
import { lockFolder } from './lock.ts';
import { AuditSearch } from './search.ts';
import { segmentBytesMax } from './segments.ts';
import { openTail, type Tail } from './tail.ts';
import type { LostEnds } from './unfinished.ts';
import type { Verification } from './verify.ts';

export type AuditLogOptions = AppenderOptions;

export interface OpenedAuditLog extends AuditLog {
  readonly logId: string;
  /** The run before did not close it: it was killed, or the machine stopped. */
  readonly wasLeftOpen: boolean;
  /** The last event in the log; what is buffered has no number yet. */
  head(): Head;
  /** Newest first, with a cursor. Includes everything appended before the call, of other threads what they have written (soonMs). */
  search(query: AuditQuery): Promise<Page<AuditEventView>>;
  /** Events after number `seq`, oldest first, for followers. */
  since(seq: number, limit?: number): Promise<AuditEventView[]>;
  /** What these sessions, which were killed, left without an end, of everything appended before the call; off the main thread. */
  lostEnds(sessions: readonly string[]): Promise<LostEnds>;
  /** What became of these holds, of everything appended before the call, newest first; off the main thread. */
  endsOfHolds(holds: readonly string[]): Promise<readonly EndOfHold[]>;
  /**
   * Events of these types since then, of everything appended before the call, newest first; off the main thread, without the index.
   * `containing`: only lines with these characters.
   */
  newest(types: readonly AuditEventType[], fromMs: number, containing?: string): Promise<readonly AuditLine[]>;
  /** Verifies every file of the log, off the main thread. */
  verify(): Promise<Verification>;
  /** From now on worker threads may append to it as well (joinAuditLog). */
  share(): SharedAudit;
  /** To be told of every thread that had joined and has ended, however: the `threadId` of its Worker, which forgets it on exit. */
  releaseDead(thread: number): void;
  /** Writes what is buffered now. Throws Fault audit-write-failed. */
  flush(): void;
  /** Writes, signs a last checkpoint and closes; idempotent. Later appends throw, those of other threads too. */
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
      await log.append(eventWithoutSession('gateway.recovered', options.clock.nowMs(), null, detail));
    }
    return log;
  } catch (thrown) {
    unlock();
    throw thrown;
  }
}

/** How often the main thread looks what others have written. */
const lookAtOthersMs = 250;

class ChainedLog implements OpenedAuditLog {
  readonly logId: string;
  readonly wasLeftOpen: boolean;
  readonly #options: AuditLogOptions;
  readonly #key: Tail['key'];
  readonly #unlock: () => void;
  readonly #appender: Appender;
  readonly #search: AuditSearch;
  readonly #checkpointTimer: NodeJS.Timeout;
  #sharedTimer: NodeJS.Timeout | undefined;
  #closed: Promise<void> | null = null;
  #checkpointSeq: number;
  #checkpointing: Promise<void> | null = null;

  constructor(options: AuditLogOptions, tail: Tail, unlock: () => void) {
    this.#options = options;
    this.logId = tail.logId;
    this.wasLeftOpen = !tail.closedCleanly;
    this.#key = tail.key;
    this.#unlock = unlock;
    this.#checkpointSeq = tail.checkpointSeq;
    const { head, segment, segmentBytes } = tail;
    const end = { seq: head.seq, hash: Buffer.from(head.hash, 'latin1'), segment: segment.firstSeq, segmentBytes };
    this.#appender = new Appender(options, end, () => this.#written());
    this.#search = new AuditSearch(options.dir);
    this.#checkpointTimer = setInterval(() => void this.#checkpoint(), checkpointIntervalMs);
    this.#checkpointTimer.unref();
  }

  head(): Head {
    return this.#appender.file.head();
  }

  append(event: AuditEvent): Promise<void> | undefined {
    return this.#appender.append(event);
  }

  appendSoon(event: AuditEvent): void {
    this.#appender.appendSoon(event);
  }

  appendInTurn(event: AuditEvent, then: (failed: Fault | null) => void): void {
    this.#appender.appendInTurn(event, then);
  }

  share(): SharedAudit {
    const { dir, durability, clock, segmentBytes = segmentBytesMax } = this.#options;
    const { memory } = this.#appender.file.share(clock);
    if (this.#sharedTimer === undefined) {
      this.#sharedTimer = setInterval(() => this.#lookAtOthers(), lookAtOthersMs).unref();
      this.#search.share(memory);
    }
    return { memory, dir, durability, logId: this.logId, segmentBytes };
  }

  releaseDead(thread: number): void {
    this.#appender.file.releaseDead(thread);
  }

  flush(): void {
    this.#appender.flush();
  }

  async search(query: AuditQuery): Promise<Page<AuditEventView>> {
    this.#appender.flushQuietly();
    return this.#search.query(query, this.#appender.file.seq);
  }

  async since(seq: number, limit = 100): Promise<AuditEventView[]> {
    this.#appender.flushQuietly();
    return this.#search.since(seq, limit, this.#appender.file.seq);
  }

  async lostEnds(sessions: readonly string[]): Promise<LostEnds> {
    this.#appender.flushQuietly();
    return this.#search.lostEnds(sessions);
  }

  async endsOfHolds(holds: readonly string[]): Promise<readonly EndOfHold[]> {
    this.#appender.flushQuietly();
    return this.#search.endsOfHolds(holds, this.#appender.file.seq);
  }

  async newest(types: readonly AuditEventType[], fromMs: number, containing = ''): Promise<readonly AuditLine[]> {
    this.#appender.flushQuietly();
    return this.#search.newest(types, fromMs, containing);
  }

  async verify(): Promise<Verification> {
    this.#appender.flushQuietly();
    return this.#search.verify();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#checkpointTimer);
    clearInterval(this.#sharedTimer);
    this.#appender.end();
    this.#appender.file.endShared();
    await this.#checkpointing;
    await this.#checkpoint();
    const closed = this.#appender.file.close();
    await this.#search.close();
    await closed;
    this.#unlock();
  }

  /** What other threads write counts for checkpoints, and what breaks the log for them does so here. */
  #lookAtOthers(): void {
    if (this.#appender.file.isUsable()) this.#written();
  }

  #written(): void {
    if (this.#appender.file.seq - this.#checkpointSeq >= checkpointEvents) void this.#checkpoint();
  }

  /** Signs the last event written, once it is on disk. A checkpoint that can't be written is tried again at the next turn. */
  #checkpoint(): Promise<void> {
    this.#checkpointing ??= this.#signHead().finally(() => {
      this.#checkpointing = null;
    });
    return this.#checkpointing;
  }

  async #signHead(): Promise<void> {
    const { file } = this.#appender;
    if (file.broken !== null) return;
    try {
      const head = file.head(); // behind whatever another thread is writing now
      if (head.seq === this.#checkpointSeq) return;
      await file.onDisk();
      await writeCheckpoint(this.#options.dir, this.#key, { logId: this.logId, ...head, atMs: this.#options.clock.nowMs() });
      this.#checkpointSeq = head.seq;
    } catch (thrown) {
      // A failed sync has broken the log and was told. A full disk shows itself in the events' own writes.
      if (file.broken === null) this.#options.onFailed(new Fault('audit-write-failed', `checkpoint: ${messageOf(thrown)}`));
    }
  }
}
