// What the desk of access requests offers, what it needs, and its limits.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import type { Log } from '../core/driver.ts';
import type { AccessRefusal, Grants, GrantScope } from '../core/grant.ts';
import type { PolicySet } from '../core/policy.ts';
import type { Principal } from '../core/principal.ts';
import type { Target } from '../core/target.ts';
import type { AccessQuery, AccessRequestRecord, AccessStep } from '../store/access-requests.ts';
import type { Db } from '../store/database.ts';
import type { GrantQuery, GrantRecord } from '../store/grants.ts';

export const accessLimits = {
  /** Requests that wait at once: in all, and of one person. */
  pendingMax: 1000,
  pendingPerPersonMax: 20,
  /** Grants in force at once, of one person. */
  activePerPersonMax: 50,
  /** Tables that one grant names. */
  tablesMax: 50,
  reasonCharsMax: 1000,
  /** Before the end, whoever has the access is told once. */
  warnBeforeMs: 5 * 60_000,
  /** How often time that has passed is written down; a crash loses no more of it than this, and restarts don't lengthen it: the wall clock counts meanwhile. */
  writeEveryMs: 15_000,
  /** Sessions remembered of one grant before those that have closed are forgotten. */
  sessionsMax: 1000,
  /** More than clocks drift between two looks: somebody set the wall clock. */
  clockJumpMs: 1_000,
  /** A review that is owed is asked for again this often. */
  remindEveryMs: 24 * 3_600_000,
  /** A jump of the wall clock is noticed within this. */
  lookEveryMs: 500,
} as const;

export interface AccessParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  readonly log: Pick<Log, 'error' | 'warn'>;
  /** The policies in force now. */
  readonly policies: () => PolicySet;
  /** The principal of a name while it may act. */
  readonly person: (name: string) => Principal | null;
  readonly targetNamed: (name: string) => Pick<Target, 'name' | 'protocol' | 'labels' | 'ssh' | 'roles'> | undefined;
  readonly isSessionOpen: (sessionId: string) => boolean;
  /** Time of the newest event of the audit log before this start: it was at least so late. Missing: not known. */
  readonly newestEventMs?: number;
}

export interface AccessWanted {
  readonly target: string;
  readonly durationMs: number;
  readonly scope: GrantScope;
  readonly isBreakGlass: boolean;
  readonly reason: string;
}

export type RequestResult = { readonly kind: 'requested'; readonly request: AccessRequestRecord } | AccessRefusal;
export type GrantResult = { readonly kind: 'done'; readonly grant: GrantRecord } | AccessRefusal;
export type AccessAnswerResult =
  | { readonly kind: 'granted' | 'counted' | 'denied'; readonly request: AccessRequestRecord; readonly already: boolean }
  | { readonly kind: 'not-pending'; readonly request: AccessRequestRecord }
  | AccessRefusal;

export type AccessChangeKind =
  'requested' | 'progress' | 'granted' | 'extended' | 'denied' | 'closed' | 'ended' | 'warned' | 'reviewed' | 'review-due';

/** What happened; `grant` where there is one. */
export interface AccessChange {
  readonly kind: AccessChangeKind;
  readonly request: AccessRequestRecord;
  readonly grant: GrantRecord | null;
  /** Of a grant that ended or soon will: the sessions in which it counted. */
  readonly sessions: readonly string[];
}

export interface AccessDesk extends Grants {
  /** Asks for access. Given at once where the policies say so. */
  request(person: Principal, wanted: AccessWanted): Promise<RequestResult>;
  /** Asks for more time for a grant in force. */
  extend(person: Principal, grantId: string, addedMs: number, reason: string): Promise<RequestResult>;
  /** One person's answer. Each person's yes counts once, one no is final. */
  answer(
    id: string,
    person: Principal,
    answer: 'approve' | 'deny',
    reason: string | null,
    proof?: SecondFactorProof | null,
    via?: AnsweredVia | null,
  ): Promise<AccessAnswerResult>;
  /** The requester takes a request back. */
  withdraw(id: string, person: Principal): Promise<AccessAnswerResult>;
  /** Ends a grant at once. `mayAny`: the person may end anybody's. */
  revoke(id: string, person: Principal, mayAny: boolean, reason: string | null): Promise<GrantResult>;
  /** Says that somebody else has looked at what was done with a break-glass grant. */
  review(id: string, person: Principal, words: string, via?: AnsweredVia | null): Promise<GrantResult>;
  requestOf(id: string): AccessRequestRecord | undefined;
  grantOf(id: string): GrantRecord | undefined;
  requests(query: AccessQuery): { readonly items: readonly AccessRequestRecord[]; readonly next: string | null };
  grants(query: GrantQuery): { readonly items: readonly GrantRecord[]; readonly next: string | null };
  /** Everything that happened to a request and to the grant that came of it. */
  timeline(request: AccessRequestRecord): readonly AccessStep[];
  on(listener: (change: AccessChange) => void): () => void;
  /** At start: goes on with what an earlier run left. Call before inForce(). */
  recover(): Promise<void>;
  /** After a change of policies or people: judges requests that wait and grants in force again. */
  rejudge(): void;
  /** Ends what is due, warns and reminds; its own timer calls it. */
  tick(): void;
  close(): void;
}
