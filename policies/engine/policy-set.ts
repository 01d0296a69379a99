// A loaded set of policies: judges actions, remembers what it decided, and explains itself. Immutable but for that memory.

import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { AccessDecision, AccessWish } from '../../src/core/grant.ts';
import type { Facts, PolicySet, WishFacts } from '../../src/core/policy.ts';
import { decide } from './decide.ts';
import { explain } from './explain.ts';
import type { Explanation } from './explain.ts';
import { askLine, judgeWish } from './access-judging.ts';
import type { AccessRule } from './access-rule.ts';
import { Judging } from './judging.ts';
import { SessionPlan } from './plan.ts';
import type { KindPlan, Likeness } from './plan.ts';
import { RuleUses } from './rule-use.ts';
import type { RuleUse } from './rule-use.ts';
import type { Rule } from './rule.ts';
import { signatureOf } from './signature.ts';

/** A rule as the console lists it. */
export interface RuleView {
  readonly id: string;
  readonly title: string;
  readonly policy: string;
  readonly decision: 'allow' | 'hold' | 'deny';
  readonly otherwise: boolean;
  readonly path: string;
  readonly line: number;
}

export interface LoadedPolicySet extends PolicySet {
  readonly rules: readonly RuleView[];
  /** Rule by rule: matched, or why not; and the decision that comes of it. */
  explain(action: Action, classification: Classification, facts: Facts): Explanation;
  judgeWish(wish: AccessWish, facts: WishFacts): AccessDecision;
  /** Whom and what this set tells apart: who judges many people and times needs to judge each kind only once. */
  likeness(facts: Facts): Likeness;
  /** Each rule with how often it decided since this version was loaded. */
  ruleUse(): readonly (RuleView & RuleUse)[];
}

type ByKey<Key extends WeakKey, Value> = WeakMap<Key, Value>;

export class CompiledPolicySet implements LoadedPolicySet {
  readonly version: string;
  readonly rules: readonly RuleView[];
  readonly #rules: readonly Rule[];
  readonly #accessRules: readonly AccessRule[];
  readonly #uses: RuleUses;
  readonly #plans: ByKey<Facts['principal'], ByKey<Facts['target'], ByKey<Facts['session'], SessionPlan>>> = new WeakMap();

  constructor(rules: readonly Rule[], accessRules: readonly AccessRule[], version: string) {
    this.#accessRules = accessRules;
    this.version = version;
    this.#rules = rules;
    this.#uses = new RuleUses(rules);
    this.rules = rules.map((rule) => ({
      id: rule.ref.id,
      title: rule.ref.title,
      policy: rule.file.name,
      decision: rule.decision,
      otherwise: rule.otherwise,
      path: rule.file.source.path,
      line: rule.file.source.lineOf(rule.at),
    }));
  }

  decide(action: Action, classification: Classification, facts: Facts): Decision {
    const session = this.#plan(facts);
    const plan = session.kind(action.kind);
    // Approvals belong to one action, so what they lead to is never remembered.
    if (facts.approvals.length > 0) return decided(plan, this.#judging(action, classification, facts, session));
    const remembered = action.transaction === 'none' ? plan.remembered : plan.rememberedInTransaction;
    const known = remembered.get(classification);
    if (known !== undefined) return known;
    const signed = action.transaction === 'none' ? plan.signed : plan.signedInTransaction;
    const alike = signed.alike(classification);
    if (alike !== undefined) return alike;
    const signature = signatureOf(classification);
    const allowed = signature === null ? undefined : signed.get(signature, classification);
    if (allowed !== undefined) return allowed;
    const judging = this.#judging(action, classification, facts, session);
    const decision = decided(plan, judging);
    if (judging.isVolatile) return decision;
    remembered.set(classification, decision);
    if (signature !== null) signed.set(signature, classification, decision);
    return decision;
  }

  explain(action: Action, classification: Classification, facts: Facts): Explanation {
    const session = this.#plan(facts);
    return explain(this.#rules, session.kind(action.kind), this.#judging(action, classification, facts, session));
  }

  judgeWish(wish: AccessWish, facts: WishFacts): AccessDecision {
    return judgeWish(this.#accessRules, wish, facts);
  }

  likeness(facts: Facts): Likeness {
    return this.#plan(facts).likeness(facts);
  }

  noteUse(decision: Decision, atMs: number, times = 1): void {
    if (decision.rule !== null) this.#uses.count(decision.rule, atMs, times);
  }

  ruleUse(): readonly (RuleView & RuleUse)[] {
    return this.rules.map((rule) => ({ ...rule, ...this.#uses.of(rule.id) }));
  }

  #judging(action: Action, classification: Classification, facts: Facts, session: SessionPlan): Judging {
    return new Judging(action, classification, facts, session.values, () => askLine(this.#accessRules, facts));
  }

  /** Principal, target and session facts keep their identity for the life of a session. */
  #plan(facts: Facts): SessionPlan {
    let targets = this.#plans.get(facts.principal);
    if (targets === undefined) this.#plans.set(facts.principal, (targets = new WeakMap()));
    let sessions = targets.get(facts.target);
    if (sessions === undefined) targets.set(facts.target, (sessions = new WeakMap()));
    let plan = sessions.get(facts.session);
    if (plan === undefined) sessions.set(facts.session, (plan = new SessionPlan(this.#rules, facts)));
    return plan;
  }
}

/** Decides, and says when the answer was made without an estimate of rows that could have changed it. */
function decided(plan: KindPlan, judging: Judging): Decision {
  const decision = decide(plan, judging);
  return judging.missesEstimate ? { ...decision, needs: 'estimated-rows' } : decision;
}
