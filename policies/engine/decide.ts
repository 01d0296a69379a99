// The order of decisions: any deny, then hold, then allow that covers everything, then what the "otherwise" rules say of the rest,
// then deny. The place of a rule in its file never matters to the outcome.

import type { Decision } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Judging } from './judging.ts';
import { effectsMax } from './limits.ts';
import { coversEffect, matchesEffect } from './matchers.ts';
import type { KindPlan, PlannedRule } from './plan.ts';
import { readsGrants } from './rule.ts';
import type { Rule } from './rule.ts';
import { joinRefs, mergeHolds, satisfied, uniteObligations } from './terms.ts';
import { accessWords, fillMessage, nothingAllows, notUnderstood } from './words.ts';

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
  if (holding.length > 0) return preApproved(plan, judging) ?? held(holding, judging);

  const coverage = cover(plan.allow, judging);
  if (coverage.complete) {
    const asking = coverage.rules.filter((rule) => judging.asksHeld(rule));
    if (asking.length > 0) return preApproved(plan, judging) ?? heldInPart(asking, coverage.rules, judging);
    const { grantsCounted } = judging;
    const grants = grantsCounted.length === 0 ? {} : { grants: grantsCounted };
    return { kind: 'allow', rule: joinRefs(coverage.rules), obligations: uniteObligations(coverage.rules), ...grants };
  }
  return preApproved(plan, judging) ?? decideRest(plan, judging, coverage.uncovered);
}

/** Allows when the text is a template whose rule matches here and now; null when it is none. Asked only of what would not run anyhow. */
function preApproved(plan: KindPlan, judging: Judging): Decision | null {
  const matching = plan.templates.filter((planned) => judging.isTemplate(planned.rule) && judging.whenHolds(planned));
  if (matching.length === 0) return null;
  const rules = matching.map(({ rule }) => rule);
  for (const rule of rules) judging.noteGrants(rule);
  const grants = judging.grantsCounted.length === 0 ? {} : { grants: judging.grantsCounted };
  return { kind: 'allow', rule: joinRefs(rules), obligations: uniteObligations(rules), ...grants };
}

/** Which allow rules match, and which effects none of them covers. */
export function cover(allow: readonly PlannedRule[], judging: Judging): Coverage {
  if (!judging.classification.understood) return { rules: [], uncovered: judging.effects, complete: false };
  const rules: Rule[] = [];
  let uncovered = judging.effects;
  for (const planned of allow) {
    // Grants are asked last and only for what is left: what is allowed anyhow does not end with one.
    if (readsGrants(planned.rule) && rules.length > 0 && uncovered.length === 0) continue;
    if (!judging.anyEffect(planned.rule) && judging.effects.length > 0) continue;
    if (!judging.whenHolds(planned)) continue;
    const { rule } = planned;
    // With no effects to reach (connect), having a grant is what counts.
    if (judging.effects.length === 0 ? !judging.hasGrant(rule) : !judging.effects.some((it) => covers(rule, it, judging))) continue;
    if (rule.needs === null || judging.effects.length === 0) judging.noteGrants(rule);
    rules.push(rule);
    uncovered = uncovered.filter((effect) => !covers(rule, effect, judging));
  }
  // Nothing named but said to be more than a read: the classifier could not name it, so no rule can have meant it.
  const { access } = judging.classification.summary;
  const unnamed = judging.effects.length === 0 && (access === 'write' || access === 'unknown');
  return { rules, uncovered, complete: rules.length > 0 && uncovered.length === 0 && !unnamed };
}

function covers(rule: Rule, effect: Effect, judging: Judging): boolean {
  return (rule.effects === null || coversEffect(rule.effects, effect)) && judging.isGranted(rule, effect);
}

function decideRest(plan: KindPlan, judging: Judging, uncovered: readonly Effect[]): Decision {
  const denying = plan.otherwiseDeny.find((planned) => matchesAny(planned, judging, uncovered));
  if (denying !== undefined) return denied(denying.rule, judging, uncovered);

  // A hold can give what no rule allows, so these must cover all of the rest, as allow rules would.
  const holding = plan.otherwiseHold.filter((planned) => matchesAny(planned, judging, uncovered));
  const left = uncovered.filter((effect) => !holding.some(({ rule }) => rule.effects === null || coversEffect(rule.effects, effect)));
  if (holding.length > 0 && left.length === 0) return held(holding, judging);

  const { action, classification, facts } = judging;
  return { kind: 'deny', rule: null, message: nothingAllows(action, classification, facts, left) + howToAsk(judging) };
}

/** A grant was missing, or did not reach far enough: says which there is, and the command line that asks for one. */
function howToAsk(judging: Judging): string {
  return judging.missesGrant ? accessWords(judging.facts, judging.askLine()) : '';
}

function matchesAny(planned: PlannedRule, judging: Judging, among: readonly Effect[] = judging.effects): boolean {
  const { rule } = planned;
  if (!judging.readable(rule) || !judging.anyEffect(rule, among)) return false;
  if (judging.whenHolds(planned)) return judging.hasGrant(rule);
  // It would have spoken without a grant: what runs now runs because of one.
  if (rule.decision === 'deny' && rule.needs === null) judging.noteGrants(rule);
  return false;
}

function denied(rule: Rule, judging: Judging, among: readonly Effect[] = judging.effects): Decision {
  const { classification, facts } = judging;
  const { effects } = rule;
  if (rule.message === null) {
    const message = classification.understood ? rule.ref.title : notUnderstood(classification);
    return { kind: 'deny', rule: rule.ref, message };
  }
  const effect = (effects === null ? among[0] : among.find((it) => matchesEffect(effects, it))) ?? null;
  return { kind: 'deny', rule: rule.ref, message: fillMessage(rule.message, classification, facts, effect, judging.askLine()) };
}

/** What is allowed, but asks about masked columns: the rules that hide them say who may approve that. */
function heldInPart(asking: readonly Rule[], allowing: readonly Rule[], judging: Judging): Decision {
  const { ref, terms } = mergeHolds(asking);
  const obligations = uniteObligations(allowing);
  const { approvals, principal } = judging.facts;
  const grants = judging.grantsCounted.length === 0 ? {} : { grants: judging.grantsCounted };
  if (approvals.length > 0 && satisfied(terms, approvals, principal)) return { kind: 'allow', rule: ref, obligations, ...grants };
  return { kind: 'hold', rule: ref, terms, obligations };
}

/** Holds, or allows when people have said yes to what the rules ask now. */
function held(holding: readonly PlannedRule[], judging: Judging): Decision {
  const { ref, terms, obligations } = mergeHolds(holding.map(({ rule }) => rule));
  const { approvals, principal } = judging.facts;
  for (const { rule } of holding) judging.noteGrants(rule);
  const grants = judging.grantsCounted.length === 0 ? {} : { grants: judging.grantsCounted };
  if (approvals.length > 0 && satisfied(terms, approvals, principal)) return { kind: 'allow', rule: ref, obligations, ...grants };
  return { kind: 'hold', rule: ref, terms, obligations };
}
