// A rule, read and compiled: what it matches and what it decides.

import type { Action, ActionKind } from '../../src/core/action.ts';
import type { HoldTerms, Obligations, RuleRef } from '../../src/core/decision.ts';
import type { EffectVerb } from '../../src/core/effect.ts';
import type { Facts } from '../../src/core/policy.ts';
import { columnPattern } from './columns.ts';
import { yesesNeeded } from '../../src/core/quorum.ts';
import type { ApproverSet } from '../../src/core/quorum.ts';
import type { Condition, Conditions } from './condition.ts';
import type { PolicyDocument, RuleDocument } from './document.ts';
import { parseDuration } from './duration.ts';
import type { GrantNeed } from './grant-reach.ts';
import { expiresDefaultMs, expiresInTransactionDefaultMs } from './limits.ts';
import { heldColumns, holdsPredicates } from './masks.ts';
import { obligationsOf } from './obligations.ts';
import { effectMatcher, principalMatcher, targetMatcher } from './matchers.ts';
import type { EffectMatcher, Expand, PrincipalMatcher, TargetMatcher } from './matchers.ts';
import type { Path, Source } from './source.ts';
import type { TimeFact } from './zone-time.ts';

/** What the rules of one file share. */
export interface PolicyFile {
  readonly name: string;
  readonly source: Source;
  readonly document: PolicyDocument;
  readonly conditions: Conditions;
  readonly timeAt: (nowMs: number) => TimeFact;
  readonly expand: Expand;
}

/** What a pre-approved template asks beside the rule that it is compiled into. */
export interface Template {
  /** Does the action match, with values that satisfy every condition? Never throws. */
  readonly matches: (action: Action, facts: Facts) => boolean;
}

export interface Rule {
  readonly ref: RuleRef;
  readonly file: PolicyFile;
  /** Where it stands in its file. */
  readonly at: Path;
  readonly decision: 'allow' | 'hold' | 'deny';
  readonly otherwise: boolean;
  readonly actions: readonly ActionKind[];
  readonly understood: boolean | 'any';
  readonly principals: PrincipalMatcher | null;
  /** The policy's applies_to and the rule's own targets; all must match. */
  readonly targets: readonly TargetMatcher[];
  readonly effects: EffectMatcher | null;
  readonly when: Condition | null;
  /** Set on allow and hold rules that need access for a while. */
  readonly needs: GrantNeed | null;
  /** Set for hold, and for allow where asking about masked columns waits. */
  readonly terms: HoldTerms | null;
  /** Set for allow: columns that may be asked about (WHERE, JOIN, …) only when people have said yes. */
  readonly heldColumns: readonly string[] | null;
  /** Set for deny with words of its own. */
  readonly message: string | null;
  readonly obligations: Obligations;
  /** Set for a pre-approved template, which allows without regard to effects and before any hold. */
  readonly template: Template | null;
}

/** Does the rule speak of access for a while, by its matcher or its condition? */
export function readsGrants({ needs, when }: Rule): boolean {
  return needs !== null || (when !== null && (when.roots.has('grant') || when.roots.has('grants')));
}

/** Compiles a rule. Null when its condition is wrong; then the source has the problem. */
export function compileRule(
  file: PolicyFile,
  document: RuleDocument,
  index: number,
  version: string,
  section: 'rules' | 'templates' = 'rules',
): Rule | null {
  const at = [section, index];
  const { expand } = file;
  const when = document.when === undefined ? null : file.conditions.compile([...at, 'when'], document.when);
  if (document.when !== undefined && when === null) return null;
  if (when?.roots.has('request') === true) {
    file.source.problem(
      [...at, 'when'],
      '`request` is what access is asked for: only access rules can read it; here, `grants` and `session.reason`',
    );
    return null;
  }
  if (document.decision === 'allow' && section === 'rules' && when !== null) checkReach(file, document, when, at);
  const reading = document.decision === 'allow' ? 'strict' : 'loose';
  const isHeldInPart = document.decision === 'allow' && section === 'rules' && holdsPredicates(document.mask);
  const targets: TargetMatcher[] = [];
  if (file.document.applies_to !== undefined) targets.push(targetMatcher(file.document.applies_to, ['applies_to'], expand));
  if (document.targets !== undefined) targets.push(targetMatcher(document.targets, [...at, 'targets'], expand));
  return {
    ref: { id: `${file.name}/${document.id}`, title: document.title ?? titleOf(document.id), version },
    file,
    at,
    decision: document.decision,
    otherwise: document.otherwise ?? false,
    actions: document.actions ?? ['statement'],
    understood: document.understood ?? (document.decision === 'deny' ? 'any' : true),
    principals: document.principals === undefined ? null : principalMatcher(document.principals, [...at, 'principals'], expand),
    targets,
    effects: document.effects === undefined ? null : effectMatcher(document.effects, reading, [...at, 'effects'], expand),
    when,
    needs: document.needs === undefined ? null : needOf(document.needs, [...at, 'needs', 'roles'], expand),
    terms: document.decision === 'hold' || isHeldInPart ? termsOf(file, document, index) : null,
    heldColumns: isHeldInPart ? heldColumns(document.mask ?? [], [...at, 'mask'], expand) : null,
    message: document.message ?? null,
    obligations: obligationsOf(document, file.document.record, at, columnsExpanded(file)),
    template: null,
  };
}

/** What is done to tables only. */
const ofRows: ReadonlySet<EffectVerb> = new Set(['read', 'insert', 'update', 'delete', 'truncate', 'bulk-load']);

/** An allow rule whose condition is true of whatever names no table or column has to say by its effects what it is about. */
function checkReach({ source }: PolicyFile, { id, effects }: RuleDocument, when: Condition, at: Path): void {
  const [asked] = when.askedOfEvery;
  if (asked === undefined) return;
  const isHarmless = effects?.access?.every((access) => access === 'read' || access === 'session') === true;
  const isOfRows = effects?.verbs?.every((verb) => ofRows.has(verb)) === true;
  if (isHarmless || isOfRows || (effects?.tables ?? effects?.functions ?? effects?.objects ?? effects?.object_kinds) !== undefined) return;
  source.problem(
    [...at, 'when'],
    `rule ${id} would allow more than it says: ${asked} is true as well where there is none (DROP ROLE, COPY TO PROGRAM); ` +
      'name the tables under "effects": { tables: […] }, or { access: [read, session] }',
  );
}

/** Lists of columns, whose entries must look like columns wherever they stand. */
function columnsExpanded({ source, expand }: PolicyFile): Expand {
  return (entries, at) => {
    const columns = expand(entries, at);
    const wrong = columns.find((column) => !columnPattern.test(column));
    // An entry that stands here itself was told already.
    if (wrong !== undefined && !entries.includes(wrong)) {
      source.problem(at, `"${wrong}" is not a column: write column, table.column or schema.table.column`);
    }
    return columns;
  };
}

function needOf(needs: NonNullable<RuleDocument['needs']>, at: readonly (string | number)[], expand: Expand): GrantNeed {
  return { roles: needs === 'grant' ? null : expand(needs.roles, at) };
}

function termsOf(file: PolicyFile, document: RuleDocument, index: number): HoldTerms {
  const expiresMs = parseDuration(document.expires ?? '') ?? expiresDefaultMs;
  const approverGroups = file.expand(document.approvers?.groups ?? [], ['rules', index, 'approvers', 'groups']);
  const own = { groups: approverGroups, count: document.approvers?.count ?? 1 };
  const others = (document.approvers?.and ?? []).map(({ groups, count = 1 }, at) => ({
    groups: file.expand(groups, ['rules', index, 'approvers', 'and', at, 'groups']),
    count,
  }));
  return {
    ...(others.length === 0 ? { approverGroups, approvalsNeeded: own.count } : askedOfSets([own, ...others])),
    expiresMs,
    expiresInTransactionMs: parseDuration(document.expires_in_transaction ?? '') ?? Math.min(expiresMs, expiresInTransactionDefaultMs),
    reasonRequired: document.reason_required ?? false,
    ...(document.wait === 'error' ? { wait: 'error' as const } : {}),
    ...escalationOf(file, document, index, approverGroups),
    ...(document.approvers?.shape === undefined ? {} : { shapeMsMax: parseDuration(document.approvers.shape.longest) ?? 0 }),
    ...(document.approvers?.second_factor === undefined ? {} : { secondFactor: document.approvers.second_factor }),
  };
}

/** The terms of several sets of approvers, each of which must be satisfied by people of its own. */
export function askedOfSets(approverSets: readonly ApproverSet[]): Pick<HoldTerms, 'approverGroups' | 'approverSets' | 'approvalsNeeded'> {
  const approverGroups = [...new Set(approverSets.flatMap(({ groups }) => groups))];
  return { approverGroups, approverSets, approvalsNeeded: yesesNeeded(approverSets) };
}

function escalationOf(
  file: PolicyFile,
  { approvers }: RuleDocument,
  index: number,
  approverGroups: readonly string[],
): Pick<HoldTerms, 'escalate'> {
  if (approvers?.escalate === undefined) return {};
  const to = file.expand(approvers.escalate.to, ['rules', index, 'approvers', 'escalate', 'to']);
  const sets = [[...new Set([...approverGroups, ...to])]];
  return { escalate: [{ afterMs: parseDuration(approvers.escalate.after) ?? 0, to, sets }] };
}

/** "hold-destructive" → "Hold destructive". */
function titleOf(id: string): string {
  const words = id.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
