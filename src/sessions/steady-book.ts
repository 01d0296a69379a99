// The book of sessions when its store takes nothing, as on a full disk or while another program has locked it: a session ends all the
// same, and its end is written when the store takes something again. Only to open one does the store have to work.

import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { RegisteredSession, SessionBook } from './registry.ts';

const retryMs = 1000;

interface End {
  readonly session: RegisteredSession;
  readonly endedAtMs: number;
  readonly reason: string;
}

export class SteadyBook implements SessionBook {
  readonly #book: SessionBook;
  readonly #log: Pick<Log, 'error'>;
  /** No more than sessions were open when the store failed: none opens without it. */
  readonly #unwritten = new Set<End>();
  #timer: NodeJS.Timeout | null = null;

  constructor(book: SessionBook, log: Pick<Log, 'error'>) {
    this.#book = book;
    this.#log = log;
  }

  opened(session: RegisteredSession, startedAtMs: number): void {
    this.#book.opened(session, startedAtMs);
  }

  /** The next count says more. */
  counted(sessions: readonly RegisteredSession[]): void {
    this.#isWritten(() => this.#book.counted(sessions));
  }

  closed(session: RegisteredSession, endedAtMs: number, reason: string): void {
    if (this.#isWritten(() => this.#book.closed(session, endedAtMs, reason))) return;
    this.#unwritten.add({ session, endedAtMs, reason });
    this.#timer ??= setInterval(() => this.#writeEnds(), retryMs).unref();
  }

  /** A last try; the next start ends what is open in the store still. */
  close(): void {
    this.#writeEnds();
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #writeEnds(): void {
    for (const end of this.#unwritten) {
      if (!this.#isWritten(() => this.#book.closed(end.session, end.endedAtMs, end.reason))) return;
      this.#unwritten.delete(end);
    }
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #isWritten(write: () => void): boolean {
    try {
      write();
      return true;
    } catch (thrown) {
      if (this.#unwritten.size === 0)
        this.#log.error({ err: messageOf(thrown) }, 'the book of sessions cannot be written; it is tried again');
      return false;
    }
  }
}
