// What the access rules say to a wish: refused in words, to be asked of people, or given at once. Pure, like every decision.

import type { AccessDecision, AccessWish } from '../../src/core/grant.ts';
import type { WishFacts } from '../../src/core/policy.ts';
import { duration } from '../../src/core/words.ts';
import { PrincipalFact, RequestFact, SessionFact, TargetFact } from './facts.ts';
import { glob } from '../../src/core/glob.ts';
import { matchesPrincipal, matchesTarget } from './matchers.ts';
import { neverRead } from './steady-facts.ts';
import type { AccessRule } from './access-rule.ts';

/** A command line asks for this unless the rule allows only less. */
const usualAskMs = 3_600_000;

/** The mildest rule that serves the wish decides: one that gives at once, else the one that asks the fewest people. */
export function judgeWish(rules: readonly AccessRule[], wish: AccessWish, facts: WishFacts): AccessDecision {
  const open = rulesFor(rules, facts).filter((rule) => rule.isBreakGlass === wish.isBreakGlass);
  const { principal, target } = facts;
  if (open.length === 0) {
    const what = wish.isBreakGlass ? 'break the glass on' : 'ask for access to';
    return { kind: 'refuse', message: `no policy lets ${principal.name} ${what} ${target.name}` };
  }
  const refusals = open.map((rule) => ({ rule, why: refusalOf(rule, wish, facts) }));
  const serving = refusals.filter(({ why }) => why === null).map(({ rule }) => rule);
  const [mildest] = serving.toSorted((a, b) => yeses(a) - yeses(b) || (a.ref.id < b.ref.id ? -1 : 1));
  if (mildest === undefined) return { kind: 'refuse', message: refusals.map(({ rule, why }) => `${rule.ref.id}: ${why}`).join('; ') };
  return {
    kind: mildest.approvers.length === 0 ? 'give' : 'ask',
    rule: mildest.ref.id,
    title: mildest.ref.title,
    policyVersion: mildest.ref.version,
    approvers: mildest.approvers,
    reviewers: mildest.reviewers,
    longestMs: mildest.longestMs,
    waitMs: mildest.waitMs,
    reasonRequired: mildest.reasonRequired,
    ...(mildest.secondFactor === null ? {} : { secondFactor: mildest.secondFactor }),
    idleMs: mildest.idleMs,
  };
}

/** The command line by which this person asks for access to this target, or null when no rule lets them. */
export function askLine(rules: readonly AccessRule[], facts: WishFacts): string | null {
  const [rule] = rulesFor(rules, facts)
    .filter(({ isBreakGlass }) => !isBreakGlass)
    .toSorted((a, b) => Number(a.isReadOnly) - Number(b.isReadOnly) || yeses(a) - yeses(b) || (a.ref.id < b.ref.id ? -1 : 1));
  if (rule === undefined) return null;
  const parts = ['sallyport', 'request', facts.target.name, '--for', durationFlag(Math.min(usualAskMs, rule.longestMs))];
  if (rule.isReadOnly) parts.push('--read-only');
  if (rule.roles !== null) parts.push('--role', rule.roles[0] ?? '');
  if (rule.tables !== null) parts.push('--tables', rule.tables.join(','));
  return `${parts.join(' ')} --reason "…"`;
}

/** The rules that are about this person and target. A condition that reads what is asked is about that: it refuses in words. */
function rulesFor(rules: readonly AccessRule[], facts: WishFacts): AccessRule[] {
  return rules.filter(
    (rule) =>
      (rule.principals === null || matchesPrincipal(rule.principals, facts.principal)) &&
      rule.targets.every((matcher) => matchesTarget(matcher, facts.target)) &&
      (readsRequest(rule) || conditionHolds(rule, facts, '')),
  );
}

function readsRequest({ when }: AccessRule): boolean {
  return when?.roots.has('request') === true;
}

/** A condition that fails (a label that is missing) lets nobody in. */
function conditionHolds({ when, file }: AccessRule, { principal, target, nowMs }: WishFacts, reason: string): boolean {
  if (when === null) return true;
  const values = {
    principal: new PrincipalFact(principal),
    target: new TargetFact(target),
    // Never read: the check at load refuses conditions that do.
    session: new SessionFact({ clientAddress: '', tls: false, method: '', database: null }),
    ...neverRead,
    time: file.timeAt(nowMs),
    request: new RequestFact(reason),
  };
  try {
    return when.evaluate(file.conditions.context(values, nowMs));
  } catch {
    return false;
  }
}

/** Null when the rule serves the wish. */
function refusalOf(rule: AccessRule, { durationMs, scope, reason }: AccessWish, facts: WishFacts): string | null {
  if (readsRequest(rule) && !conditionHolds(rule, facts, reason))
    return `the reason or the moment is not what it asks for (${rule.ref.title})`;
  if (durationMs > rule.longestMs) return `access lasts at most ${duration(rule.longestMs)}`;
  if (rule.isReadOnly && !scope.readOnly) return 'only read-only access can be asked for (--read-only)';
  if (rule.roles === null && scope.role !== null) return 'no role can be asked for';
  if (rule.roles !== null && (scope.role === null || !rule.roles.includes(scope.role)))
    return `name one of the roles ${rule.roles.join(', ')}`;
  if (rule.tables !== null) {
    if (scope.tables === null) return `name the tables (of ${rule.tables.join(', ')})`;
    const outside = scope.tables.find((table) => !rule.tables!.some((pattern) => glob(pattern)(table)));
    if (outside !== undefined) return `the table ${outside} cannot be asked for (only ${rule.tables.join(', ')})`;
  }
  return null;
}

function yeses({ approvers }: AccessRule): number {
  return approvers.reduce((sum, { count }) => sum + count, 0);
}

/** "1h", "30m": as --for takes it. */
function durationFlag(ms: number): string {
  return ms % 3_600_000 === 0 ? `${ms / 3_600_000}h` : `${Math.max(1, Math.floor(ms / 60_000))}m`;
}
