// Which stronger rules match at least everything that a rule matches, by the words of the rules: one alone, or several together
// that each take a part of it (one environment each, one verb each). False when unsure: what is told is surely so.

import { glob } from '../../src/core/glob.ts';
import type { EffectMatcher, NamePatterns, PrincipalMatcher, TargetMatcher } from './matchers.ts';
import type { Rule } from './rule.ts';

/** Parts that a rule is taken into; with more, nobody means each of them one by one. */
const partsMax = 32;

/** Stronger rules that are tried together: bounds the time of a reload with thousands of rules. */
const nearMax = 100;

/** The rules that together match everything that the weak one matches; null when none do. */
export function shadowOf(weak: Rule, stronger: readonly Rule[]): readonly Rule[] | null {
  const alone = stronger.find((strong) => covers(strong, weak));
  if (alone !== undefined) return [alone];
  const near: Rule[] = [];
  for (const strong of stronger) {
    if (!touches(strong, weak)) continue;
    near.push(strong);
    if (near.length > nearMax) return null;
  }
  if (near.length < 2) return null;
  for (const parts of partings(weak)) {
    if (parts.length < 2 || parts.length > partsMax) continue;
    const taken = parts.map((part) => near.find((strong) => covers(strong, part)));
    if (taken.every((strong) => strong !== undefined)) return [...new Set(taken)];
  }
  return null;
}

/** What does not depend on the parts fits already. */
function touches(strong: Rule, weak: Rule): boolean {
  return coversAround(strong, weak) && weak.actions.some((action) => strong.actions.includes(action));
}

/** The rule in parts that together are the rule, by one of its words at a time. */
function* partings(weak: Rule): Generator<readonly Rule[]> {
  const { principals, targets, effects } = weak;
  yield weak.actions.map((action) => ({ ...weak, actions: [action] }));
  for (const key of ['groups', 'people', 'kinds'] as const) {
    const words = principals?.[key] ?? [];
    if (principals !== null) yield words.map((word) => ({ ...weak, principals: { ...principals, [key]: [word] } }));
  }
  for (const [index, target] of targets.entries()) {
    const having = (changed: TargetMatcher): Rule => ({ ...weak, targets: targets.with(index, changed) });
    yield (target.names ?? []).map((name) => having({ ...target, names: [name] }));
    yield (target.protocols ?? []).map((protocol) => having({ ...target, protocols: [protocol] }));
    for (const [at, { label, values }] of target.labels.entries()) {
      yield values.map((value) => having({ ...target, labels: target.labels.with(at, { label, values: [value] }) }));
    }
  }
  if (effects === null) return;
  for (const key of ['verbs', 'access', 'objectKinds'] as const) {
    yield [...(effects[key] ?? [])].map((word) => ({ ...weak, effects: { ...effects, [key]: new Set([word]) } }));
  }
  yield (effects.names ?? []).flatMap((names) =>
    names.patterns.map((pattern) => ({ ...weak, effects: { ...effects, names: [{ ...names, patterns: [pattern] }] } })),
  );
}

/** Does everything that matches the weak rule match the strong one? False when unsure. */
function covers(strong: Rule, weak: Rule): boolean {
  return (
    coversAround(strong, weak) &&
    weak.actions.every((action) => strong.actions.includes(action)) &&
    coversPrincipals(strong.principals, weak.principals) &&
    strong.targets.every((matcher) => weak.targets.some((it) => coversTargets(matcher, it))) &&
    coversEffects(strong.effects, weak.effects, weak.decision === 'allow')
  );
}

function coversAround(strong: Rule, weak: Rule): boolean {
  return (
    (strong.understood === 'any' || strong.understood === weak.understood) &&
    (strong.when === null || sameCondition(strong, weak)) &&
    (strong.needs === null || (weak.needs !== null && includesAll(strong.needs.roles, weak.needs.roles)))
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
  return labels && coversTargetNames(strong.names, weak.names) && includesAll(strong.protocols, weak.protocols);
}

/** Names of targets are compared as they are written. */
function coversTargetNames(strong: readonly string[] | null, weak: readonly string[] | null): boolean {
  if (strong === null) return true;
  if (weak === null) return strong.some((pattern) => /^\*+$/.test(pattern));
  return weak.every((name) => strong.some((pattern) => pattern === name || (!pattern.includes('?') && glob(pattern)(name))));
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

function coversNames(strong: NamePatterns, weak: NamePatterns): boolean {
  if (!includesAll(strong.kinds, weak.kinds)) return false;
  // Only of tables and functions is it known what a schema that is left out means.
  const isQualified = weak.kinds !== null;
  return weak.patterns.every((pattern) => strong.patterns.some((it) => coversPattern(it, pattern, isQualified)));
}

/** Does every name that the weak pattern matches match the strong one? The strong rule denies or holds: it compares loosely. */
function coversPattern(strong: string, weak: string, isQualified: boolean): boolean {
  if (/^\*+$/.test(strong) || strong === weak) return true;
  const isGlob = strong.includes('*') || strong.includes('?');
  // Nearly all pairs of a large set: two names that have nothing to do with each other.
  if (!isGlob && strong.length > weak.length) return false;
  const [wide, narrow] = [strong.toLowerCase(), weak.toLowerCase()];
  if (!isGlob && !narrow.endsWith(wide)) return false;
  const within = (outer: string, inner: string): boolean => {
    // Read as text, a star of the inner pattern can only be taken by a star of the outer one.
    if (outer.includes('?') && inner.includes('*')) return outer === inner;
    return glob(outer)(inner);
  };
  if (!isQualified) return within(wide, narrow);
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  if (wide.includes('.')) return narrow.includes('.') && within(wide, narrow) && within(last(wide), last(narrow));
  // A name without a schema is loosely that name in every schema. A star of the narrow one may also stand for a dot.
  return !narrow.includes('*') && within(wide, last(narrow));
}

type Words = readonly string[] | ReadonlySet<string>;

/** Lists longer than this are looked up, not searched. */
const searchedMax = 16;

/** Null or undefined stands for everything. */
function includesAll(strong: Words | null, weak: Words | null | undefined): boolean {
  if (strong === null) return true;
  if (weak === null || weak === undefined) return false;
  const words = Array.isArray(strong) && strong.length > searchedMax ? new Set(strong as readonly string[]) : strong;
  for (const word of weak) if (!(words instanceof Set ? words.has(word) : (words as readonly string[]).includes(word))) return false;
  return true;
}
