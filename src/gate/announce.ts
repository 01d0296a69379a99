// Tells the person that the action waits, and again whenever somebody answers.

import type { Decision } from '../core/decision.ts';
import type { PlacedHold } from '../core/hold.ts';
import type { Lane } from '../core/session.ts';

export function announce(lane: Lane, hold: PlacedHold, decision: Extract<Decision, { kind: 'hold' }>): void {
  const { terms, rule } = decision;
  const notice = (approvalsGiven: number, approverGroups: readonly string[], alsoInGroups: readonly (readonly string[])[]) => ({
    holdId: hold.id,
    rule: rule.id,
    message: rule.title,
    approverGroups,
    ...(alsoInGroups.length === 0 ? {} : { alsoInGroups }),
    ...(terms.approverSets === undefined ? {} : { approverSets: terms.approverSets }),
    approvalsNeeded: terms.approvalsNeeded,
    approvalsGiven,
    url: hold.url,
    expiresAtMs: hold.expiresAtMs,
  });
  hold.onProgress((given, groups, also) => lane.onHold(notice(given, groups, also)));
  lane.onHold(notice(0, terms.approverGroups, terms.alsoInGroups ?? []));
}
