// What an allow (or the release of a hold) obliges the gateway to: what it records, the read-only fence, limits, a reason, a
// fresh second factor. Where several rules allow one action, the strictest of each counts, so that no rule can loosen another.

import type { Obligations } from '../../src/core/decision.ts';
import type { Protocol } from '../../src/core/target.ts';
import type { RecordDocument } from './document.ts';
import { parseDuration } from './duration.ts';
import { checkMasks, holdsPredicates, masksOf, uniteMasks } from './masks.ts';
import type { Expand } from './matchers.ts';
import { obligationKeys } from './obligation-document.ts';
import type { ObligationDocument } from './obligation-document.ts';
import type { Path, Source } from './source.ts';

const timeoutMinMs = 100;
const timeoutMaxMs = 24 * 3_600_000;

/** What only a database can be held to: SSH has neither rows nor statements. */
const databaseOnly = ['fence', 'max_rows', 'statement_timeout', 'mask'] as const;

/** Notes obligations that would be passed over in silence, since the rule reaches SSH only. */
export function checkReach(
  source: Source,
  rule: ObligationDocument & { readonly id: string },
  spoken: readonly Protocol[],
  at: readonly (string | number)[],
): void {
  if (spoken.length === 0 || spoken.some((protocol) => protocol !== 'ssh')) return;
  for (const key of databaseOnly) {
    if (rule[key] === undefined) continue;
    source.problemAtKey([...at], key, `"${key}" is for databases, and rule ${rule.id} reaches SSH only: leave it out`);
  }
}

/** Notes what the schema can't see. */
export function checkObligations(
  source: Source,
  rule: ObligationDocument & {
    readonly decision: string;
    readonly id: string;
    readonly effects?: { readonly access?: readonly string[] | undefined } | undefined;
  },
  at: readonly (string | number)[],
): void {
  const path = [...at];
  for (const key of Object.keys(obligationKeys) as (keyof ObligationDocument)[]) {
    if (rule[key] === undefined) continue;
    if (rule.decision === 'deny') source.problemAtKey(path, key, `"${key}" is for what runs; this rule says deny`);
    if (key === 'fence' && rule.decision === 'hold') {
      source.problemAtKey(path, key, '"fence" belongs to rules that allow: what people approve runs as they saw it');
    }
  }
  const { access } = rule.effects ?? {};
  if (rule.fence !== undefined && access !== undefined && !access.includes('read') && !access.includes('session')) {
    source.problem(
      [...path, 'fence'],
      `the fence of rule ${rule.id} can never stand: it is for what only reads, and the rule speaks of ${access.join(', ')}`,
    );
  }
  if (rule.mask !== undefined) checkMasks(source, rule.mask, [...path, 'mask']);
  if (rule.decision === 'hold' && holdsPredicates(rule.mask)) {
    source.problemAtKey(path, 'mask', '"predicates: hold" is for rules that allow: what this rule decides waits for people anyhow');
  }
  const timeoutMs = parseDuration(rule.statement_timeout ?? '');
  if (timeoutMs !== null && (timeoutMs < timeoutMinMs || timeoutMs > timeoutMaxMs)) {
    source.problem([...path, 'statement_timeout'], 'statement_timeout must lie between 100ms and 24h');
  }
}

export function obligationsOf(
  rule: ObligationDocument & { record?: RecordDocument | undefined },
  policy: RecordDocument | undefined,
  at: Path,
  expand: Expand,
): Obligations {
  const { fence, max_rows: rowsMax, require_reason: reasonRequired } = rule;
  const statementTimeoutMs = parseDuration(rule.statement_timeout ?? '');
  const secondFactorAgeMaxMs = parseDuration(rule.require_second_factor ?? '');
  return {
    recordParameters: rule.record?.parameters ?? policy?.parameters ?? false,
    recordResults: rule.record?.results ?? policy?.results ?? false,
    ...(fence === undefined ? {} : { fence }),
    ...(rowsMax === undefined ? {} : { rowsMax }),
    ...(statementTimeoutMs === null ? {} : { statementTimeoutMs }),
    ...(rule.mask === undefined ? {} : { mask: masksOf(rule.mask, [...at, 'mask'], expand) }),
    ...(reasonRequired === true ? { reasonRequired } : {}),
    ...(secondFactorAgeMaxMs === null ? {} : { secondFactorAgeMaxMs }),
  };
}

/** The strictest of each. */
export function strictest(all: readonly Obligations[]): Obligations {
  const rowsMax = least(all.map((it) => it.rowsMax));
  const statementTimeoutMs = least(all.map((it) => it.statementTimeoutMs));
  const secondFactorAgeMaxMs = least(all.map((it) => it.secondFactorAgeMaxMs));
  return {
    recordParameters: all.some((it) => it.recordParameters),
    recordResults: all.some((it) => it.recordResults),
    ...(all.some((it) => it.fence !== undefined) ? { fence: 'read-only' as const } : {}),
    ...(rowsMax === undefined ? {} : { rowsMax }),
    ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
    ...uniteMasks(all),
    ...(all.some((it) => it.reasonRequired === true) ? { reasonRequired: true } : {}),
    ...(secondFactorAgeMaxMs === undefined ? {} : { secondFactorAgeMaxMs }),
  };
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}
