// Turns what the gate asks into the record that people see, and the record's end into what the gate hears.

import { reasonCharsMax } from './answer.ts';
import type { AnsweredVia } from '../core/answered-via.ts';
import type { Approval, HoldTerms, RuleRef, SecondFactorProof } from '../core/decision.ts';
import { effectWords } from '../core/effect.ts';
import type { HoldRequest, Settlement } from '../core/hold.ts';
import type { HoldId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { HoldRecord } from '../store/hold-rows.ts';
import type { HoldEnd } from '../store/holds.ts';
import type { HoldRule } from './pending-hold.ts';

/** What the waiting action hears of a hold that has ended. */
export function settlementOf(record: HoldRecord): Settlement {
  switch (record.state) {
    case 'approved':
      return { kind: 'approved', approvals: record.approvals };
    case 'denied':
      return { kind: 'denied', by: record.settledBy ?? 'an approver', reason: record.settledReason };
    case 'changes_requested':
      return { kind: 'changes-requested', by: record.settledBy ?? 'an approver', words: record.settledReason ?? '' };
    case 'expired':
      return { kind: 'expired' };
    case 'withdrawn':
      return { kind: 'withdrawn', why: record.settledReason ?? 'no reason was given' };
    case 'pending':
      throw new Error(`hold ${record.id} has not ended`);
  }
}

/** The part of a record that a rule decides. */
export function termsOf(rule: RuleRef, terms: HoldTerms) {
  return {
    ruleId: rule.id,
    ruleTitle: rule.title,
    policyVersion: rule.version,
    approverGroups: terms.approverGroups,
    alsoInGroups: terms.alsoInGroups ?? [],
    approverSets: terms.approverSets ?? [],
    approvalsNeeded: Math.max(1, terms.approvalsNeeded),
    reasonRequired: terms.reasonRequired,
    secondFactor: terms.secondFactor ?? null,
    escalation: terms.escalate ?? [],
  };
}

/** A hold as it is after its end. */
export function endedRecord(record: HoldRecord, { state, atMs, by, reason, via }: HoldEnd): HoldRecord {
  return { ...record, state, settledAtMs: atMs, settledBy: by, settledReason: reason, settledVia: via };
}

interface Given {
  readonly reason: string | null;
  readonly atMs: number;
  readonly proof: SecondFactorProof | null;
  readonly via: AnsweredVia | null;
}

/** The yes of a person, in the person's own right or in that of somebody who has lent it. */
export function approvalOf(person: Principal, lent: Principal, { reason, atMs, proof, via }: Given): Approval {
  return {
    by: person.name,
    groups: [...new Set([...person.groups, ...lent.groups])],
    reason,
    atMs,
    ...(lent === person ? {} : { onBehalfOf: lent.name }),
    ...(via === null ? {} : { via }),
    ...(proof === null ? {} : { secondFactor: proof }),
  };
}

/** The rule of a hold of an earlier run, by which it is judged again. Its times are over with that run. */
export function askedOf(record: HoldRecord): HoldRule {
  const { approverGroups, alsoInGroups, approverSets, approvalsNeeded, reasonRequired, secondFactor, escalation } = record;
  const expiresMs = record.expiresAtMs - record.createdAtMs;
  const times = { expiresMs, expiresInTransactionMs: expiresMs, wait: 'error' as const };
  return {
    rule: { id: record.ruleId, title: record.ruleTitle, version: record.policyVersion },
    terms: {
      ...{ approverGroups, alsoInGroups, approvalsNeeded, reasonRequired, ...times },
      ...(secondFactor === null ? {} : { secondFactor }),
      ...(approverSets.length === 0 ? {} : { approverSets }),
      escalate: escalation,
    },
  };
}

/** Whether two records of a hold ask for the same approvals by the same rule. */
export function sameTerms(a: HoldRecord, b: HoldRecord): boolean {
  const same =
    a.ruleId === b.ruleId &&
    a.approvalsNeeded === b.approvalsNeeded &&
    a.reasonRequired === b.reasonRequired &&
    a.secondFactor === b.secondFactor;
  return same && a.ruleTitle === b.ruleTitle && groupsKey(a) === groupsKey(b);
}

function groupsKey({ approverGroups, alsoInGroups, approverSets }: HoldRecord): string {
  return JSON.stringify([approverGroups, alsoInGroups, approverSets]);
}

/** The record of a request that begins to wait now. */
export function recordOf(id: HoldId, request: HoldRequest, nowMs: number, expiresMs: number): HoldRecord {
  const { classification } = request;
  return {
    id,
    state: 'pending',
    actionId: request.actionId,
    sessionId: request.sessionId,
    actionKind: request.actionKind,
    principal: request.principal.name,
    principalName: request.principal.displayName,
    target: request.target.name,
    targetProtocol: request.target.protocol,
    targetLabels: request.target.labels,
    clientAddress: request.clientAddress,
    reason: request.reason == null || request.reason.trim() === '' ? null : request.reason.slice(0, reasonCharsMax),
    access: request.access ?? [],
    text: request.text,
    parameters: request.parameters,
    digest: request.digest,
    statementKinds: classification.summary.kinds,
    effects: classification.summary.effects.map(effectWords),
    risks: classification.statements.flatMap((it) => it.risks),
    transaction: request.transaction,
    ...termsOf(request.rule, request.terms),
    approvals: [],
    createdAtMs: nowMs,
    expiresAtMs: nowMs + expiresMs,
    settledAtMs: null,
    settledBy: null,
    settledReason: null,
    settledVia: null,
    again: request.again ?? null,
  };
}
