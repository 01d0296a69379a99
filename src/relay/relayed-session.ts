// What stands in the main thread for a session that runs in a relay thread: the registry's lists, whoever ends it, and the gate that
// judges for it see this. Nothing is submitted to it.

import type { Decision, SessionFacts } from '../core/decision.ts';
import type { SessionId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { RecordingSeal } from '../core/recording.ts';
import type { SessionOpening } from '../core/session.ts';
import type { Target } from '../core/target.ts';
import type { Submitter } from '../gate/submitter.ts';
import type { SessionCounts } from '../sessions/live-session.ts';
import type { RegisteredSession } from '../sessions/registry.ts';

/** Where the session itself is told. */
export interface ThreadSide {
  /** Nothing more is released in it from now on, also before its thread has heard. */
  end(id: SessionId, reason: string): void;
  notice(id: SessionId, words: string): void;
  become(session: RelayedSession): void;
}

export class RelayedSession implements RegisteredSession {
  readonly id: SessionId;
  readonly target: Target;
  readonly facts: SessionFacts;
  readonly tokenId: string | null;
  readonly startedAtMs: number;
  readonly counts: SessionCounts = { statements: 0, held: 0, denied: 0 };
  readonly ended: AbortSignal;
  /** Whoever waits at the gate has this very object: the second decision is about the person of then. */
  readonly submitter: { -readonly [Key in keyof Submitter]: Submitter[Key] };
  /** Told by its thread with its end. */
  seal: RecordingSeal | null = null;
  readonly #end = new AbortController();
  readonly #thread: ThreadSide;
  readonly #onClosed: (session: RelayedSession, reason: string) => void;
  #closed = false;

  constructor(
    id: SessionId,
    { principal, target, facts, tokenId }: SessionOpening,
    startedAtMs: number,
    thread: ThreadSide,
    onClosed: (session: RelayedSession, reason: string) => void,
  ) {
    this.id = id;
    this.target = target;
    this.facts = facts;
    this.tokenId = tokenId ?? null;
    this.startedAtMs = startedAtMs;
    this.ended = this.#end.signal;
    this.submitter = { sessionId: id, principal, target, facts, ended: this.ended };
    this.#thread = thread;
    this.#onClosed = onClosed;
  }

  get principal(): Principal {
    return this.submitter.principal;
  }

  get role(): string | undefined {
    return this.facts.role;
  }

  /** Its thread knows what runs, and ends the session itself when it hears who the person is now. */
  get runsOnlyAllowed(): boolean {
    return true;
  }

  become(principal: Principal): void {
    this.submitter.principal = principal;
    if (!this.ended.aborted) this.#thread.become(this); // one that has ended is told of nothing that it could release by
  }

  /** What the thread counted, and what the gate has seen meanwhile. */
  counted({ statements, held, denied }: SessionCounts): void {
    this.counts.statements = Math.max(this.counts.statements, statements);
    this.counts.held = Math.max(this.counts.held, held);
    this.counts.denied = Math.max(this.counts.denied, denied);
  }

  notice(words: string): void {
    this.#thread.notice(this.id, words);
  }

  end(reason: string): void {
    if (this.#end.signal.aborted) return;
    this.#end.abort(reason);
    this.#thread.end(this.id, reason);
  }

  /** Its thread knows, or never had it. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#end.signal.aborted) this.#end.abort(reason);
    this.#onClosed(this, reason);
  }

  submit(): never {
    return runsElsewhere();
  }

  submitSoon(): never {
    return runsElsewhere();
  }

  finish(): never {
    return runsElsewhere();
  }

  recordRows(): never {
    return runsElsewhere();
  }

  classify(): never {
    return runsElsewhere();
  }

  foresee(): Decision['kind'] {
    return runsElsewhere();
  }
}

function runsElsewhere(): never {
  throw new Error('this session runs in another thread');
}
