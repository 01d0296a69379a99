// What two versions of policies say to people who ask for access for a while: samples of wishes, made of the words of the access rules.

import type { PolicyDocument } from '../../policies/engine/document.ts';
import { parseDuration } from '../../policies/engine/duration.ts';
import type { AccessDecision, AccessWish } from '../core/grant.ts';
import { duration } from '../core/words.ts';
import type { Difference } from './policy-changes.ts';

const hourMs = 3_600_000;

export interface SampleWish {
  readonly words: string;
  readonly wish: AccessWish;
}

/** One hour, and as long as each rule gives at most; to read only or all; each role named; by breaking the glass. */
export function sampleWishes(documents: readonly PolicyDocument[]): SampleWish[] {
  const rules = documents.flatMap((document) => (document.access ?? []).map((rule) => ({ document, rule })));
  if (rules.length === 0) return [];
  const durations = new Set([hourMs, ...rules.map(({ rule }) => parseDuration(rule.longest) ?? hourMs)]);
  const roles = new Set<string | null>([null]);
  for (const { document, rule } of rules) {
    for (const entry of rule.roles ?? []) {
      for (const role of entry.startsWith('$') ? (document.lists?.[entry.slice(1)] ?? []) : [entry]) roles.add(role);
    }
  }
  const glasses = rules.some(({ rule }) => rule.break_glass === true) ? [false, true] : [false];
  const wishes: SampleWish[] = [];
  for (const durationMs of durations)
    for (const role of roles)
      for (const readOnly of [true, false])
        for (const isBreakGlass of glasses) {
          const words = [
            `access for ${duration(durationMs)}`,
            readOnly ? 'to read only' : '',
            role === null ? '' : `as ${role}`,
            isBreakGlass ? 'by breaking the glass' : '',
          ];
          const wish = { durationMs, scope: { role, readOnly, tables: null }, isBreakGlass, reason: '' };
          wishes.push({ words: words.filter((it) => it !== '').join(' '), wish });
        }
  return wishes;
}

/** Null when both say the same; another rule that says the same is no difference. */
export function accessDifference(before: AccessDecision, after: AccessDecision): Difference | null {
  if (before.kind === 'refuse' || after.kind === 'refuse') {
    if (before.kind === after.kind) return null;
    return before.kind === 'refuse' ? 'access-opened' : 'access-closed';
  }
  return terms(before) === terms(after) ? null : 'access-otherwise';
}

export function accessWords(decision: AccessDecision): string {
  return decision.kind === 'refuse'
    ? 'refused'
    : `${decision.kind === 'give' ? 'given at once' : 'asked for'} by ${decision.rule} (${terms(decision)})`;
}

function terms(decision: Exclude<AccessDecision, { kind: 'refuse' }>): string {
  const { approvers, reviewers, longestMs, waitMs, reasonRequired, secondFactor, idleMs } = decision;
  const people = approvers.map(({ groups, count }) => `${count} of ${groups.join(' or ')}`).join(' and ');
  return [
    decision.kind === 'give' ? 'no approval' : people,
    reasonRequired ? 'with a reason' : '',
    secondFactor === undefined ? '' : `with a ${secondFactor}`,
    `at most ${duration(longestMs)}`,
    idleMs === null ? '' : `ends after ${duration(idleMs)} without a session`,
    reviewers.length === 0 ? '' : `reviewed by ${reviewers.join(' or ')}`,
    decision.kind === 'give' ? '' : `waits ${duration(waitMs)}`,
  ]
    .filter((it) => it !== '')
    .join(', ');
}
