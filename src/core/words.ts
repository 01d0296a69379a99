// The sentences a person at psql, mysql or ssh reads. One place, so that every protocol says the same.

import { approverSetWords } from './quorum.ts';
import type { Obligations } from './decision.ts';
import type { HoldNotice, Refusal } from './ruling.ts';

/** Lines for the person whose action waits: what, who can answer, where, how long. `nowMs` is wall clock. */
export function holdWords(notice: HoldNotice, nowMs: number): string[] {
  const more = notice.approvalsNeeded - notice.approvalsGiven;
  const people = more === 1 ? 'one person' : `${more} people`;
  const who =
    notice.approverSets === undefined
      ? `${people} of ${approverWords(notice.approverGroups, notice.alsoInGroups ?? [])}`
      : approverSetWords(notice.approverSets);
  const given = notice.approvalsGiven > 0 ? ` (${notice.approvalsGiven} of ${notice.approvalsNeeded} given)` : '';
  const lines = [
    `hold ${notice.holdId}: ${notice.message}`,
    `waiting for approval by ${who}${given}; rule ${notice.rule}; expires in ${duration(notice.expiresAtMs - nowMs)}`,
  ];
  if (notice.url !== null) lines.push(`answer at ${notice.url}`);
  return lines;
}

/** "dba or sre", "dba who are also in security": who may approve, after "members of". */
export function approverWords(groups: readonly string[], alsoInGroups: readonly (readonly string[])[]): string {
  const also = alsoInGroups.map((set) => set.join(' or ')).join(' and in ');
  return also === '' ? groups.join(' or ') : `${groups.join(' or ')} who are also in ${also}`;
}

/** One sentence for a refusal, with its hold number where it has one. */
export function refusalWords(refusal: Refusal): string {
  const hold = refusal.holdId === null ? '' : ` (hold ${refusal.holdId})`;
  return `${refusal.message}${hold}`;
}

/** How something runs that is allowed, one phrase for each obligation: "behind the read-only fence", "at most 500 rows". */
export function obligationWords(obligations: Obligations): readonly string[] {
  const { fence, rowsMax, statementTimeoutMs, reasonRequired, secondFactorAgeMaxMs, recordParameters, recordResults } = obligations;
  return [
    fence === undefined ? '' : 'behind the read-only fence',
    rowsMax === undefined ? '' : `at most ${rowsMax} ${rowsMax === 1 ? 'row' : 'rows'}`,
    statementTimeoutMs === undefined
      ? ''
      : `at most ${statementTimeoutMs < 1000 ? `${statementTimeoutMs} ms` : duration(statementTimeoutMs)}`,
    reasonRequired === true ? 'with a reason' : '',
    secondFactorAgeMaxMs === undefined ? '' : `with a second factor of the last ${duration(secondFactorAgeMaxMs)}`,
    recordParameters ? 'parameters recorded' : '',
    recordResults ? 'result rows recorded' : '',
  ].filter((words) => words !== '');
}

/** Which limit a statement has met: rows returned, time run. */
export type Limit = 'rows' | 'time';

/** Why a statement was stopped at a limit of its rule, and what to do about it. */
export function limitWords(met: Limit, { rowsMax, statementTimeoutMs, limitedBy }: Obligations): { message: string; hint: string | null } {
  const rule = limitedBy === undefined ? 'its rule' : `rule ${limitedBy}`;
  if (met === 'rows')
    return {
      message: `the statement returns more than ${rowsMax} rows, the most that ${rule} lets through`,
      hint: 'The rows so far are not all: add a LIMIT or a condition.',
    };
  const seconds = Number(statementTimeoutMs) / 1000;
  return { message: `canceling statement: it ran longer than ${seconds} s, the most that ${rule} lets it run`, hint: null };
}

/** "45 s", "5 min", "1 h 30 min": whole units, never negative. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const rest = minutes % 60;
  return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
}
