// Mistakes between rules: names used twice, and rules that another one shadows. Only what can be shown cheaply is reported: a rule
// is shadowed when a stronger rule matches at least everything that it matches, by looking at the words of both.

import type { EffectMatcher, PrincipalMatcher, TargetMatcher } from './matchers.ts';
import type { PolicyFile, Rule } from './rule.ts';

const strength = { deny: 2, hold: 1, allow: 0 } as const;

/** Rules that decide the same for everybody would make this quadratic; real sets have few stronger rules without effects. */
const pairsMax = 5_000_000;

/** Policies and rules named twice. */
export function checkNames(files: readonly PolicyFile[]): void {
  const policies = new Map<string, PolicyFile>();
  for (const file of files) {
    const other = policies.get(file.name);
    if (other !== undefined) file.source.problem(['policy'], `a policy named ${file.name} stands in ${other.source.path} already`);
    policies.set(file.name, file);
    const rules = new Map<string, number>();
    file.document.rules.forEach((rule, index) => {
      const first = rules.get(rule.id);
      if (first === undefined) rules.set(rule.id, index);
      else
        file.source.problem(
          ['rules', index, 'id'],
          `a rule named ${rule.id} stands in line ${file.source.lineOf(['rules', first])} already`,
        );
    });
  }
}

/** Rules that can never decide anything: a condition that is just false, or a stronger rule that always speaks first. */
export function checkShadows(rules: readonly Rule[]): void {
  for (const rule of rules) {
    if (rule.when?.constant !== false) continue;
    rule.file.source.problem([...rule.at, 'when'], `rule ${rule.ref.id} can never fire: its condition is false`);
  }
  const stronger = rules.filter((rule) => rule.decision !== 'allow' && !rule.otherwise);
  if (stronger.length * rules.length > pairsMax) return;
  for (const weak of rules) {
    const shadow = stronger.find((strong) => strong !== weak && isStronger(strong, weak) && covers(strong, weak));
    if (shadow === undefined) continue;
    const where = `${shadow.file.source.path}:${shadow.file.source.lineOf(shadow.at)}`;
    const message = `rule ${weak.ref.id} can never fire: rule ${shadow.ref.id} (${shadow.decision}, ${where}) matches everything that it matches`;
    weak.file.source.problem([...weak.at, 'id'], message);
  }
}

function isStronger(strong: Rule, weak: Rule): boolean {
  // A template is asked before the rules that hold.
  if (weak.template !== null) return strong.decision === 'deny';
  return strength[strong.decision] > strength[weak.decision] || (strong.decision === weak.decision && weak.otherwise);
}

/** Does everything that matches the weak rule match the strong one? False when unsure. */
function covers(strong: Rule, weak: Rule): boolean {
  return (
    weak.actions.every((action) => strong.actions.includes(action)) &&
    (strong.understood === 'any' || strong.understood === weak.understood) &&
    (strong.when === null || sameCondition(strong, weak)) &&
    (strong.needs === null || (weak.needs !== null && includesAll(strong.needs.roles, weak.needs.roles))) &&
    coversPrincipals(strong.principals, weak.principals) &&
    strong.targets.every((matcher) => weak.targets.some((it) => coversTargets(matcher, it))) &&
    coversEffects(strong.effects, weak.effects, weak.decision === 'allow')
  );
}

/** The same words mean the same only in the same file: lists, conditions and the time zone belong to it. */
function sameCondition(strong: Rule, weak: Rule): boolean {
  if (strong.when?.constant === true) return true;
  return strong.file === weak.file && strong.when?.text === weak.when?.text;
}

function coversPrincipals(strong: PrincipalMatcher | null, weak: PrincipalMatcher | null): boolean {
  if (strong === null) return true;
  return includesAll(strong.groups, weak?.groups) && includesAll(strong.people, weak?.people) && includesAll(strong.kinds, weak?.kinds);
}

function coversTargets(strong: TargetMatcher, weak: TargetMatcher): boolean {
  const labels = strong.labels.every(({ label, values }) =>
    weak.labels.some((other) => other.label === label && includesAll(values, other.values)),
  );
  return labels && includesAll(strong.names, weak.names) && includesAll(strong.protocols, weak.protocols);
}

function coversEffects(strong: EffectMatcher | null, weak: EffectMatcher | null, weakAllows: boolean): boolean {
  if (strong === null) return true;
  // An allow rule without effects also covers actions that have none.
  if (weak === null) return false;
  if (weakAllows && weak.names === null && strong.names !== null) return false;
  return (
    includesAll(strong.verbs, weak.verbs) &&
    includesAll(strong.access, weak.access) &&
    includesAll(strong.objectKinds, weak.objectKinds) &&
    (strong.names === null || (weak.names !== null && weak.names.every((names) => strong.names!.some((it) => coversNames(it, names)))))
  );
}

function coversNames(strong: { kinds: readonly string[] | null; patterns: readonly string[] }, weak: typeof strong): boolean {
  return includesAll(strong.kinds, weak.kinds) && (strong.patterns.includes('*') || includesAll(strong.patterns, weak.patterns));
}

/** Null or undefined stands for everything. */
function includesAll(strong: Iterable<string> | null, weak: Iterable<string> | null | undefined): boolean {
  if (strong === null) return true;
  if (weak === null || weak === undefined) return false;
  const all = new Set(strong);
  return [...weak].every((entry) => all.has(entry));
}
