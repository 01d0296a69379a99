// Properties of decisions, over random policies and actions: whatever rules people write, these hold. The seed is printed;
// SALLYPORT_SEED=… runs one again.

import t from 'tap';
import { loadPolicies } from '../../policies/engine/load.ts';
import type { LoadedPolicySet } from '../../policies/engine/load.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification, ColumnsTouched } from '../../src/core/classification.ts';
import type { Approval, Decision } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import type { Facts } from '../../src/core/policy.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';
import { SeededRandom } from './approvals-fixtures/desk.ts';
import { statementOf } from '../support/statements.ts';

const seed = Number(process.env['SALLYPORT_SEED'] ?? Date.now() % 1_000_000_007);
/** Loading policies is what takes the time, so each is asked much. */
const rounds = 60;
const actionsEach = 40;

const groups = ['engineers', 'dba', 'auditors', 'sre'];
const verbs = ['read', 'insert', 'update', 'delete', 'drop', 'call', 'session'] as const;
const accessOf = {
  read: 'read',
  insert: 'write',
  update: 'write',
  delete: 'write',
  drop: 'write',
  call: 'unknown',
  session: 'session',
} as const;
const tables = ['orders', 'public.orders', 'payments', 'hr.salaries', 'x'];
const columns = ['orders.id', 'orders.ssn', 'public.orders.ssn', 'accounts.balance', 'payments.total', 'orders.*', '*'];
const conditions = [
  'action.missing_where',
  '!action.missing_where',
  'action.in_transaction',
  '"dba" in principal.groups',
  'target.labels.owner == "x"', // fails where there is no such label
  'time.hour >= 12',
  'action.tables.exists(t, t == "orders")',
  'action.reads_column("ssn")',
  '!action.writes_column(["accounts.balance", "pay*.total"])',
  '!action.reads_only(["orders.*"])',
  '"orders.ssn" in action.columns_read', // fails where a star is not known
  'action.asks_column("*.ssn") && time.hour >= 12',
];

class Maker {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  one<Value>(values: readonly Value[]): Value {
    return values[this.#random.below(values.length)]!;
  }

  some<Value>(values: readonly Value[]): Value[] {
    const chosen = values.filter(() => this.#random.below(3) === 0);
    return chosen.length === 0 ? [this.one(values)] : chosen;
  }

  chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  rule(index: number): string {
    const decision = this.one(['allow', 'allow', 'hold', 'deny'] as const);
    const parts = [`id: r${index}`, `decision: ${decision}`];
    const otherwise = decision !== 'allow' && this.chance(40);
    if (otherwise) parts.push('otherwise: true');
    if (this.chance(50)) parts.push(`principals: { groups: [${this.some(groups).join(', ')}] }`);
    const effects = [
      this.chance(60) ? `verbs: [${this.some(verbs).join(', ')}]` : '',
      this.chance(40) ? `tables: [${this.some([...tables, '*', 'public.*']).join(', ')}]` : '',
      this.chance(20) ? `access: [${this.some(['read', 'session', 'write', 'unknown']).join(', ')}]` : '',
    ].filter((part) => part !== '');
    if (effects.length > 0) parts.push(`effects: { ${effects.join(', ')} }`);
    else if (decision !== 'allow' && this.chance(30)) parts.push('understood: any');
    if (this.chance(35)) parts.push(`when: '${this.one(conditions)}'`);
    if (decision === 'hold') {
      parts.push(`approvers: { groups: [${this.some(groups).join(', ')}], count: ${1 + this.#random.below(2)} }`);
      if (this.chance(30)) parts.push('reason_required: true');
    }
    return `  - { ${parts.join(', ')} }`;
  }

  effect(): Effect {
    const verb = this.one(verbs);
    const named = verb !== 'session' && this.chance(85);
    return {
      verb,
      access: accessOf[verb],
      objectKind: named ? (verb === 'call' ? 'function' : 'table') : 'none',
      object: named ? this.one(tables) : null,
    };
  }

  classification(): Classification {
    if (this.chance(10)) return notUnderstood('syntax', 'syntax error');
    const effects = Array.from({ length: this.#random.below(4) }, () => this.effect());
    return classificationWith(effects, this.chance(50), this.columns());
  }

  columns(): ColumnsTouched | undefined {
    if (this.chance(20)) return undefined;
    const names = () => columns.filter(() => this.chance(35));
    const read = names();
    return { read, asked: read.filter(() => this.chance(40)), written: names() };
  }

  facts(): Facts {
    return {
      principal: { name: this.one(['alice', 'bob']) as never, displayName: '', kind: 'person', groups: this.some(groups) },
      target: { name: 'orders' as never, protocol: 'postgres', labels: this.chance(30) ? { owner: this.one(['x', 'y']) } : {} },
      session: { clientAddress: '10.0.0.1', tls: true, method: 'token', database: null },
      nowMs: this.chance(50) ? 0 : 13 * 3_600_000,
      approvals: [],
    };
  }
}

function classificationWith(effects: readonly Effect[], missingWhere: boolean, touched?: ColumnsTouched): Classification {
  if (effects.length === 0) return classificationOf([]);
  const statement = { kind: effects[0]!.verb, span: { start: 0, end: 1 }, effects, missingWhere, risks: [], changes: [] };
  return classificationOf([touched === undefined ? statement : { ...statement, columns: touched }]);
}

const actionIn = (transaction: Action['transaction']): Action => ({ ...statementOf('text'), transaction });

interface Drawn {
  readonly rules: readonly string[];
  readonly set: LoadedPolicySet;
  readonly make: Maker;
  readonly asked: readonly { readonly action: Action; readonly classification: Classification; readonly facts: Facts }[];
}

const loadedBefore = new Map<string, LoadedPolicySet | null>();

function load(rules: readonly string[]): LoadedPolicySet | null {
  const text = `policy: p\nrules:\n${rules.join('\n')}\n`;
  let set = loadedBefore.get(text);
  if (set === undefined) {
    const loaded = loadPolicies([{ path: 'p.yaml', text }]);
    loadedBefore.set(text, (set = loaded.ok ? loaded.set : null));
  }
  return set;
}

/** Random rules as they load: one that another shadows is an error, and is left out. */
function draw(make: Maker): Drawn | null {
  let rules: string[] = [];
  for (let index = 0; index < 7; index += 1) {
    const more = [...rules, make.rule(index)];
    if (load(more) !== null) rules = more;
  }
  const set = load(rules);
  if (set === null) return null;
  const asked = Array.from({ length: actionsEach }, () => ({
    action: actionIn(make.one(['none', 'open'] as const)),
    classification: make.classification(),
    facts: make.facts(),
  }));
  return { rules, set, make, asked };
}

const maker = new Maker(new SeededRandom(seed));
const drawn = Array.from({ length: rounds }, () => draw(maker)).filter((it) => it !== null);

/** Checks every drawn action; a failure names the seed and the policy. */
function property(name: string, check: (drawn: Drawn, asked: Drawn['asked'][number], round: number) => string | null): void {
  t.test(name, async (t) => {
    for (const [round, one] of drawn.entries()) {
      for (const asked of one.asked) {
        const wrong = check(one, asked, round);
        if (wrong === null) continue;
        const { classification, facts } = asked;
        return t.fail(`${wrong} (SALLYPORT_SEED=${seed}, round ${round})`, {
          rules: one.rules,
          effects: classification.summary.effects,
          facts,
        });
      }
    }
    t.pass(`${drawn.length * actionsEach} decisions, seed ${seed}`);
  });
}

const strength: Readonly<Record<Decision['kind'], number>> = { allow: 0, hold: 1, deny: 2 };
const decideBy = (set: LoadedPolicySet, { action, classification, facts }: Drawn['asked'][number], approvals: readonly Approval[] = []) =>
  set.decide(action, classification, { ...facts, approvals });
/** Merged rules are named in the order of the files; nothing else may depend on it. */
const essence = (decision: Decision): string => {
  if (decision.kind === 'deny') return 'deny';
  const rules = decision.rule.id.split(', ').sort().join();
  if (decision.kind === 'allow') return `allow ${rules}`;
  const { approverGroups, alsoInGroups = [], ...terms } = decision.terms;
  return JSON.stringify(['hold', rules, [approverGroups, ...alsoInGroups].map((set) => [...set].sort().join()).sort(), terms]);
};

property('the order of rules never matters', ({ rules, set }, asked, round) => {
  const turned = rules.slice(round % rules.length).concat(rules.slice(0, round % rules.length));
  const other = load(round % 2 === 0 ? turned : turned.toReversed())!;
  const [one, two] = [essence(decideBy(set, asked)), essence(decideBy(other, asked))];
  return one === two ? null : `${one} is ${two} in another order`;
});

property('asking twice, or in another session, gives the same answer', ({ set }, asked) => {
  const first = decideBy(set, asked);
  const again = decideBy(set, asked);
  const fresh = set.decide(asked.action, structuredClone(asked.classification), structuredClone({ ...asked.facts }));
  return essence(first) === essence(again) && essence(first) === essence(fresh) ? null : 'it changed its mind';
});

property('a deny that matches everything wins, whatever else is there, approvals too', ({ rules }, asked) => {
  // A condition that only the engine can see to be true: a plain deny of everything would shadow the others, which is an error.
  const set = load([...rules, `  - { id: shut, understood: any, when: 'target.name == "orders"', decision: deny }`])!;
  const yes = ['carol', 'dave', 'erin'].map((by): Approval => ({ by, groups, reason: 'x', atMs: 0 }));
  return decideBy(set, asked).kind === 'deny' && decideBy(set, asked, yes).kind === 'deny' ? null : 'it was not denied';
});

property('allow covers every effect, and only text that was understood', ({ set }, asked) => {
  const decision = decideBy(set, asked);
  if (decision.kind !== 'allow') return null;
  if (!asked.classification.understood) return 'allowed what was not understood';
  const { uncovered } = set.explain(asked.action, asked.classification, asked.facts);
  return uncovered.length === 0 ? null : `allowed with ${uncovered.join(', ')} uncovered`;
});

/** Some rule asks about the action as a whole, and not about each effect by itself. */
const asksOfTheWhole = (rules: readonly string[]): boolean =>
  rules.some((rule) => /action\.(tables|columns|\w+_column|\w+_only)/.test(rule));

property('what is allowed as a whole is allowed in each part', ({ rules, set }, { action, classification, facts }) => {
  if (asksOfTheWhole(rules)) return null;
  const isPlain = (decision: Decision) => decision.kind === 'allow';
  if (!isPlain(set.decide(action, classification, facts))) return null;
  for (const effect of classification.summary.effects) {
    const part = classificationWith([effect], classification.summary.missingWhere);
    if (!isPlain(set.decide(action, part, facts))) return `not allowed alone: ${effect.verb} ${effect.object}`;
  }
  return null;
});

/** What a star may turn out to be. */
const told: Readonly<Record<string, readonly string[]>> = {
  '*': ['accounts.balance', 'orders.ssn'],
  'orders.*': ['orders.id', 'orders.ssn'],
};

property(
  'columns that can not be told never weaken a decision, whatever they turn out to be',
  ({ set }, { action, classification, facts }) => {
    const [statement] = classification.statements;
    if (statement === undefined) return null;
    const { missingWhere } = classification.summary;
    const decided = (columns: ColumnsTouched | undefined): Decision =>
      set.decide(action, classificationWith(statement.effects, missingWhere, columns), facts);
    const unsure = decided(statement.columns);
    for (const at of [0, 1, 2]) {
      // Everything, nothing, one: each a way in which the target could have answered.
      const tell = (names: readonly string[]) =>
        names.flatMap((name) => {
          const may = told[name];
          return may === undefined ? [name] : at === 0 ? may : at === 1 ? [] : may.slice(0, 1);
        });
      const { read = [], asked = [], written = [] } = statement.columns ?? { read: ['*'], asked: ['*'], written: ['*'] };
      const sure = decided({ read: tell(read), asked: tell(asked), written: tell(written) });
      // Denied because nothing allows it: a rule that holds may speak where it can't be told, and more people see it, none less.
      if (sure.kind === 'deny' && sure.rule === null && unsure.kind === 'hold') continue;
      const weaker = strength[unsure.kind] < strength[sure.kind];
      const isOtherwise = sure.rule !== null && set.rules.some(({ id, otherwise }) => id === sure.rule?.id && otherwise);
      if (weaker && !isOtherwise) return `${sure.kind} when told, ${unsure.kind} when not`;
    }
    return null;
  },
);

property('one more effect never makes a decision weaker', ({ rules, set, make }, { action, classification, facts }) => {
  if (asksOfTheWhole(rules) || !classification.understood || classification.summary.effects.length === 0) return null;
  const before = set.decide(action, classification, facts);
  const more = classificationWith([...classification.summary.effects, make.effect()], classification.summary.missingWhere);
  const after = set.decide(action, more, facts);
  // A denial because nothing allows it may become a hold by a rule that the new effect brings: more people see it, none less.
  if (before.kind === 'deny' && before.rule === null && after.kind === 'hold') return null;
  if (before.kind === 'deny' && before.rule !== null && set.rules.some(({ id, otherwise }) => id === before.rule!.id && otherwise))
    return null;
  return strength[after.kind] >= strength[before.kind] ? null : `${before.kind} became ${after.kind}`;
});

property('one more allow rule never lifts a deny or a hold that is not an "otherwise"', ({ rules, set }, asked) => {
  const before = decideBy(set, asked);
  const wider = load([...rules, `  - { id: wide, when: 'target.name == "orders"', decision: allow }`]);
  if (wider === null || before.kind === 'allow' || before.rule === null) return null;
  const strict = before.rule.id.split(', ').every((id) => set.rules.some((rule) => rule.id === id && !rule.otherwise));
  return !strict || essence(decideBy(wider, asked)) === essence(before) ? null : `${essence(before)} was lifted`;
});

property('one more deny or hold rule never makes a decision weaker', ({ rules, set, make }, asked) => {
  const more = load([
    ...rules,
    `  - { id: more, effects: { verbs: [${make.one(verbs)}] }, when: 'target.name == "orders"', decision: deny }`,
  ]);
  if (more === null) return null;
  const [before, after] = [decideBy(set, asked), decideBy(more, asked)];
  return strength[after.kind] >= strength[before.kind] ? null : `${before.kind} became ${after.kind}`;
});

property('a hold ends only by enough other people in the right groups, and never by the requester', ({ set, make }, asked) => {
  const before = decideBy(set, asked);
  if (before.kind !== 'hold') return null;
  const { approverGroups, alsoInGroups = [], approvalsNeeded, reasonRequired } = before.terms;
  const requester = asked.facts.principal.name;
  const yes = (by: string, of: readonly string[], reason: string | null): Approval => ({ by, groups: of, reason, atMs: 0 });
  const own = Array.from({ length: 3 }, () => yes(requester, groups, 'mine'));
  if (decideBy(set, asked, own).kind !== 'hold') return 'the requester approved it';
  const all = Array.from({ length: 5 }, (_, index) =>
    yes(make.one(['carol', 'dave', 'erin', requester]), make.some(groups), index % 2 === 0 ? 'x' : null),
  );
  const counts = (it: Approval) =>
    it.by !== requester &&
    (!reasonRequired || it.reason !== null) &&
    [approverGroups, ...alsoInGroups].every((set) => set.some((group) => it.groups.includes(group)));
  const enough = new Set(all.filter(counts).map(({ by }) => by)).size >= approvalsNeeded;
  const after = decideBy(set, asked, all);
  return (after.kind === 'allow') === enough ? null : `${enough ? 'enough' : 'too few'} approvals gave ${after.kind}`;
});

property('an approval changes nothing where nothing is held', ({ set }, asked) => {
  const before = decideBy(set, asked);
  const after = decideBy(set, asked, [{ by: 'carol', groups, reason: 'x', atMs: 0 }]);
  return before.kind === 'hold' || essence(before) === essence(after) ? null : `${essence(before)} became ${essence(after)}`;
});

property('explain says the same as decide', ({ set }, asked) => {
  const { decision, rules } = set.explain(asked.action, asked.classification, asked.facts);
  if (essence(decision) !== essence(decideBy(set, asked))) return 'explain decided otherwise';
  const named = decision.rule?.id.split(', ') ?? [];
  return named.every((id) => rules.some((rule) => rule.id === id && rule.matched)) ? null : `${named.join()} decided and did not match`;
});
