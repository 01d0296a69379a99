// The terms of a hold: several rules that hold at once are merged to the strictest of each, and approvals are counted against
// the result.

import type { Approval, EscalationStep, HoldTerms, Obligations, RuleRef } from '../../src/core/decision.ts';
import type { Principal } from '../../src/core/principal.ts';
import { yesesMissing } from '../../src/core/quorum.ts';
import type { ApproverSet } from '../../src/core/quorum.ts';
import { strictest } from './obligations.ts';
import { askedOfSets } from './rule.ts';
import type { Rule } from './rule.ts';

export interface Merged {
  readonly ref: RuleRef;
  readonly terms: HoldTerms;
  readonly obligations: Obligations;
}

/** Names all of the rules; never called with none. */
export function joinRefs(rules: readonly Rule[]): RuleRef {
  if (rules.length === 1) return rules[0]!.ref;
  return {
    id: rules.map((rule) => rule.ref.id).join(', '),
    title: [...new Set(rules.map((rule) => rule.ref.title))].join('; '),
    version: rules[0]!.ref.version,
  };
}

export function uniteObligations(rules: readonly Rule[]): Obligations {
  const united = strictest(rules.map((rule) => rule.obligations));
  if (united.rowsMax === undefined && united.statementTimeoutMs === undefined) return united;
  const limiting = rules.filter(({ obligations: it }) => it.rowsMax !== undefined || it.statementTimeoutMs !== undefined);
  return { ...united, limitedBy: joinRefs(limiting).id };
}

/**
 * The largest count, the shortest waits, a reason if any rule wants one. Approvers must satisfy every rule: the groups that
 * all rules name, or, when no group is named by all of them, one group of each rule.
 */
export function mergeHolds(rules: readonly Rule[]): Merged {
  const all = rules.flatMap((rule) => (rule.terms === null ? [] : [rule.terms]));
  const groupSets = all.map((terms) => terms.approverGroups);
  const first = groupSets[0] ?? [];
  const shared = first.filter((group) => groupSets.every((set) => set.includes(group)));
  const asksSets = all.some(({ approverSets }) => approverSets !== undefined);
  const asked = asksSets
    ? askedOfSets(allSets(all))
    : {
        approverGroups: shared.length > 0 ? shared : first,
        approvalsNeeded: Math.max(...all.map((it) => it.approvalsNeeded)),
        ...(shared.length > 0 ? {} : { alsoInGroups: groupSets.slice(1) }),
        ...mergedEscalation(all),
      };
  const terms: HoldTerms = {
    ...asked,
    expiresMs: Math.min(...all.map((it) => it.expiresMs)),
    expiresInTransactionMs: Math.min(...all.map((it) => it.expiresInTransactionMs)),
    reasonRequired: all.some((it) => it.reasonRequired),
    ...(all.some((it) => it.wait === 'error') ? { wait: 'error' as const } : {}),
    ...strictestFactor(all),
    ...shortestShape(all),
  };
  return { ref: joinRefs(rules), terms, obligations: uniteObligations(rules) };
}

/**
 * Where a rule asks several sets of people, every set of every rule must be satisfied by people of its own; but for a set that
 * follows from one of another rule, which asks as many of the same people or of fewer groups. Nobody is asked later then.
 */
function allSets(all: readonly HoldTerms[]): readonly ApproverSet[] {
  const sets = all.flatMap((terms, rule) =>
    (terms.approverSets ?? [{ groups: terms.approverGroups, count: terms.approvalsNeeded }]).map((set) => ({ ...set, rule })),
  );
  const follows = (set: (typeof sets)[number], from: (typeof sets)[number], isBefore: boolean) =>
    set.rule !== from.rule &&
    from.groups.every((group) => set.groups.includes(group)) &&
    (from.count > set.count || (from.count === set.count && (from.groups.length < set.groups.length || isBefore)));
  return sets
    .filter((set, at) => !sets.some((from, other) => follows(set, from, other < at)))
    .map(({ groups, count }) => ({ groups, count }));
}

/**
 * Each rule widens its own set of approvers at its own time, and an approver must still satisfy every rule: where one rule asks
 * managers after five minutes and another never does, a manager may answer then who is in a group of the other. The order of
 * the rules does not matter, and nobody who might answer before loses that.
 */
function mergedEscalation(all: readonly HoldTerms[]): Pick<HoldTerms, 'escalate'> {
  const [only] = all;
  if (all.length === 1) return only?.escalate === undefined ? {} : { escalate: only.escalate };
  const times = [...new Set(all.flatMap(({ escalate = [] }) => escalate.map(({ afterMs }) => afterMs)))].toSorted((a, b) => a - b);
  const steps: EscalationStep[] = [];
  let before = smallest(all.map(({ approverGroups }) => approverGroups));
  let asked: string[] = [];
  for (const afterMs of times) {
    const due = all.map(({ escalate = [] }) => escalate.findLast((step) => step.afterMs <= afterMs));
    const sets = smallest(all.map(({ approverGroups }, at) => due[at]?.sets[0] ?? approverGroups));
    asked = [...new Set([...asked, ...due.flatMap((step) => (step?.afterMs === afterMs ? step.to : []))])];
    // What one rule widens may change nothing while another asks for the same people as before.
    if (JSON.stringify(sets) === JSON.stringify(before)) continue;
    steps.push({ afterMs, to: asked.toSorted(), sets });
    before = sets;
    asked = [];
  }
  return steps.length === 0 ? {} : { escalate: steps };
}

/** The sets without those that follow from another: who is in dba is in "dba or sre". In an order of their own. */
function smallest(sets: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const distinct = [...new Map(sets.map((set) => [JSON.stringify(set.toSorted()), set.toSorted()])).values()];
  const needed = distinct.filter((set) => !distinct.some((other) => other !== set && other.every((group) => set.includes(group))));
  return needed.toSorted((a, b) => (a.join() < b.join() ? -1 : 1));
}

function strictestFactor(all: readonly HoldTerms[]): Pick<HoldTerms, 'secondFactor'> {
  const asked = all.map((terms) => terms.secondFactor);
  if (asked.includes('passkey')) return { secondFactor: 'passkey' };
  return asked.includes('totp') ? { secondFactor: 'totp' } : {};
}

/** Only when every rule lets a shape be approved, and none wants a passkey's signature, which is over one action. */
function shortestShape(all: readonly HoldTerms[]): Pick<HoldTerms, 'shapeMsMax'> {
  const longest = all.map(({ shapeMsMax, secondFactor }) => (secondFactor === 'passkey' ? 0 : (shapeMsMax ?? 0)));
  const shapeMsMax = Math.min(...longest);
  return shapeMsMax > 0 ? { shapeMsMax } : {};
}

/** Whether an approval came with what the terms ask of it; a passkey does for a code as well. */
function isProved(terms: HoldTerms, approval: Approval): boolean {
  if (terms.secondFactor === undefined) return true;
  return approval.secondFactor?.kind === 'passkey' || (terms.secondFactor === 'totp' && approval.secondFactor?.kind === 'totp');
}

/** Do these approvals satisfy the terms now? One person counts once, and never for an action of their own. */
export function satisfied(terms: HoldTerms, approvals: readonly Approval[], requester: Principal): boolean {
  const people = new Set<string>();
  const counting: Approval[] = [];
  for (const approval of approvals) {
    if (approval.by === requester.name || !isProved(terms, approval)) continue;
    if (terms.reasonRequired && (approval.reason === null || approval.reason.trim() === '')) continue;
    const inOneOf = (groups: readonly string[]) => groups.some((group) => approval.groups.includes(group));
    // Before the time has come the desk takes no answer of the groups that it escalates to; the last step is the widest.
    const sets = terms.escalate?.at(-1)?.sets ?? [terms.approverGroups, ...(terms.alsoInGroups ?? [])];
    if (sets.every(inOneOf)) people.add(approval.by);
    counting.push(approval);
  }
  if (terms.approverSets !== undefined) return yesesMissing(terms.approverSets, counting) === 0;
  return people.size >= terms.approvalsNeeded;
}
