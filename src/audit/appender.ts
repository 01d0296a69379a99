// What a thread's gate and holds write to: appends events in the order of calls, hands them to the kernel (or the disk), and says
// which are refused. appendInTurn() is on the way of every statement: one write for all that a turn of the event loop brought, and
// what appendSoon() buffered goes out with the next one. Files and the chain are ChainFile's.

import type { AuditEvent, AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { ChainEnd } from './chain.ts';
import { ChainFile, writeFailed, type ChainFileOptions } from './chain-file.ts';
import type { SharedChain } from './shared-chain.ts';
import { tell, Turn, type Answer, type Told } from './turn.ts';
import { WaitingLines } from './waiting-lines.ts';

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

export interface AppenderOptions extends ChainFileOptions {
  readonly durability: Durability;
  readonly clock: Clock;
  /** Told once for each lasting failure: buffered events can't be written, or the log is broken for good. */
  readonly onFailed: (fault: Fault) => void;
  /** Told at the first event that can't be written, and with null at the first one after it that can. */
  readonly onRefusing?: (fault: Fault | null) => void;
}

export class Appender implements AuditLog {
  readonly file: ChainFile;
  readonly #options: AppenderOptions;
  readonly #onWritten: () => void;
  readonly #waiting = new WaitingLines();
  readonly #turn = new Turn(() => this.#endTurn());
  #waitingTimer: NodeJS.Timeout | null = null;
  #failingSinceMs: number | null = null;
  #failureTold = false;
  #refusing = false;

  /** `onWritten` comes after every write. */
  constructor(options: AppenderOptions, at: ChainEnd | SharedChain, onWritten: () => void) {
    this.#options = options;
    this.#onWritten = onWritten;
    this.file = new ChainFile(options, at, options.onFailed);
  }

  append(event: AuditEvent): Promise<void> | undefined {
    this.#assertUsable();
    const place = this.#add(event);
    try {
      this.file.write(this.#waiting);
    } catch (thrown) {
      this.#refuse(thrown, [place]);
      throw thrown;
    }
    this.#allWritten();
    return this.#options.durability === 'fsync' ? this.file.onDisk() : undefined;
  }

  appendInTurn(event: AuditEvent, then: Told): void {
    if (this.#turn.takes()) this.#gather(event, then);
    else this.#appendAtOnce(event, then);
  }

  appendSoon(event: AuditEvent): void {
    if (this.file.broken !== null) return; // told to onFailed already; the caller has something to finish
    this.#addAlways(event);
    const { lengthBytes } = this.#waiting;
    if (lengthBytes > waitingBytesMax) this.file.break(new Fault('audit-write-failed', 'too many audit events wait for the disk'));
    else if (lengthBytes > soonBytesMax && this.#failingSinceMs === null) this.#flushWaiting();
    else if (this.#waitingTimer === null) this.#waitingTimer = setTimeout(() => this.#flushWaiting(), soonMs);
  }

  /** Writes what is buffered now. Throws Fault audit-write-failed. */
  flush(): void {
    try {
      this.#assertUsable();
      if (this.#waiting.count === 0) return;
      this.file.write(this.#waiting);
    } catch (thrown) {
      this.#refuse(thrown, []);
      throw thrown;
    }
    this.#allWritten();
  }

  /** For readers: what can't be written now is simply not seen by them yet. */
  flushQuietly(): void {
    if (this.file.broken === null && this.#waiting.count > 0) this.#flushWaiting();
  }

  /** Writes what waits and answers all who wait. Appends may follow until the file is closed. */
  end(): void {
    this.flushQuietly();
    this.#endTurn();
    if (this.#waitingTimer !== null) clearTimeout(this.#waitingTimer);
  }

  #assertUsable(): void {
    if (this.file.broken !== null) throw this.file.broken;
  }

  #add(event: AuditEvent): number {
    try {
      return this.#waiting.add(event);
    } catch (cause) {
      throw writeFailed(cause);
    }
  }

  /** An event whose detail can't be written as JSON is still noted, without it. */
  #addAlways(event: AuditEvent): void {
    try {
      this.#waiting.add(event);
    } catch (thrown) {
      this.#waiting.add({ ...event, detail: { detail_unwritable: messageOf(thrown) } });
    }
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
      this.#turn.add(this.#add(event), then);
    } catch (thrown) {
      this.#turn.answer(then, writeFailed(thrown));
      return;
    }
    if (this.#waiting.lengthBytes > soonBytesMax) this.#flushTurn();
  }

  #endTurn(): void {
    if (this.#turn.isOpen) this.#flushTurn();
    const answers = this.#turn.takeAnswers();
    const isWritten = answers.some(({ failed }) => failed === null);
    if (this.#options.durability === 'kernel' || !isWritten) tell(answers);
    else this.#tellOnDisk(answers, this.file.onDisk());
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

  /** What can't be written: the releases of the turn and `others` wait no more; what has happened already goes on waiting. */
  #refuse(cause: unknown, others: readonly number[]): void {
    this.#waiting.remove([...this.#turn.refuse(writeFailed(cause)), ...others]);
    if (this.#refusing || this.file.broken !== null) return;
    this.#refusing = true;
    this.#options.onRefusing?.(writeFailed(cause));
  }

  /** The timer runs on: starting and clearing one for every statement costs more than a turn of it that finds nothing. */
  #allWritten(): void {
    this.#waiting.clear();
    this.#turn.written();
    this.#onWritten();
    if (this.#refusing) {
      this.#refusing = false;
      this.#options.onRefusing?.(null);
    }
    if (this.#failingSinceMs === null) return;
    this.#failingSinceMs = null;
    this.#failureTold = false;
    // The next try was further away than a buffered event may wait.
    if (this.#waitingTimer !== null) clearTimeout(this.#waitingTimer);
    this.#waitingTimer = null;
  }

  #flushWaiting(): void {
    if (this.#waitingTimer !== null) clearTimeout(this.#waitingTimer);
    this.#waitingTimer = null;
    if (this.file.broken !== null) return;
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
}
