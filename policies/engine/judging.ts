// One judgement: an action's facts, made when they are first asked for, and whether anything that changes was asked.

import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { effectKey, type Effect } from '../../src/core/effect.ts';
import type { GrantId } from '../../src/core/ids.ts';
import type { Facts } from '../../src/core/policy.ts';
import { askColumns } from './columns.ts';
import type { ConditionContext } from './condition.ts';
import { ActionFact, ApprovalFact, GrantFact, GrantStateFact, HistoryFact } from './facts.ts';
import { grantsFor, reaches } from './grant-reach.ts';
import { matchesEffect } from './matchers.ts';
import type { PlannedRule, SessionValues } from './plan.ts';
import { readsGrants } from './rule.ts';
import type { PolicyFile, Rule } from './rule.ts';
import { neverRead } from './steady-facts.ts';

export class Judging {
  readonly action: Action;
  readonly classification: Classification;
  readonly facts: Facts;
  /** Without duplicates. */
  readonly effects: readonly Effect[];
  /** A condition was asked that reads the time, the text, parameters or approvals: the answer holds for now only. */
  isVolatile = false;
  /** A condition read the estimate of rows before anybody had asked the target for it. */
  missesEstimate = false;
  /** A rule would have said more with a grant than it did. */
  missesGrant = false;
  readonly #grants = new Set<GrantId>();
  readonly #values: SessionValues;
  readonly #contexts = new Map<PolicyFile, ConditionContext>();
  /** The command line that asks for access, or null when no rule lets this person. */
  readonly askLine: () => string | null;
  #actionFact: ActionFact | null = null;

  constructor(
    action: Action,
    classification: Classification,
    facts: Facts,
    values: SessionValues,
    askLine: () => string | null = () => null,
  ) {
    this.askLine = askLine;
    this.action = action;
    this.classification = classification;
    this.facts = facts;
    this.effects = distinct(classification.summary.effects);
    this.#values = values;
    values.session.nowMs = facts.nowMs;
    values.session.reason = action.reason ?? '';
  }

  /** Could the text be read the way the rule wants it? */
  readable(rule: Rule): boolean {
    return rule.understood === 'any' || rule.understood === this.classification.understood;
  }

  /** Deny and hold: does any effect match? True when the rule does not ask. */
  anyEffect(rule: Rule, among: readonly Effect[] = this.effects): boolean {
    const { effects } = rule;
    return effects === null || among.some((effect) => matchesEffect(effects, effect));
  }

  /** Deny and hold: is there a grant, where the rule needs one? */
  hasGrant({ needs }: Rule): boolean {
    if (needs === null) return true;
    this.isVolatile = true;
    if (grantsFor(needs, this.facts).length > 0) return true;
    this.missesGrant = true;
    return false;
  }

  /** Allow: is the effect in the scope of a grant, where the rule needs one? */
  isGranted({ needs }: Rule, effect: Effect): boolean {
    if (needs === null) return true;
    this.isVolatile = true;
    const reaching = grantsFor(needs, this.facts).filter((grant) => reaches(grant, effect, this.facts));
    for (const { id } of reaching) this.#grants.add(id);
    if (reaching.length === 0) this.missesGrant = true;
    return reaching.length > 0;
  }

  /** Is the text this template, with values that fit? What is found holds for this text and these parameters only. */
  isTemplate({ template }: Rule): boolean {
    if (template === null) return false;
    this.isVolatile = true;
    return template.matches(this.action, this.facts);
  }

  /** Notes that a rule counted because of grants: the one that it needs, or all that its condition could read. */
  noteGrants(rule: Rule): void {
    if (!readsGrants(rule)) return;
    const { grants = [] } = this.facts;
    for (const { id } of rule.needs === null ? grants : grantsFor(rule.needs, this.facts)) this.#grants.add(id);
  }

  /** The grants that made a difference so far. */
  get grantsCounted(): readonly GrantId[] {
    return [...this.#grants];
  }

  /** Asks the condition. One that fails counts as true for deny and hold, and as false for allow. */
  whenHolds({ rule, when }: PlannedRule): boolean {
    if (when === null) return true;
    if (when.steadiness === 'volatile') this.isVolatile = true;
    try {
      return when.evaluate(this.context(rule.file));
    } catch {
      return rule.decision !== 'allow';
    }
  }

  /** Does the action ask about columns that the rule hides, and lets people decide about? True where it can't be told. */
  asksHeld({ heldColumns }: Rule): boolean {
    if (heldColumns === null) return false;
    try {
      return askColumns('asks_column', this.classification.summary.columns, heldColumns);
    } catch {
      return true;
    }
  }

  /** The facts as the conditions of a file see them (its time zone, lists and named conditions). */
  context(file: PolicyFile): ConditionContext {
    let context = this.#contexts.get(file);
    if (context === undefined) {
      this.#actionFact ??= new ActionFact(this.action, this.classification, () => (this.missesEstimate = true));
      context = file.conditions.context(
        {
          ...this.#values,
          action: this.#actionFact,
          time: file.timeAt(this.facts.nowMs),
          history: new HistoryFact(this.facts.history),
          approvals: this.facts.approvals.map((approval) => new ApprovalFact(approval)),
          grant: new GrantStateFact(this.facts.grants ?? []),
          grants: (this.facts.grants ?? []).map((grant) => new GrantFact(grant, this.facts.nowMs)),
          request: neverRead.request,
        },
        this.facts.nowMs,
      );
      this.#contexts.set(file, context);
    }
    return context;
  }
}

function distinct(effects: readonly Effect[]): readonly Effect[] {
  if (effects.length < 2) return effects;
  const seen = new Map<string, Effect>();
  for (const effect of effects) {
    const key = effectKey(effect);
    if (!seen.has(key)) seen.set(key, effect);
  }
  return seen.size === effects.length ? effects : [...seen.values()];
}
