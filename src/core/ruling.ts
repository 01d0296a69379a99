// The gate's answer to a submitted action.

import type { ApproverSet } from './quorum.ts';
import type { Classification } from './classification.ts';
import type { Obligations } from './decision.ts';
import type { HoldId } from './ids.ts';
import type { Masking } from './masking.ts';
import type { Permit } from './permit.ts';

/** Why an action does not run, for the person who asked. Drivers render it in their protocol. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** One sentence: what was refused and why. */
  readonly message: string;
  /** What to do about it, or null. */
  readonly hint: string | null;
  readonly holdId: HoldId | null;
  /** For `not-understood` with a syntax problem: UTF-16 offset in the text. */
  readonly offset: number | null;
}

export type RefusalReason =
  | 'denied' // by a rule, or nothing allowed it
  | 'not-understood' // denied, and the text could not be parsed: the message is the parser's
  | 'rejected' // a person said no
  | 'expired'
  | 'withdrawn' // the client cancelled or went away
  | 'transaction-failed' // it would wait for people, but the open transaction has failed and could only answer with that
  | 'fault'; // something of the gateway failed; closed

export type Ruling =
  | {
      readonly kind: 'release';
      readonly permit: Permit;
      readonly classification: Classification;
      readonly obligations: Obligations;
      /** Results go to the client and the recording only through it; missing: as they are. */
      readonly masking?: Masking;
    }
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

/** What the person at the client is told while the action waits. */
export interface HoldNotice {
  readonly holdId: HoldId;
  readonly rule: string;
  /** Why it waits, one sentence. */
  readonly message: string;
  readonly approverGroups: readonly string[];
  /** As in HoldTerms; missing in the common case. */
  readonly alsoInGroups?: readonly (readonly string[])[];
  /** As in HoldTerms; missing in the common case. */
  readonly approverSets?: readonly ApproverSet[];
  readonly approvalsNeeded: number;
  readonly approvalsGiven: number;
  /** Where an approver can answer; null when there is no console. */
  readonly url: string | null;
  readonly expiresAtMs: number;
}
