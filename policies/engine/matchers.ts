// The matchers of a rule other than its condition: who, which target, which effects. A missing key matches everything.
// Deny and hold compare names loosely and allow strictly, so that whatever is unsure falls on the safe side.

import type { Effect, ObjectKind } from '../../src/core/effect.ts';
import type { Principal } from '../../src/core/principal.ts';
import type { Facts } from '../../src/core/policy.ts';
import type { EffectsDocument, PrincipalsDocument, TargetsDocument } from './document.ts';
import { glob } from '../../src/core/glob.ts';

type Target = Facts['target'];

/** Replaces "$name" by the entries of that list. */
export type Expand = (entries: readonly string[], at: readonly (string | number)[]) => readonly string[];

export interface PrincipalMatcher {
  readonly groups: readonly string[] | null;
  readonly people: readonly string[] | null;
  readonly kinds: readonly string[] | null;
}

export interface TargetMatcher {
  readonly names: readonly string[] | null;
  readonly protocols: readonly string[] | null;
  readonly labels: readonly { readonly label: string; readonly values: readonly string[] }[];
}

export interface EffectMatcher {
  readonly verbs: ReadonlySet<string> | null;
  readonly access: ReadonlySet<string> | null;
  readonly objectKinds: ReadonlySet<string> | null;
  /** Patterns with the kinds of objects that they speak of; null patterns means that names do not matter. */
  readonly names: readonly NamePatterns[] | null;
}

export interface NamePatterns {
  readonly kinds: readonly ObjectKind[] | null;
  readonly patterns: readonly string[];
  readonly matches: (effect: Effect) => boolean;
}

/** "strict" compares the whole name as it is written; "loose" forgives letter case and a schema that one side leaves out. */
export type Reading = 'strict' | 'loose';

export function principalMatcher(document: PrincipalsDocument, at: readonly (string | number)[], expand: Expand): PrincipalMatcher {
  return {
    groups: document.groups === undefined ? null : expand(document.groups, [...at, 'groups']),
    people: document.people === undefined ? null : expand(document.people, [...at, 'people']),
    kinds: document.kinds ?? null,
  };
}

export function targetMatcher(document: TargetsDocument, at: readonly (string | number)[], expand: Expand): TargetMatcher {
  const labels = Object.entries(document.labels ?? {}).map(([label, value]) => ({
    label,
    values: expand(typeof value === 'string' ? [value] : value, [...at, 'labels', label]),
  }));
  return {
    names: document.names === undefined ? null : expand(document.names, [...at, 'names']),
    protocols: document.protocols ?? null,
    labels,
  };
}

export function effectMatcher(
  document: EffectsDocument,
  reading: Reading,
  at: readonly (string | number)[],
  expand: Expand,
): EffectMatcher {
  const names: NamePatterns[] = [];
  const add = (key: 'tables' | 'functions' | 'objects', kinds: readonly ObjectKind[] | null) => {
    const entries = document[key];
    if (entries !== undefined) names.push(namePatterns(expand(entries, [...at, key]), kinds, reading));
  };
  add('tables', ['table', 'view']);
  add('functions', ['function']);
  add('objects', null);
  return {
    verbs: setOf(document.verbs),
    access: setOf(document.access),
    objectKinds: setOf(document.object_kinds),
    names: names.length === 0 ? null : names,
  };
}

export function matchesPrincipal(matcher: PrincipalMatcher, principal: Principal): boolean {
  return (
    (matcher.groups === null || matcher.groups.some((group) => principal.groups.includes(group))) &&
    (matcher.people === null || matcher.people.includes(principal.name)) &&
    (matcher.kinds === null || matcher.kinds.includes(principal.kind))
  );
}

export function matchesTarget(matcher: TargetMatcher, target: Target): boolean {
  return (
    (matcher.names === null || matcher.names.some((pattern) => glob(pattern)(target.name))) &&
    (matcher.protocols === null || matcher.protocols.includes(target.protocol)) &&
    matcher.labels.every(({ label, values }) => Object.hasOwn(target.labels, label) && values.includes(target.labels[label]!))
  );
}

export function matchesEffect(matcher: EffectMatcher, effect: Effect): boolean {
  return (
    (matcher.verbs === null || matcher.verbs.has(effect.verb)) &&
    (matcher.access === null || matcher.access.has(effect.access)) &&
    (matcher.objectKinds === null || matcher.objectKinds.has(effect.objectKind)) &&
    (matcher.names === null || matcher.names.some((names) => names.matches(effect)))
  );
}

/** Of rules that let run: what may change a view may change what is behind it through that view. */
export function coversEffect(matcher: EffectMatcher, effect: Effect): boolean {
  const { through } = effect;
  return matchesEffect(matcher, effect) || (through !== undefined && matchesEffect(matcher, { ...effect, ...through }));
}

const schemaQualified: ReadonlySet<string> = new Set<ObjectKind>(['table', 'view', 'function', 'sequence']);

function namePatterns(patterns: readonly string[], kinds: readonly ObjectKind[] | null, reading: Reading): NamePatterns {
  const test = reading === 'strict' ? strictNames(patterns) : looseNames(patterns);
  const matches = (effect: Effect): boolean =>
    effect.object !== null &&
    (kinds === null || kinds.includes(effect.objectKind)) &&
    test(effect.object, schemaQualified.has(effect.objectKind));
  return { kinds, patterns, matches };
}

function strictNames(patterns: readonly string[]): (name: string) => boolean {
  const { exact, globs } = split(patterns);
  return (name) => exact.has(name) || globs.some((pattern) => glob(pattern)(name));
}

/** "public.orders" also means an "orders" whose schema is not known, and "orders" means that table in every schema. */
function looseNames(patterns: readonly string[]): (name: string, qualified: boolean) => boolean {
  const lower = patterns.map((pattern) => pattern.toLowerCase());
  const whole = split(lower);
  const lastParts = split(lower.map(lastPart));
  const bare = split(lower.filter((pattern) => !pattern.includes('.')));
  const within = (parts: Split, name: string) => parts.exact.has(name) || parts.globs.some((pattern) => glob(pattern)(name));
  return (name, qualified) => {
    const wanted = name.toLowerCase();
    if (within(whole, wanted)) return true;
    if (!qualified) return false;
    return wanted.includes('.') ? within(bare, lastPart(wanted)) : within(lastParts, wanted);
  };
}

interface Split {
  readonly exact: ReadonlySet<string>;
  readonly globs: readonly string[];
}

function split(patterns: readonly string[]): Split {
  const isGlob = (pattern: string) => /[*?]/.test(pattern);
  return { exact: new Set(patterns.filter((it) => !isGlob(it))), globs: patterns.filter(isGlob) };
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function setOf(words: readonly string[] | undefined): ReadonlySet<string> | null {
  return words === undefined ? null : new Set(words);
}
