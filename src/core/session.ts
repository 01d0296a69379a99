// One principal's use of one target, from open to close, as a driver sees it: it submits actions, hears rulings and
// reports outcomes. What stands behind (gate, policies, audit, recording) a driver does not know.

import type { Action, ActionKind, Catalogue, Parameter, PreparedStatement, ReadingMode, TransactionState } from './action.ts';
import type { Classification } from './classification.ts';
import type { Decision, SessionFacts } from './decision.ts';
import type { SessionId } from './ids.ts';
import type { Outcome } from './outcome.ts';
import type { Permit } from './permit.ts';
import type { Principal } from './principal.ts';
import type { TerminalRecorder, TerminalSize } from './recording.ts';
import type { HoldNotice, Refusal, Ruling } from './ruling.ts';
import type { Target } from './target.ts';

/** A submission: the parts of an Action that the driver knows; the session adds the id. */
export type Submission = Omit<Action, 'id'>;

/** Where actions run one at a time, and how the person behind it is told that one waits. */
export interface Lane {
  /** Called when the action starts to wait and again on progress. */
  onHold(notice: HoldNotice): void;
  /** Aborted when the client cancels or is gone: the hold is withdrawn. */
  readonly signal: AbortSignal;
  /** The target's own objects as they are now, by which later readings go, too. Missing: nothing depends on them. Never rejects. */
  catalogueNow?(): Promise<Catalogue | null>;
}

export interface Session {
  readonly id: SessionId;
  readonly principal: Principal;
  readonly target: Target;
  /** The role of the database that the driver has to sign in as; missing: the account's own. */
  readonly role?: string | undefined;
  /** Aborted when the session must end now (killed, grant over, recorder failed). The reason is words for the client. */
  readonly ended: AbortSignal;

  /** Words of the gateway for the person that come with no action (access that ends soon). Told when the protocol next can. */
  onNotice?(listener: (words: string) => void): void;
  /** Judges an action. Answers at once when it can (no promise made), else when people have answered. Never throws or rejects. */
  submit(submission: Submission, lane: Lane): Ruling | Promise<Ruling>;

  /**
   * The same for a hot path: `then` is called once, before this returns, at the end of this turn of the event loop (where the audit
   * log writes the releases of a turn together), or when people have answered.
   */
  submitSoon(submission: Submission, lane: Lane, then: (ruling: Ruling) => void): void;

  /** Reports how a released action ended and closes its permit. Once for each permit. */
  finish(permit: Permit, outcome: Outcome): void;

  /** Text of result rows for the recording, where an obligation asked for it. Bounded by the recorder. */
  recordRows(permit: Permit, rows: readonly (string | null)[][]): void;

  /** Begins the recording of a terminal; null where there is none. */
  recordTerminal?(size: TerminalSize): TerminalRecorder | null;

  /** Classifies without judging, so that a driver can know a prepared text before it is run. `signal`: nobody waits for it any more. */
  classify(submission: Submission, signal?: AbortSignal): Classification | Promise<Classification>;

  /** What the policies would say now, with no effect and no record: a Parse that can only be denied is refused at once. */
  foresee(submission: Submission, classification: Classification): Decision['kind'] | 'fault';

  /** The same by whoever knows everything, which may be another thread. Missing: `foresee` knows it. Never rejects. */
  foreseeSurely?(submission: Submission, classification: Classification): Promise<Decision['kind'] | 'fault'>;

  /** Closes the session; idempotent. Open permits are closed as outcome unknown. */
  close(reason: string): void;
}

export interface SessionOpening {
  readonly principal: Principal;
  readonly target: Target;
  readonly facts: SessionFacts;
  /** The access token that the person signed in with; null or missing: by something else. The session ends when it is revoked. */
  readonly tokenId?: string | null;
}

export type OpenedSession = { readonly kind: 'open'; readonly session: Session } | { readonly kind: 'refuse'; readonly refusal: Refusal };

export interface Sessions {
  /** Judges the action `connect`, and opens the session when it is released. `lane` tells the client while it waits. */
  open(opening: SessionOpening, lane: Lane): Promise<OpenedSession>;
}

export type { Action, ActionKind, Parameter, PreparedStatement, ReadingMode, TransactionState };
