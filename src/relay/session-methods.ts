// What a relay thread asks of the main thread about sessions, and what it is told.

import type { Decision, RuleRef, SessionFacts } from '../core/decision.ts';
import type { ActionId, SessionId, TargetName } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { RecordingSeal } from '../core/recording.ts';
import type { HoldNotice, Refusal } from '../core/ruling.ts';
import type { SessionCounts } from '../sessions/live-session.ts';
import type { SentAction, SentJudgement } from './sent-action.ts';
import type { Standing } from './standing.ts';

/** What a session did by itself since it was last told. */
export interface Did {
  readonly sessionId: SessionId;
  /** Actions that the thread released. */
  readonly acted: number;
  /** All that were submitted so far. */
  readonly counts: SessionCounts;
}

export interface RuleUsed {
  readonly rule: RuleRef;
  readonly count: number;
  readonly atMs: number;
}

export interface OpeningAsked {
  readonly principal: Principal;
  readonly target: TargetName;
  readonly facts: Pick<SessionFacts, 'clientAddress' | 'tls' | 'method' | 'database'>;
  readonly tokenId: string | null;
}

export type OpeningAnswer =
  | { readonly kind: 'refuse'; readonly refusal: Refusal }
  | {
      readonly kind: 'open';
      readonly id: SessionId;
      /** Missing: the account's own. */
      readonly role?: string;
      readonly startedAtMs: number;
      readonly standing: Standing;
    };

export interface JudgementAsked {
  readonly did: Did;
  readonly action: SentAction;
  /** The number of the world that the thread knows. */
  readonly world: number;
}

export interface JudgementAnswer {
  readonly judgement: SentJudgement;
  /** Null: what the thread knows is true still. */
  readonly standing: Standing | null;
}

/** Asked of the main thread. */
export type SessionMethods = {
  readonly 'session.open': { readonly given: OpeningAsked; readonly answer: OpeningAnswer; readonly told: HoldNotice };
  readonly 'session.judge': { readonly given: JudgementAsked; readonly answer: JudgementAnswer; readonly told: HoldNotice };
  readonly 'session.foresee': {
    readonly given: { readonly sessionId: SessionId; readonly action: SentAction };
    readonly answer: Decision['kind'] | 'fault';
  };
  readonly 'session.closed': {
    readonly given: {
      readonly did: Did;
      readonly reason: string;
      /** Null: its recording is not whole. */ readonly seal: RecordingSeal | null;
    };
    readonly answer: void;
  };
  readonly 'session.did': { readonly given: { readonly did: readonly Did[]; readonly used: readonly RuleUsed[] }; readonly answer: void };
  /** The files of the policies in force. */
  readonly policies: {
    readonly given: null;
    readonly answer: { readonly version: string; readonly files: readonly { readonly path: string; readonly text: string }[] };
  };
};

/** Told to a thread. */
export type ThreadSessionMethods = {
  /** An action of it that waited would do now what it would have done when it began to wait. */
  readonly 'session.unchanged': { readonly given: { readonly id: SessionId; readonly actionId: ActionId }; readonly answer: boolean };
  readonly 'session.end': { readonly given: { readonly id: SessionId; readonly reason: string }; readonly answer: void };
  readonly 'session.notice': { readonly given: { readonly id: SessionId; readonly words: string }; readonly answer: void };
  /** The person is somebody else by now (other groups). */
  readonly 'session.become': { readonly given: { readonly id: SessionId; readonly standing: Standing }; readonly answer: void };
  /** Hands everything that waits to the kernel: audit events, and the recording of a session where one is named. */
  readonly flush: { readonly given: { readonly sessionId: string | null }; readonly answer: void };
};
