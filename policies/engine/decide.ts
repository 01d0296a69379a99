// The order of decisions: any deny, then hold, then allow that covers everything, then what the "otherwise" rules say of the rest,
// then deny. The place of a rule in its file never matters to the outcome.

import type { Decision } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Judging } from './judging.ts';
import { effectsMax } from './limits.ts';
import { matchesEffect } from './matchers.ts';
import type { KindPlan, PlannedRule } from './plan.ts';
import type { Rule } from './rule.ts';
import { joinRefs, mergeHolds, satisfied, uniteObligations } from './terms.ts';
import { fillMessage, nothingAllows, notUnderstood } from './words.ts';

/** What the allow rules leave over. */
export interface Coverage {
  readonly rules: readonly Rule[];
  readonly uncovered: readonly Effect[];
  /** Everything is allowed. Not the same as nothing uncovered: an action without effects still needs a rule. */
  readonly complete: boolean;
}

export function decide(plan: KindPlan, judging: Judging): Decision {
  if (judging.effects.length > effectsMax) {
    return { kind: 'deny', rule: null, message: `it does more than ${effectsMax} different things at once; run it in parts` };
  }
  const denying = plan.deny.find((planned) => matchesAny(planned, judging));
  if (denying !== undefined) return denied(denying.rule, judging);

  const holding = plan.hold.filter((planned) => matchesAny(planned, judging));
  if (holding.length > 0) return held(holding, judging);

  const coverage = cover(plan.allow, judging);
  if (coverage.complete) return { kind: 'allow', rule: joinRefs(coverage.rules), obligations: uniteObligations(coverage.rules) };
  return decideRest(plan, judging, coverage.uncovered);
}

/** Which allow rules match, and which effects none of them covers. */
export function cover(allow: readonly PlannedRule[], judging: Judging): Coverage {
  if (!judging.classification.understood) return { rules: [], uncovered: judging.effects, complete: false };
  const rules: Rule[] = [];
  let uncovered = judging.effects;
  for (const planned of allow) {
    const { effects } = planned.rule;
    if (!judging.anyEffect(planned.rule) && judging.effects.length > 0) continue;
    if (!judging.whenHolds(planned)) continue;
    rules.push(planned.rule);
    uncovered = effects === null ? [] : uncovered.filter((effect) => !matchesEffect(effects, effect));
  }
  // Nothing named but said to be more than a read: the classifier could not name it, so no rule can have meant it.
  const { access } = judging.classification.summary;
  const unnamed = judging.effects.length === 0 && (access === 'write' || access === 'unknown');
  return { rules, uncovered, complete: rules.length > 0 && uncovered.length === 0 && !unnamed };
}

function decideRest(plan: KindPlan, judging: Judging, uncovered: readonly Effect[]): Decision {
  const denying = plan.otherwiseDeny.find((planned) => matchesAny(planned, judging, uncovered));
  if (denying !== undefined) return denied(denying.rule, judging, uncovered);

  // A hold can give what no rule allows, so these must cover all of the rest, as allow rules would.
  const holding = plan.otherwiseHold.filter((planned) => matchesAny(planned, judging, uncovered));
  const left = uncovered.filter((effect) => !holding.some(({ rule }) => rule.effects === null || matchesEffect(rule.effects, effect)));
  if (holding.length > 0 && left.length === 0) return held(holding, judging);

  const { action, classification, facts } = judging;
  return { kind: 'deny', rule: null, message: nothingAllows(action, classification, facts, left) };
}

function matchesAny(planned: PlannedRule, judging: Judging, among: readonly Effect[] = judging.effects): boolean {
  return judging.readable(planned.rule) && judging.anyEffect(planned.rule, among) && judging.whenHolds(planned);
}

function denied(rule: Rule, judging: Judging, among: readonly Effect[] = judging.effects): Decision {
  const { classification, facts } = judging;
  const { effects } = rule;
  if (rule.message === null) {
    const message = classification.understood ? rule.ref.title : notUnderstood(classification);
    return { kind: 'deny', rule: rule.ref, message };
  }
  const effect = (effects === null ? among[0] : among.find((it) => matchesEffect(effects, it))) ?? null;
  return { kind: 'deny', rule: rule.ref, message: fillMessage(rule.message, classification, facts, effect) };
}

/** Holds, or allows when people have said yes to what the rules ask now. */
function held(holding: readonly PlannedRule[], judging: Judging): Decision {
  const { ref, terms, obligations } = mergeHolds(holding.map(({ rule }) => rule));
  const { approvals, principal } = judging.facts;
  if (approvals.length > 0 && satisfied(terms, approvals, principal)) return { kind: 'allow', rule: ref, obligations };
  return { kind: 'hold', rule: ref, terms, obligations };
}
