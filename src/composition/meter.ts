// Counts what happens in a gateway, for its metrics: sessions and what was asked in them, of all threads, and holds. It hears of them as
// the book of sessions and the listeners of holds do, once a second for each session at most: nothing of it is on a statement's way.

import type { HoldState } from '../core/hold.ts';
import type { Protocol } from '../core/target.ts';
import type { RegisteredSession, SessionBook } from '../sessions/registry.ts';
import type { HoldRecord } from '../store/hold-rows.ts';

export interface SessionFigures {
  readonly open: number;
  readonly opened: number;
  readonly statements: number;
  readonly denied: number;
}

export type EndedState = Exclude<HoldState, 'pending'>;

type Told = Pick<SessionFigures, 'statements' | 'denied'>;
const nothing: SessionFigures = { open: 0, opened: 0, statements: 0, denied: 0 };

export class Meter {
  readonly #sessions = new Map<Protocol, SessionFigures>();
  /** What each open session has told so far. */
  readonly #told = new Map<string, Told>();
  readonly #pending = new Map<string, number>();
  readonly #settled: Record<EndedState, number> = { approved: 0, denied: 0, changes_requested: 0, expired: 0, withdrawn: 0 };
  #placed = 0;
  #auditFailing: string | null = null;

  /** Writes everything into `book`, and counts it. */
  reading(book: SessionBook): SessionBook {
    return {
      opened: (session, startedAtMs) => {
        book.opened(session, startedAtMs);
        this.#told.set(session.id, { statements: 0, denied: 0 });
        this.#add(session, { ...nothing, open: 1, opened: 1 });
      },
      counted: (sessions) => {
        book.counted(sessions);
        for (const session of sessions) this.#count(session, 0);
      },
      closed: (session, endedAtMs, reason) => {
        book.closed(session, endedAtMs, reason);
        this.#count(session, -1);
        this.#told.delete(session.id);
      },
    };
  }

  /** Every change of a hold, and those that an earlier run left. */
  hold({ id, state, createdAtMs }: Pick<HoldRecord, 'id' | 'state' | 'createdAtMs'>, isNew: boolean): void {
    if (isNew) this.#placed += 1;
    if (state === 'pending') this.#pending.set(id, createdAtMs);
    else if (this.#pending.delete(id)) this.#settled[state] += 1;
  }

  /** Why the audit log takes nothing, and null when it does again. */
  auditRefuses(why: string | null): void {
    this.#auditFailing = why;
  }

  get auditFailing(): string | null {
    return this.#auditFailing;
  }

  sessions(protocol: Protocol): SessionFigures {
    return this.#sessions.get(protocol) ?? nothing;
  }

  get settled(): readonly (readonly [EndedState, number])[] {
    return Object.entries(this.#settled) as [EndedState, number][];
  }

  get placed(): number {
    return this.#placed;
  }

  /** When each hold that waits was placed. */
  pendingSinceMs(): readonly number[] {
    return [...this.#pending.values()];
  }

  #count(session: RegisteredSession, open: 0 | -1): void {
    const before = this.#told.get(session.id);
    if (before === undefined) return;
    const { statements, denied } = session.counts;
    this.#told.set(session.id, { statements, denied });
    this.#add(session, { open, opened: 0, statements: statements - before.statements, denied: denied - before.denied });
  }

  #add({ target: { protocol } }: RegisteredSession, more: SessionFigures): void {
    const sum = this.sessions(protocol);
    this.#sessions.set(protocol, {
      open: sum.open + more.open,
      opened: sum.opened + more.opened,
      statements: sum.statements + more.statements,
      denied: sum.denied + more.denied,
    });
  }
}
