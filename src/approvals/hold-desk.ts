// What the desk of holds offers, and its limits.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { AuditLog } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { Approval, HoldTerms, RuleRef, SecondFactorProof } from '../core/decision.ts';
import type { Log } from '../core/driver.ts';
import type { HoldRequest, Holds, LastingHold } from '../core/hold.ts';
import type { Principal } from '../core/principal.ts';
import type { Db } from '../store/database.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { HoldPage, HoldQuery } from '../store/holds.ts';
import type { Answer, AnswerResult } from './answer.ts';
import type { ReadLog } from './log-agreement.ts';
import type { HoldRule } from './pending-hold.ts';

export interface HoldLimits {
  /** Holds that wait at once: in all, for one person, in one session (one for each lane). */
  readonly pendingMax: number;
  readonly pendingPerPersonMax: number;
  readonly pendingPerSessionMax: number;
  /** A hold keeps its whole text for approvers; a longer one is refused rather than shown in part. */
  readonly textCharsMax: number;
  /** Texts and parameters of all that waits together, and of what one person has waiting: they stay in memory until they end. */
  readonly bytesMax: number;
  readonly bytesPerPersonMax: number;
  readonly expiresMsMax: number;
}

export const holdLimits: HoldLimits = {
  pendingMax: 1000,
  pendingPerPersonMax: 50,
  pendingPerSessionMax: 16,
  textCharsMax: 4 * 1024 * 1024,
  bytesMax: 128 * 1024 * 1024,
  bytesPerPersonMax: 32 * 1024 * 1024,
  expiresMsMax: 7 * 24 * 60 * 60 * 1000,
};

export interface HoldsParts {
  readonly db: Db;
  readonly clock: Clock;
  readonly random: Random;
  readonly audit: AuditLog;
  /** The console's address, or null when there is none; holds are at `<consoleUrl>/holds/<id>`. */
  readonly consoleUrl: string | null;
  /** Who has lent this person the right to answer; missing: nobody. */
  readonly lendersOf?: (person: string) => readonly Principal[];
  /** For recover(); missing: the log says nothing that the store does not. */
  readonly readLog?: ReadLog;
  readonly limits?: Partial<HoldLimits>;
  /** Of the audit log at the start: it was at least so late then. */
  readonly newestEventMs?: number;
  readonly log?: Pick<Log, 'error'>;
}

export interface HoldChange {
  readonly kind: 'placed' | 'progress' | 'changed' | 'escalated' | 'settled';
  readonly hold: HoldRecord;
}

/** What judging a waiting hold again comes to. `approvals` are those that still count. */
export type Rejudgement =
  | { readonly kind: 'keep' }
  | { readonly kind: 'change'; readonly rule: RuleRef; readonly terms: HoldTerms; readonly approvals: readonly Approval[] }
  | { readonly kind: 'withdraw'; readonly why: string };

export interface HoldDesk extends Holds {
  /** One person's answer. Counts at most once for each person; resolves when it is written down. Never rejects. */
  answer(
    id: string,
    person: Principal,
    answer: Answer,
    reason: string | null,
    proof?: SecondFactorProof | null,
    via?: AnsweredVia | null,
  ): Promise<AnswerResult>;
  /** Takes one's own yes back while the hold waits for others. Resolves when it is written down. Never rejects. */
  takeBack(id: string, person: Principal): Promise<AnswerResult>;
  get(id: string): HoldRecord | undefined;
  /** What the gate asked, while the hold waits. */
  requestOf(id: string): HoldRequest | undefined;
  /** Those of a session that wait now. */
  waitingIn(sessionId: string): readonly HoldRecord[];
  /** Newest first. */
  list(query: HoldQuery): HoldPage;
  /** Hears of every change after it was written. Returns how to stop. */
  on(listener: (change: HoldChange) => void): () => void;
  /** After recover(): what an earlier run left to be answered without its client, or to be run again. */
  lasting(): readonly LastingHold[];
  /** At start: withdraws what an earlier run left pending and whose client is gone. Returns how many. Throws Fault store-failed or audit-write-failed. */
  recover(): Promise<number>;
  /** After a change of policies or people: asks about every hold that waits. */
  rejudge(check: (hold: HoldRecord, request: HoldRule) => Rejudgement): void;
  /** Ends what is due; its own timer calls it. */
  expireDue(): void;
  readonly pendingCount: number;
  /** Withdraws what a client waits for with these words and takes nothing more; the rest goes on at the next start. */
  close(why: string): Promise<void>;
}
