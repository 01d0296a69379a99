// Which rules can speak at all in one session: who and where are settled once, with every condition that reads nothing else.

import type { ActionKind } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { Facts } from '../../src/core/policy.ts';
import type { Condition } from './condition.ts';
import { PrincipalFact, SessionFact, TargetFact } from './facts.ts';
import type { FactValues } from './fact-types.ts';
import { matchesPrincipal, matchesTarget } from './matchers.ts';
import { readsGrants } from './rule.ts';
import type { Rule } from './rule.ts';
import { SignedDecisions } from './signature.ts';
import { neverRead } from './steady-facts.ts';

/** A rule that can match in this session; `when` is what is left to ask. */
export interface PlannedRule {
  readonly rule: Rule;
  readonly when: Condition | null;
}

/** The rules for one kind of action, by what they decide, with the decisions already made. */
export interface KindPlan {
  readonly deny: readonly PlannedRule[];
  readonly hold: readonly PlannedRule[];
  readonly allow: readonly PlannedRule[];
  /** Pre-approved templates; not among `allow`. */
  readonly templates: readonly PlannedRule[];
  readonly otherwiseDeny: readonly PlannedRule[];
  readonly otherwiseHold: readonly PlannedRule[];
  /** By classification, which stands for text and reading mode; one map outside and one inside a transaction. */
  readonly remembered: WeakMap<Classification, Decision>;
  readonly rememberedInTransaction: WeakMap<Classification, Decision>;
  /** By what rules can tell of a text, for texts that were not seen before. */
  readonly signed: SignedDecisions;
  readonly signedInTransaction: SignedDecisions;
}

/** What of who, where and when can still change a decision, once the rules of a session are settled. */
export interface Likeness {
  /** Sessions on targets of one protocol that have the same key are decided alike, the words of denials apart. */
  readonly key: string;
  /** False: the time of an action changes nothing. */
  readonly readsTime: boolean;
}

const whoRoots = ['principal', 'target', 'session'];
/** The age of a second factor and the minutes left of a grant change with the time. */
const timeRoots = ['time', 'calendars', 'session', 'grants'];

export type SessionValues = Pick<FactValues, 'principal' | 'target' | 'session'>;

export class SessionPlan {
  readonly values: SessionValues;
  readonly #rules: readonly PlannedRule[];
  readonly #kinds = new Map<ActionKind, KindPlan>();

  constructor(rules: readonly Rule[], facts: Facts) {
    this.values = {
      principal: new PrincipalFact(facts.principal),
      target: new TargetFact(facts.target),
      session: new SessionFact(facts.session),
    };
    this.#rules = rules.flatMap((rule) => this.#planned(rule, facts));
  }

  kind(kind: ActionKind): KindPlan {
    let plan = this.#kinds.get(kind);
    if (plan === undefined) {
      plan = planOf(this.#rules.filter(({ rule }) => rule.actions.includes(kind)));
      this.#kinds.set(kind, plan);
    }
    return plan;
  }

  likeness(facts: Facts): Likeness {
    const left = new Set(this.#rules.flatMap(({ when }) => [...(when?.roots ?? [])]));
    const who = whoRoots.some((root) => left.has(root)) ? JSON.stringify([facts.principal, facts.target, facts.session]) : '';
    const key = JSON.stringify([this.#rules.map(({ rule }) => rule.ref.id), who]);
    return { key, readsTime: timeRoots.some((root) => left.has(root)) };
  }

  #planned(rule: Rule, facts: Facts): PlannedRule[] {
    if (rule.principals !== null && !matchesPrincipal(rule.principals, facts.principal)) return [];
    if (!rule.targets.every((matcher) => matchesTarget(matcher, facts.target))) return [];
    if (rule.when === null || rule.when.steadiness !== 'session') return [{ rule, when: rule.when }];
    return this.#holdsForSession(rule, rule.when) ? [{ rule, when: null }] : [];
  }

  #holdsForSession(rule: Rule, when: Condition): boolean {
    try {
      return when.evaluate(rule.file.conditions.context({ ...this.values, ...neverRead }, 0));
    } catch {
      return rule.decision !== 'allow';
    }
  }
}

function planOf(rules: readonly PlannedRule[]): KindPlan {
  const pick = (decision: Rule['decision'], otherwise: boolean) =>
    rules.filter(({ rule }) => rule.template === null && rule.decision === decision && rule.otherwise === otherwise);
  return {
    deny: pick('deny', false),
    hold: pick('hold', false),
    allow: pick('allow', false).toSorted((a, b) => Number(readsGrants(a.rule)) - Number(readsGrants(b.rule))),
    templates: rules.filter(({ rule }) => rule.template !== null),
    otherwiseDeny: pick('deny', true),
    otherwiseHold: pick('hold', true),
    remembered: new WeakMap(),
    rememberedInTransaction: new WeakMap(),
    signed: new SignedDecisions(),
    signedInTransaction: new SignedDecisions(),
  };
}
