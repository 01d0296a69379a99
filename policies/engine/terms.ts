// The terms of a hold: several rules that hold at once are merged to the strictest of each, and approvals are counted against
// the result.

import type { Approval, HoldTerms, Obligations, RuleRef } from '../../src/core/decision.ts';
import type { Principal } from '../../src/core/principal.ts';
import { strictest } from './obligations.ts';
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
  const terms: HoldTerms = {
    approverGroups: shared.length > 0 ? shared : first,
    approvalsNeeded: Math.max(...all.map((it) => it.approvalsNeeded)),
    expiresMs: Math.min(...all.map((it) => it.expiresMs)),
    expiresInTransactionMs: Math.min(...all.map((it) => it.expiresInTransactionMs)),
    reasonRequired: all.some((it) => it.reasonRequired),
    ...(all.some((it) => it.wait === 'error') ? { wait: 'error' as const } : {}),
    ...(shared.length > 0 ? {} : { alsoInGroups: groupSets.slice(1) }),
    // Where several rules must be satisfied, nobody of them alone may widen who does.
    ...(all.length === 1 && all[0]?.escalate !== undefined ? { escalate: all[0].escalate } : {}),
    ...strictestFactor(all),
    ...shortestShape(all),
  };
  return { ref: joinRefs(rules), terms, obligations: uniteObligations(rules) };
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
  for (const approval of approvals) {
    if (approval.by === requester.name || !isProved(terms, approval)) continue;
    if (terms.reasonRequired && (approval.reason === null || approval.reason.trim() === '')) continue;
    const inOneOf = (groups: readonly string[]) => groups.some((group) => approval.groups.includes(group));
    // Before the time has come the desk takes no answer of the groups that it escalates to.
    if (inOneOf([...terms.approverGroups, ...(terms.escalate?.to ?? [])]) && (terms.alsoInGroups ?? []).every(inOneOf))
      people.add(approval.by);
  }
  return people.size >= terms.approvalsNeeded;
}
