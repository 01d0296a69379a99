// What a person can answer to a hold, and what comes of it. The one place that knows who may; the console shows the same words.

import type { Approval, SecondFactor, SecondFactorProof } from '../core/decision.ts';
import type { HoldState } from '../core/hold.ts';
import type { Principal } from '../core/principal.ts';
import { approverSetWords, yesesMissing } from '../core/quorum.ts';
import { approverWords } from '../core/words.ts';
import type { HoldRecord } from '../store/hold-rows.ts';

export type Answer = 'approve' | 'deny' | 'request-changes';

export type NotAllowed =
  'requester' | 'ai-agent' | 'not-an-approver' | 'reason-missing' | 'reason-too-long' | 'second-factor-missing' | 'not-approved';

export type AnswerResult =
  /** It runs now. `already`: this person had approved it before, and nothing new happened. */
  | { readonly kind: 'approved'; readonly hold: HoldRecord; readonly already: boolean }
  /** The yes counts and others are needed. `already`: this person's yes was counted before. */
  | { readonly kind: 'counted'; readonly hold: HoldRecord; readonly given: number; readonly needed: number; readonly already: boolean }
  | { readonly kind: 'denied'; readonly hold: HoldRecord; readonly already: boolean }
  | { readonly kind: 'changes-requested'; readonly hold: HoldRecord; readonly already: boolean }
  /** A yes does not count any more. */
  | { readonly kind: 'taken-back'; readonly hold: HoldRecord }
  /** It had ended before this answer came; nothing ran because of it. */
  | { readonly kind: 'not-pending'; readonly hold: HoldRecord; readonly state: Exclude<HoldState, 'pending'> }
  | { readonly kind: 'not-allowed'; readonly hold: HoldRecord; readonly because: NotAllowed; readonly why: string }
  /** The answer could not be written down: the hold was withdrawn, nothing runs. */
  | { readonly kind: 'failed'; readonly why: string }
  | { readonly kind: 'unknown' };

/** A reason is a sentence or two; it is shown to the requester and kept in the log. */
export const reasonCharsMax = 1000;

interface Denial {
  readonly because: NotAllowed;
  readonly why: string;
}

/** What it is to be answered, as far as it says who may. */
type Answerable = Pick<HoldRecord, 'principal' | 'approverGroups' | 'alsoInGroups'> &
  Partial<Pick<HoldRecord, 'approvals' | 'approverSets'>>;

/** In whose right a person answers: the person's own, or that of somebody who has lent it. */
export function standingOf(hold: Answerable, person: Principal, lenders: readonly Principal[]): Principal | null {
  if (isIn(hold, person.groups)) return person;
  // The requester's own right answers nothing of the requester, whoever uses it.
  const able = lenders.filter((lender) => lender.name !== hold.principal && isIn(hold, lender.groups));
  return able.find((lender) => voiceOf(hold, person, lender) === undefined) ?? able[0] ?? null;
}

/** The approval that somebody else has given in that right: one right is one voice, whoever uses it. */
function voiceOf(hold: Answerable, person: Principal, standing: Principal): Approval | undefined {
  return hold.approvals?.find((it) => it.by !== person.name && (it.onBehalfOf ?? it.by) === standing.name);
}

/** Several rules may hold at once: an approver must satisfy each of them, and hears it before the answer, not after it. */
function isIn(hold: Answerable, groups: readonly string[]): boolean {
  return [hold.approverGroups, ...hold.alsoInGroups].every((set) => set.some((group) => groups.includes(group)));
}

/** Null when the person may answer this hold; else why not, one sentence. `lenders` have lent the person their right to. */
export function notAllowed(hold: Answerable, person: Principal, lenders: readonly Principal[] = []): Denial | null {
  if (person.name === hold.principal) {
    return { because: 'requester', why: 'you asked for this yourself; somebody else must answer it' };
  }
  if (person.kind === 'ai-agent') return { because: 'ai-agent', why: 'an AI agent cannot answer holds; a person must' };
  const standing = standingOf(hold, person, lenders);
  if (standing === null) {
    const who = approverWords(hold.approverGroups, hold.alsoInGroups);
    return { because: 'not-an-approver', why: `only members of ${who} may answer this hold` };
  }
  const { approverSets = [], approvals = [] } = hold;
  if (approverSets.length > 0 && !approvals.some(({ by }) => by === person.name)) {
    const groups = [...person.groups, ...standing.groups];
    if (yesesMissing(approverSets, [...approvals, { by: person.name, groups }]) === yesesMissing(approverSets, approvals)) {
      const why = `${approverSetWords(approverSets)} must say yes, and those who are asked of your groups have; somebody else is needed`;
      return { because: 'not-an-approver', why };
    }
  }
  const voice = voiceOf(hold, person, standing);
  if (voice !== undefined) {
    const whose = standing.name === person.name ? 'your' : `${standing.name}'s`;
    return { because: 'not-an-approver', why: `${voice.by} has answered in ${whose} right already` };
  }
  return null;
}

/** Whether the reason that came with an answer will do. */
export function reasonProblem(hold: HoldRecord, answer: Answer, reason: string | null): Denial | null {
  if (answer === 'approve' && hold.reasonRequired && reason === null) {
    return { because: 'reason-missing', why: `rule ${hold.ruleId} asks for a reason with every approval` };
  }
  if (answer === 'request-changes' && reason === null) {
    return { because: 'reason-missing', why: 'say what to change: the words go to the person who asked' };
  }
  if (reason !== null && reason.length > reasonCharsMax) {
    return { because: 'reason-too-long', why: `a reason has at most ${reasonCharsMax} characters` };
  }
  return null;
}

/**
 * Whether an approval came with the proof that the hold's rule asks for. A denial needs none: it lets nothing through. What a
 * passkey signs is the same each time, and the audit log shows it: after a yes that went (`isSpent`) anybody could send it again.
 */
export function proofProblem(hold: HoldRecord, answer: Answer, proof: SecondFactorProof | null, isSpent: () => boolean): Denial | null {
  if (answer !== 'approve' || hold.secondFactor === null) return null;
  if (proof?.kind === 'passkey') {
    const why =
      'your passkey has signed this before, and that yes was taken back or does not count any more: somebody else must approve it';
    return isSpent() ? { because: 'second-factor-missing', why } : null;
  }
  if (hold.secondFactor === 'totp' && proof?.kind === 'totp') return null;
  return { because: 'second-factor-missing', why: secondFactorWords(hold.ruleId, hold.secondFactor) };
}

function secondFactorWords(rule: string, wanted: SecondFactor): string {
  switch (wanted) {
    case 'passkey':
      return `rule ${rule} asks for a passkey with every approval: approve it in the console, where your passkey signs exactly this action`;
    case 'totp':
      return `rule ${rule} asks for a second factor with every approval: approve it in the console, or send the six-digit code of your authenticator (sallyport approve --code)`;
  }
}

/**
 * A reason as one line of plain text, or null when nothing is left. It is printed on the requester's terminal, so characters
 * that steer a terminal or turn the direction of text become spaces.
 */
export function plainReason(reason: string | null): string | null {
  const plain = (reason ?? '').replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]+/gu, ' ').trim();
  return plain === '' ? null : plain;
}

/** What an answer to a hold that has ended comes to: a repeated click is no error. */
export function answerAfterEnd(hold: HoldRecord, person: Principal, answer: Answer): AnswerResult {
  if (hold.state === 'pending') throw new Error(`hold ${hold.id} has not ended`);
  const approvedIt = hold.approvals.some((it) => it.by === person.name);
  if (hold.state === 'approved' && answer === 'approve' && approvedIt) return { kind: 'approved', hold, already: true };
  if (hold.state === 'denied' && answer === 'deny' && hold.settledBy === person.name) return { kind: 'denied', hold, already: true };
  if (hold.state === 'changes_requested' && answer === 'request-changes' && hold.settledBy === person.name) {
    return { kind: 'changes-requested', hold, already: true };
  }
  return { kind: 'not-pending', hold, state: hold.state };
}
