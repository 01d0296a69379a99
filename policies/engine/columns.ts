// The columns of an action compared with patterns: "ssn" in any table, "users.ssn", "public.users.*". The answer is yes, no, or an
// error where it can't be told: allow rules do not match then, hold and deny rules do.

import type { ColumnsTouched } from '../../src/core/classification.ts';
import { glob } from '../../src/core/glob.ts';
import type { Glob } from '../../src/core/glob.ts';

/** How a text in a policy has to look to mean columns. */
export const columnPattern = /^[^.]+(\.[^.]+){0,2}$/;

/** Calls that conditions can make on `action`, with what each asks. */
export const columnCalls = {
  reads_column: { of: 'read', only: false, words: 'it reads one of these columns, in any way' },
  asks_column: { of: 'asked', only: false, words: 'something depends on one of these columns: WHERE, JOIN, GROUP BY, ORDER BY, CASE' },
  writes_column: { of: 'written', only: false, words: 'it changes one of these columns' },
  reads_only: { of: 'read', only: true, words: 'it reads no other columns than these' },
  writes_only: { of: 'written', only: true, words: 'it changes no other columns than these' },
} as const satisfies Record<string, { of: keyof ColumnsTouched; only: boolean; words: string }>;

export type ColumnCall = keyof typeof columnCalls;

/** Throws when it can't be told. `touched` undefined: nothing is known of the action's columns. */
export function askColumns(call: ColumnCall, touched: ColumnsTouched | undefined, patterns: readonly string[]): boolean {
  const { of, only } = columnCalls[call];
  const columns = columnsTold(touched, of);
  const compiled = patternsOf(patterns);
  let unsure: string | null = null;
  for (const column of columns) {
    const answer = compiled.match(column);
    if (only ? answer.loose === 'no' : answer.loose === 'yes') return !only;
    if (only ? !answer.isExact : answer.loose === 'unsure') unsure ??= column;
  }
  if (unsure !== null) throw new Error(cantBeTold(of, unsure));
  return only;
}

/** All columns by name. Throws when one can't be told. */
export function columnsNamed(touched: ColumnsTouched | undefined, of: keyof ColumnsTouched): readonly string[] {
  const columns = columnsTold(touched, of);
  const star = columns.find((column) => column === '*' || column.endsWith('.*'));
  if (star !== undefined) throw new Error(cantBeTold(of, star));
  return columns;
}

function columnsTold(touched: ColumnsTouched | undefined, of: keyof ColumnsTouched): readonly string[] {
  if (touched === undefined) throw new Error('which columns it touches is not known');
  return touched[of];
}

function cantBeTold(of: keyof ColumnsTouched, column: string): string {
  const verb = { read: 'reads', asked: 'asks about', written: 'changes' }[of];
  if (column === '*') return `which columns it ${verb} can't be told`;
  if (column.endsWith('.*')) return `which columns of ${column.slice(0, -2)} it ${verb} can't be told: the table is not known`;
  return `it ${verb} ${column}, of which schema or spelling can't be told`;
}

/** What databases say of themselves. Their columns are not in catalogues, so a star of them stays a star. */
const system = /^(pg_catalog|information_schema|performance_schema|sys)$/i;
/** Those of them that hold passwords, values of columns, texts that people typed, or addresses with passwords in them. */
const telling =
  /^(pg_authid|pg_shadow|pg_user|pg_stats?|pg_statistic.*|pg_stats_ext.*|pg_stat_activity|pg_prepared_statements|pg_cursors|pg_largeobject|pg_subscription|pg_user_mappings?|pg_foreign_.*|pg_db_role_setting|pg_settings|pg_file_settings|pg_hba_file_rules|pg_description|user_mapping_options|foreign_server_options|processlist|events_statements.*|events_stages.*|threads|session|x?\$?session|statement_analysis|user_variables_by_thread|variables.*|column_statistics)$/i;

/** A star of such a table has nothing that a column without a table could mean. */
function saysNothing([column, table = '', schema = '']: readonly string[]): boolean {
  return column === '*' && system.test(schema) && !telling.test(table);
}

interface Answer {
  /** Letter case and a schema that is not known are forgiven. */
  readonly loose: 'yes' | 'no' | 'unsure';
  /** It is one of these, as written. */
  readonly isExact: boolean;
}

/** Patterns remembered, and columns remembered for each: texts are many, columns are few. */
const compiledMax = 20_000;
const rememberedMax = 500;

const compiled = new Map<string, Patterns>();
/** Named lists are frozen, and the same list each time; one that is written in a condition is made anew each time. */
const ofList = new WeakMap<readonly string[], Patterns>();

function patternsOf(patterns: readonly string[]): Patterns {
  // Dead keys of a weak map are what a collection is slow with.
  if (!Object.isFrozen(patterns)) return compiledOf(patterns);
  let known = ofList.get(patterns);
  if (known === undefined) {
    known = compiledOf(patterns);
    ofList.set(patterns, known);
  }
  return known;
}

function compiledOf(patterns: readonly string[]): Patterns {
  const key = patterns.length === 1 ? patterns[0]! : patterns.join('\0');
  let known = compiled.get(key);
  if (known === undefined) {
    if (compiled.size >= compiledMax) compiled.clear();
    known = new Patterns(patterns);
    compiled.set(key, known);
  }
  return known;
}

/** Column first, then table, then schema. */
interface Pattern {
  readonly exact: readonly Glob[];
  readonly folded: readonly Glob[];
  readonly isAnyColumn: boolean;
  /** It speaks of columns of that name in any table. */
  readonly isOfAnyTable: boolean;
}

class Patterns {
  readonly #patterns: readonly Pattern[];
  readonly #remembered = new Map<string, Answer>();

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns.map((pattern) => {
      const parts = pattern.split('.').reverse();
      return {
        exact: parts.map(glob),
        folded: parts.map((part) => glob(part.toLowerCase())),
        isAnyColumn: /^\*+$/.test(parts[0] ?? ''),
        isOfAnyTable: parts.slice(1).every((part) => /^\*+$/.test(part)),
      };
    });
  }

  match(column: string): Answer {
    let answer = this.#remembered.get(column);
    if (answer === undefined) {
      if (this.#remembered.size >= rememberedMax) this.#remembered.clear();
      answer = this.#compare(column);
      this.#remembered.set(column, answer);
    }
    return answer;
  }

  #compare(column: string): Answer {
    if (column === '*') return { loose: 'unsure', isExact: false };
    const names = namesOf(column);
    const isPlainSystem = saysNothing(names);
    let loose: Answer['loose'] = 'no';
    let isExact = false;
    for (const { exact, folded, isAnyColumn, isOfAnyTable } of this.#patterns) {
      if (isPlainSystem && isOfAnyTable && !isAnyColumn) continue;
      const around = folded.every((part, at) => at === 0 || names[at] === undefined || part(names[at].toLowerCase()));
      if (!around) continue;
      if (names[0] !== '*' || isAnyColumn) {
        if (!isAnyColumn && !folded[0]!((names[0] ?? '').toLowerCase())) continue;
        loose = 'yes';
        isExact ||= exact.every((part, at) => names[at] !== undefined && (at === 0 && isAnyColumn ? true : part(names[at])));
      } else if (loose === 'no') loose = 'unsure';
    }
    return { loose, isExact };
  }
}

/** "public.users.ssn" → ssn, users, public. A part with a dot or a quote in it stands in quotes. */
function namesOf(column: string): string[] {
  const names: string[] = [];
  for (const [, quoted, plain] of column.matchAll(/"((?:[^"]|"")*)"|([^."]+)/g)) names.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
  return names.reverse();
}
