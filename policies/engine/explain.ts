// Why a decision came out as it did: each rule with the first thing in it that did not match.

import type { Decision } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import { messageOf } from '../../src/core/errors.ts';
import { cover, decide } from './decide.ts';
import type { Judging } from './judging.ts';
import { matchesEffect, matchesPrincipal, matchesTarget } from './matchers.ts';
import type { EffectMatcher, PrincipalMatcher, TargetMatcher } from './matchers.ts';
import type { KindPlan } from './plan.ts';
import type { Rule } from './rule.ts';
import { effectWords } from './words.ts';

/** Effects named in one line. */
const effectsShownMax = 5;

export interface RuleExplanation {
  readonly id: string;
  readonly title: string;
  readonly decision: 'allow' | 'hold' | 'deny';
  readonly matched: boolean;
  /** What matched, or the first thing that did not. */
  readonly why: string;
  /** Which part did not match; null when all did. The first three never depend on what the text says. */
  readonly mismatch: Mismatch | null;
}

export type Mismatch = 'action' | 'principal' | 'target' | 'understood' | 'effects' | 'condition' | 'grant' | 'template';

export interface Explanation {
  readonly decision: Decision;
  readonly rules: readonly RuleExplanation[];
  /** Effects that no allow rule covers, in words. */
  readonly uncovered: readonly string[];
}

export function explain(rules: readonly Rule[], plan: KindPlan, judging: Judging): Explanation {
  const { uncovered } = cover(plan.allow, judging);
  return {
    decision: decide(plan, judging),
    rules: rules.map((rule) => explainRule(rule, judging, uncovered)),
    uncovered: uncovered.map(effectWords),
  };
}

function explainRule(rule: Rule, judging: Judging, uncovered: readonly Effect[]): RuleExplanation {
  const said = { id: rule.ref.id, title: rule.ref.title, decision: rule.decision };
  const mismatch = mismatchOf(rule, judging, uncovered);
  if (mismatch !== null) return { ...said, matched: false, why: mismatch.why, mismatch: mismatch.at };
  const condition = conditionWords(rule, judging);
  if (!condition.matched) return { ...said, matched: false, why: condition.words, mismatch: 'condition' };
  if (!judging.hasGrant(rule)) return { ...said, matched: false, why: grantMismatchWords(rule), mismatch: 'grant' };
  const missed = unreached(rule, judging);
  if (missed !== null) return { ...said, matched: false, why: missed, mismatch: 'grant' };
  return { ...said, matched: true, why: matchedWords(rule, judging, condition.words), mismatch: null };
}

/** The first matcher that says no; the condition is asked last. */
function mismatchOf(rule: Rule, judging: Judging, uncovered: readonly Effect[]): { at: Mismatch; why: string } | null {
  const { action, facts, classification } = judging;
  if (!rule.actions.includes(action.kind)) return { at: 'action', why: `it is about ${rule.actions.join(', ')}, this is ${action.kind}` };
  if (rule.principals !== null && !matchesPrincipal(rule.principals, facts.principal))
    return { at: 'principal', why: principalWords(rule.principals, facts.principal) };
  const target = rule.targets.find((matcher) => !matchesTarget(matcher, facts.target));
  if (target !== undefined) return { at: 'target', why: targetWords(target, facts.target) };
  if (rule.template !== null)
    return judging.isTemplate(rule) ? null : { at: 'template', why: 'the text is not this template, or a value in it does not fit' };
  if (!judging.readable(rule)) {
    const why = classification.understood ? 'it is about text that was not understood' : 'the text was not understood';
    return { at: 'understood', why };
  }
  const among = rule.otherwise ? uncovered : judging.effects;
  if (rule.effects !== null && !judging.anyEffect(rule, among)) {
    if (rule.decision === 'allow' && judging.effects.length === 0) return null;
    return { at: 'effects', why: effectMismatchWords(rule.effects, among, rule.otherwise) };
  }
  return null;
}

function conditionWords(rule: Rule, judging: Judging): { matched: boolean; words: string } {
  if (rule.when === null) return { matched: true, words: '' };
  try {
    const answer = rule.when.evaluate(judging.context(rule.file));
    return answer
      ? { matched: true, words: 'its condition is true' }
      : { matched: false, words: `its condition is false: ${rule.when.text.trim()}` };
  } catch (thrown) {
    const [why] = messageOf(thrown).split('\n');
    return rule.decision === 'allow'
      ? { matched: false, words: `its condition failed, and allow rules do not match then: ${why}` }
      : { matched: true, words: `its condition failed, which counts as a match: ${why}` };
  }
}

function grantMismatchWords({ needs }: Rule): string {
  return needs?.roles == null
    ? 'it needs access for a while, and there is none'
    : `it needs access with a role of ${needs.roles.join(', ')}`;
}

/** Of an allow rule that needs a grant: words when what it speaks of lies in the scope of none. */
function unreached(rule: Rule, judging: Judging): string | null {
  if (rule.needs === null || rule.decision !== 'allow' || judging.effects.length === 0) return null;
  const spoken = judging.effects.filter((effect) => rule.effects === null || matchesEffect(rule.effects, effect));
  if (spoken.some((effect) => judging.isGranted(rule, effect))) return null;
  return `it needs access for a while, and what there is does not reach ${spoken.slice(0, effectsShownMax).map(effectWords).join(', ')}`;
}

function matchedWords(rule: Rule, judging: Judging, condition: string): string {
  if (rule.template !== null) return 'the text is this template, and its values fit: it runs without a hold';
  const { effects } = rule;
  const isScoped = rule.needs !== null && rule.decision === 'allow';
  const matched = judging.effects
    .filter((effect) => (effects === null ? isScoped : matchesEffect(effects, effect)) && (!isScoped || judging.isGranted(rule, effect)))
    .map(effectWords);
  const verb = rule.decision === 'allow' ? 'covers' : 'matches';
  const asks = judging.asksHeld(rule) ? 'it asks about columns that are masked, which waits for people' : '';
  const words = [
    matched.length > 0 ? `${verb} ${matched.slice(0, effectsShownMax).join(', ')}${matched.length > effectsShownMax ? ', …' : ''}` : '',
    condition,
    asks,
  ];
  return words.filter((word) => word !== '').join('; ') || (rule.decision === 'allow' ? 'covers everything' : 'matches');
}

function principalWords(matcher: PrincipalMatcher, principal: { name: string; kind: string; groups: readonly string[] }): string {
  if (matcher.groups !== null && !matcher.groups.some((group) => principal.groups.includes(group))) {
    return `${principal.name} is not in ${matcher.groups.join(', ')}`;
  }
  if (matcher.people !== null && !matcher.people.includes(principal.name))
    return `${principal.name} is not one of ${matcher.people.join(', ')}`;
  return `${principal.name} is a ${principal.kind}`;
}

function targetWords(matcher: TargetMatcher, target: { name: string; protocol: string; labels: Readonly<Record<string, string>> }): string {
  const label = matcher.labels.find((it) => !Object.hasOwn(target.labels, it.label) || !it.values.includes(target.labels[it.label]!));
  if (label !== undefined) {
    const found = Object.hasOwn(target.labels, label.label) ? target.labels[label.label] : 'missing';
    return `label ${label.label} of ${target.name} is ${found}, not ${label.values.join(' or ')}`;
  }
  if (matcher.protocols !== null && !matcher.protocols.includes(target.protocol)) return `${target.name} speaks ${target.protocol}`;
  return `${target.name} is not one of its targets`;
}

function effectMismatchWords(matcher: EffectMatcher, among: readonly Effect[], otherwise: boolean): string {
  if (among.length === 0) return otherwise ? 'allow rules cover everything' : 'the action has no effects';
  const asked = [
    matcher.verbs === null ? '' : `verb ${[...matcher.verbs].join(' or ')}`,
    matcher.access === null ? '' : `access ${[...matcher.access].join(' or ')}`,
    matcher.objectKinds === null ? '' : `kind ${[...matcher.objectKinds].join(' or ')}`,
    matcher.names === null
      ? ''
      : `name ${matcher.names
          .flatMap((names) => names.patterns)
          .slice(0, 5)
          .join(' or ')}`,
  ];
  return `no effect${otherwise ? ' that is left over' : ''} has ${asked.filter((word) => word !== '').join(', ')}`;
}
