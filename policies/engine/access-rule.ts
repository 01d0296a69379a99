// Access rules, read and compiled: who may ask for access to what, for how long, and who says yes to it.

import type { ApproverSet } from '../../src/core/quorum.ts';
import type { RuleRef, SecondFactor } from '../../src/core/decision.ts';
import type { Condition } from './condition.ts';
import type { AccessRuleDocument } from './document.ts';
import { parseDuration } from './duration.ts';
import { accessIdleMinMs, accessLongestMaxMs, accessLongestMinMs, accessWaitDefaultMs, expiresMaxMs, expiresMinMs } from './limits.ts';
import { principalMatcher, targetMatcher } from './matchers.ts';
import type { PrincipalMatcher, TargetMatcher } from './matchers.ts';
import type { PolicyFile } from './rule.ts';
import type { Path, Source } from './source.ts';

/** What is known before there is a session. */
const askedBefore: ReadonlySet<string> = new Set(['principal', 'target', 'time', 'calendars', 'lists', 'request']);

export interface AccessRule {
  readonly ref: RuleRef;
  readonly file: PolicyFile;
  readonly principals: PrincipalMatcher | null;
  readonly targets: readonly TargetMatcher[];
  readonly when: Condition | null;
  readonly longestMs: number;
  readonly isReadOnly: boolean;
  readonly roles: readonly string[] | null;
  readonly tables: readonly string[] | null;
  /** Empty: given without asking. */
  readonly approvers: readonly ApproverSet[];
  readonly reasonRequired: boolean;
  /** Null: being signed in is enough. */
  readonly secondFactor: SecondFactor | null;
  readonly waitMs: number;
  readonly idleMs: number | null;
  readonly isBreakGlass: boolean;
  readonly reviewers: readonly string[];
}

/** Compiles the access rules of a file; what is wrong is noted at its source. */
export function compileAccessRules(file: PolicyFile, version: string): AccessRule[] {
  const documents = file.document.access ?? [];
  const known = new Set(file.document.rules.map(({ id }) => id));
  return documents.flatMap((document, index) => {
    const at = ['access', index];
    if (known.has(document.id)) file.source.problem([...at, 'id'], `a rule named ${document.id} stands in this policy already`);
    known.add(document.id);
    checkAccessRule(file.source, document, at);
    return compileAccessRule(file, document, at, version) ?? [];
  });
}

function compileAccessRule(file: PolicyFile, document: AccessRuleDocument, at: Path, version: string): AccessRule | null {
  const { expand } = file;
  const when = document.when === undefined ? null : file.conditions.compile([...at, 'when'], document.when);
  if (document.when !== undefined && when === null) return null;
  if (when !== null && [...when.roots].some((root) => !askedBefore.has(root))) {
    file.source.problem(
      [...at, 'when'],
      'an access rule is asked before there is a session: it can read principal, target, time, calendars, lists and request',
    );
    return null;
  }
  const targets: TargetMatcher[] = [];
  if (file.document.applies_to !== undefined) targets.push(targetMatcher(file.document.applies_to, ['applies_to'], expand));
  if (document.targets !== undefined) targets.push(targetMatcher(document.targets, [...at, 'targets'], expand));
  const sets = document.approvers === undefined ? [] : Array.isArray(document.approvers) ? document.approvers : [document.approvers];
  return {
    ref: { id: `${file.name}/${document.id}`, title: document.title ?? document.id.replaceAll('-', ' '), version },
    file,
    principals: document.principals === undefined ? null : principalMatcher(document.principals, [...at, 'principals'], expand),
    targets,
    when,
    longestMs: parseDuration(document.longest) ?? 0,
    isReadOnly: document.read_only ?? false,
    roles: document.roles === undefined ? null : expand(document.roles, [...at, 'roles']),
    tables: document.tables === undefined ? null : expand(document.tables, [...at, 'tables']),
    approvers: sets.map((set) => ({ groups: expand(set.groups, [...at, 'approvers']), count: set.count ?? 1 })),
    reasonRequired: document.reason_required ?? false,
    secondFactor: document.second_factor ?? null,
    waitMs: parseDuration(document.expires ?? '') ?? accessWaitDefaultMs,
    idleMs: parseDuration(document.idle ?? ''),
    isBreakGlass: document.break_glass ?? false,
    reviewers: document.reviewers === undefined ? [] : expand(document.reviewers.groups, [...at, 'reviewers', 'groups']),
  };
}

function checkAccessRule(source: Source, document: AccessRuleDocument, at: Path): void {
  const within = (key: 'longest' | 'idle' | 'expires', minMs: number, maxMs: number, words: string) => {
    const ms = parseDuration(document[key] ?? '');
    if (ms !== null && (ms < minMs || ms > maxMs)) source.problem([...at, key], `${key} must lie between ${words}`);
  };
  within('longest', accessLongestMinMs, accessLongestMaxMs, '1m and 31d');
  within('idle', accessIdleMinMs, accessLongestMaxMs, '1m and 31d');
  within('expires', expiresMinMs, expiresMaxMs, '5s and 7d');
  if (document.automatic === true && document.approvers !== undefined) {
    source.problem([...at, 'approvers'], 'what is given automatically has no approvers: leave one of the two out');
  }
  if (document.automatic !== true && document.approvers === undefined) {
    source.problem([...at, 'id'], 'an access rule must say who may approve ("approvers"), or that it is given at once ("automatic: true")');
  }
  if (document.second_factor !== undefined && document.automatic === true) {
    source.problem([...at, 'second_factor'], 'nobody answers what is given automatically, so nobody can prove a second factor');
  }
  if (document.reason_required === true && document.automatic === true) {
    source.problem([...at, 'reason_required'], 'nobody answers what is given automatically, so nobody can give a reason');
  }
  if (document.break_glass === true && document.reviewers === undefined) {
    source.problem([...at, 'break_glass'], 'breaking the glass owes a review: add "reviewers"');
  }
  if (document.break_glass !== true && document.reviewers !== undefined) {
    source.problem([...at, 'reviewers'], '"reviewers" belongs to rules with "break_glass: true"');
  }
}
