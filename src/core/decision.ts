// Policy's answer. Mask, limits and what to record are obligations on allow (and on what a hold ends in).

import type { AnsweredVia } from './answered-via.ts';
import type { GrantId } from './ids.ts';
import type { MaskRule } from './masking.ts';
import type { ApproverSet } from './quorum.ts';

export interface RuleRef {
  /** Policy document and rule: "production-database/hold-destructive". */
  readonly id: string;
  /** One sentence for people: what the rule is about. */
  readonly title: string;
  /** Version (hash) of the policy set that decided. */
  readonly version: string;
}

export interface Obligations {
  readonly recordParameters: boolean;
  readonly recordResults: boolean;
  /** The target itself must refuse writes while this runs. Only on allow; missing: no fence. */
  readonly fence?: 'read-only';
  /** More result rows than this end the statement with an error. */
  readonly rowsMax?: number;
  /** What runs longer than this is cancelled at the target. */
  readonly statementTimeoutMs?: number;
  /** The rules that set these two limits, for the words of the error. */
  readonly limitedBy?: string;
  /** It runs only while the session says what it is for. */
  readonly reasonRequired?: boolean;
  /** What is hidden in the results; missing: nothing. */
  readonly mask?: readonly MaskRule[];
  /** It runs only this long after the person's last second factor. */
  readonly secondFactorAgeMaxMs?: number;
}

/** What an approver has to prove besides being signed in. A passkey also does where `totp` is asked for. */
export type SecondFactor = 'passkey' | 'totp';

/** The proof that came with an approval. The assertion of a passkey verifies offline, by the key that was registered for it. */
export type SecondFactorProof =
  | { readonly kind: 'totp' }
  | {
      readonly kind: 'passkey';
      /** All base64url, as WebAuthn names them (W3C Web Authentication, AuthenticatorAssertionResponse). */
      readonly credentialId: string;
      readonly clientDataJson: string;
      readonly authenticatorData: string;
      readonly signature: string;
    };

/** Who may answer a hold that has waited for so long; of the steps that are due the last one counts. */
export interface EscalationStep {
  readonly afterMs: number;
  /** The groups that are asked from then on as well. */
  readonly to: readonly string[];
  /** From then on an approver must be in one group of each of these sets; everybody who might answer before still may. */
  readonly sets: readonly (readonly string[])[];
}

export interface HoldTerms {
  /** Groups whose members may approve. */
  readonly approverGroups: readonly string[];
  /**
   * Only when several hold rules with different approvers win at once: an approver must also be in one group of each of these
   * sets. Missing in the common case.
   */
  readonly alsoInGroups?: readonly (readonly string[])[];
  /**
   * Who must say yes, where it is not so many of one set: every set must be satisfied, each by people of its own. Then the groups
   * above are all of these, and the number below is their sum. Missing in the common case.
   */
  readonly approverSets?: readonly ApproverSet[];
  /** How many different people must say yes. */
  readonly approvalsNeeded: number;
  /** How long the hold may wait, in milliseconds; the second while a transaction is open (it holds locks). */
  readonly expiresMs: number;
  readonly expiresInTransactionMs: number;
  /** An approval without a reason is refused. */
  readonly reasonRequired: boolean;
  /**
   * live: the client waits in its session. error: it is refused at once with the hold's number, and the same person may run
   * exactly the same once after the approval (for clients that can't show that they wait).
   */
  readonly wait?: 'live' | 'error';
  /** Unanswered for so long, others may answer as well; the earliest step first. Missing: never. */
  readonly escalate?: readonly EscalationStep[];
  /** Missing: being signed in is enough. */
  readonly secondFactor?: SecondFactor;
  /** An approver may approve the shape of the action for at most so long; missing: only this very action. */
  readonly shapeMsMax?: number;
}

/** What a rule asked for and did not get: how many rows it would reach. Decided as if nothing were known of it; ask, and decide again. */
interface Unasked {
  readonly needs?: 'estimated-rows';
}

export type Decision = Unasked & Answer;

type Answer =
  | {
      readonly kind: 'allow';
      readonly rule: RuleRef;
      readonly obligations: Obligations;
      /** The grants without which it would not be allowed; missing: none was needed. */
      readonly grants?: readonly GrantId[];
    }
  | { readonly kind: 'deny'; readonly rule: RuleRef | null; readonly message: string }
  | { readonly kind: 'hold'; readonly rule: RuleRef; readonly terms: HoldTerms; readonly obligations: Obligations };

/** One person's yes, as a fact for the second decision. */
export interface Approval {
  readonly by: string;
  readonly groups: readonly string[];
  readonly reason: string | null;
  readonly atMs: number;
  /** Whose right to approve was used, by delegation; missing: the person's own. */
  readonly onBehalfOf?: string;
  /** Through what it came; missing: not known. */
  readonly via?: AnsweredVia;
  /** Missing: none was given. */
  readonly secondFactor?: SecondFactorProof;
}

export interface SessionFacts {
  readonly clientAddress: string;
  readonly tls: boolean;
  /** How the person signed in: "token", "browser", "public-key". */
  readonly method: string;
  readonly database: string | null;
  /** The role of the database that the session runs as by an access grant, and can't leave; missing: the gateway's account's own. */
  readonly role?: string;
  /** Wall clock of the person's last proof of a second factor at this gateway; missing or null: never. Read it when deciding: it moves. */
  readonly secondFactorAtMs?: number | null;
}
