// One hold as it is stored and shown, and how it stands in rows. The whole text is kept; nothing is cut here.

import type { Parameter, TransactionState } from '../core/action.ts';
import type { AnsweredVia } from '../core/answered-via.ts';
import type { Risk } from '../core/classification.ts';
import type { Approval, EscalationStep, SecondFactor, SecondFactorProof } from '../core/decision.ts';
import type { HoldAccess, HoldState } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import type { ApproverSet } from '../core/quorum.ts';

/** Immutable: a change makes a new one. */
export interface HoldRecord {
  readonly id: HoldId;
  readonly state: HoldState;
  readonly actionId: string;
  readonly sessionId: string;
  readonly actionKind: string;
  readonly principal: string;
  readonly principalName: string;
  readonly target: string;
  readonly targetProtocol: string;
  readonly targetLabels: Readonly<Record<string, string>>;
  readonly clientAddress: string;
  /** What the session said that it is for; null: nothing. */
  readonly reason: string | null;
  /** Access for a while that the person had to the target. */
  readonly access: readonly HoldAccess[];
  readonly text: string;
  readonly parameters: readonly Parameter[] | null;
  readonly digest: string;
  readonly statementKinds: readonly string[];
  /** "drop public.orders", … */
  readonly effects: readonly string[];
  readonly risks: readonly Risk[];
  readonly transaction: TransactionState;
  readonly ruleId: string;
  readonly ruleTitle: string;
  readonly policyVersion: string;
  readonly approverGroups: readonly string[];
  /** An approver must also be in one group of each of these sets; empty in the common case. */
  readonly alsoInGroups: readonly (readonly string[])[];
  /** Each of them must be satisfied by people of its own; empty in the common case. */
  readonly approverSets: readonly ApproverSet[];
  readonly approvalsNeeded: number;
  readonly reasonRequired: boolean;
  /** What an approver has to prove with the approval; null: nothing more. */
  readonly secondFactor: SecondFactor | null;
  /** Who may answer as well when it goes on waiting: the steps still to come, by the time since it was placed. */
  readonly escalation: readonly EscalationStep[];
  readonly approvals: readonly Approval[];
  readonly createdAtMs: number;
  /** Wall clock, for people; what counts is the monotonic deadline of the process that holds. */
  readonly expiresAtMs: number;
  readonly settledAtMs: number | null;
  readonly settledBy: string | null;
  readonly settledReason: string | null;
  /** Through what that answer came; null: none, or not known. */
  readonly settledVia: AnsweredVia | null;
  /** Set for one that is answered without its client and run again afterwards: it outlives a restart. */
  readonly again: { readonly key: string; readonly approvedForMs: number } | null;
}

/** What is only shown, together in one column. */
const askedKeys = [
  'actionKind',
  'principalName',
  'targetProtocol',
  'targetLabels',
  'clientAddress',
  'reason',
  'access',
  'statementKinds',
  'effects',
  'risks',
  'transaction',
] as const;
/** What a rule decides, in another. */
const termsKeys = [
  'ruleId',
  'ruleTitle',
  'policyVersion',
  'approverGroups',
  'alsoInGroups',
  'approverSets',
  'approvalsNeeded',
  'reasonRequired',
  'secondFactor',
  'escalation',
] as const;
/** Those that rows of earlier versions do not have. */
const laterAsked = { reason: null, access: [] } as const;
const laterTerms = { alsoInGroups: [], secondFactor: null, escalation: [], approverSets: [] } as const;

type Asked = Pick<HoldRecord, (typeof askedKeys)[number]>;
type Terms = Pick<HoldRecord, (typeof termsKeys)[number]>;

/** A row of `holds`. */
export interface HoldRow {
  readonly number: number;
  readonly id: HoldId;
  readonly state: HoldState;
  readonly principal: string;
  readonly session_id: string;
  readonly action_id: string;
  readonly target: string;
  readonly digest: string;
  readonly text: string;
  readonly parameters: string | null;
  readonly asked: string;
  readonly terms: string;
  readonly created_at_ms: number;
  readonly expires_at_ms: number;
  readonly settled_at_ms: number | null;
  readonly settled_by: string | null;
  readonly settled_reason: string | null;
  readonly settled_via: AnsweredVia | null;
  readonly again: string | null;
  readonly elapsed_ms: number;
  readonly seen_at_ms: number;
}

/** A row of `hold_approvals`. */
export interface ApprovalRow {
  readonly person: string;
  readonly groups: string;
  readonly reason: string | null;
  readonly at_ms: number;
  readonly second_factor: string | null;
  readonly on_behalf_of: string | null;
  readonly via: AnsweredVia | null;
}

export function recordOf(row: HoldRow, approvals: readonly ApprovalRow[]): HoldRecord {
  return {
    id: row.id,
    state: row.state,
    actionId: row.action_id,
    sessionId: row.session_id,
    principal: row.principal,
    target: row.target,
    text: row.text,
    parameters: row.parameters === null ? null : (JSON.parse(row.parameters) as Parameter[]),
    digest: row.digest,
    ...laterAsked,
    ...(JSON.parse(row.asked) as Omit<Asked, keyof typeof laterAsked> & Partial<Asked>),
    ...laterTerms,
    ...(JSON.parse(row.terms) as Omit<Terms, keyof typeof laterTerms> & Partial<Terms>),
    approvals: approvals.map(approvalOf),
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
    settledAtMs: row.settled_at_ms,
    settledBy: row.settled_by,
    settledReason: row.settled_reason,
    settledVia: row.settled_via,
    again: row.again === null ? null : (JSON.parse(row.again) as HoldRecord['again']),
  };
}

function approvalOf(row: ApprovalRow): Approval {
  return {
    ...{ by: row.person, groups: JSON.parse(row.groups) as string[], reason: row.reason, atMs: row.at_ms },
    ...(row.second_factor === null ? {} : { secondFactor: JSON.parse(row.second_factor) as SecondFactorProof }),
    ...(row.on_behalf_of === null ? {} : { onBehalfOf: row.on_behalf_of }),
    ...(row.via === null ? {} : { via: row.via }),
  };
}

/** The columns that hold JSON. */
export function jsonColumns(hold: HoldRecord): { parameters: string | null; asked: string; terms: string; again: string | null } {
  const { parameters, again } = hold;
  return {
    parameters: parameters === null ? null : JSON.stringify(parameters),
    asked: JSON.stringify(picked(hold, askedKeys)),
    terms: JSON.stringify(picked(hold, termsKeys)),
    again: again === null ? null : JSON.stringify(again),
  };
}

function picked<K extends keyof HoldRecord>(hold: HoldRecord, keys: readonly K[]): Pick<HoldRecord, K> {
  return Object.fromEntries(keys.map((key) => [key, hold[key]])) as Pick<HoldRecord, K>;
}
