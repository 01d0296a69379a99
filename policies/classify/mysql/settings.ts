// SET: what it changes of the session, of the server, or of how later texts are read. Variables are free by list; what is
// not on it guards something (a log, a check, another session) and counts as a write.

import type { Token } from './lexer.ts';
import type { FactsBuilder } from './facts-builder.ts';
import { isSafeCharset, isUnicodeCharset, type SqlMode } from './reading-mode.ts';
import { isFreeSqlMode } from './sql-mode.ts';

/** Session variables that change only how this session goes on. */
const free = new Set(
  (
    'autocommit time_zone character_set_results character_set_connection character_set_database character_set_server collation_connection ' +
    'collation_database collation_server net_write_timeout net_read_timeout net_retry_count wait_timeout interactive_timeout ' +
    'lock_wait_timeout innodb_lock_wait_timeout idle_transaction_timeout idle_readonly_transaction_timeout idle_write_transaction_timeout ' +
    'max_statement_time max_execution_time sql_select_limit max_join_size sql_max_join_size sql_big_selects sql_notes sql_warnings ' +
    'sql_quote_show_create sql_auto_is_null sql_buffer_result group_concat_max_len tx_isolation transaction_isolation optimizer_switch ' +
    'optimizer_search_depth optimizer_prune_level optimizer_use_condition_selectivity optimizer_trace optimizer_trace_max_mem_size ' +
    'optimizer_trace_limit optimizer_trace_offset optimizer_trace_features join_buffer_size join_cache_level sort_buffer_size tmp_table_size ' +
    'tmp_memory_table_size max_heap_table_size read_buffer_size read_rnd_buffer_size max_sort_length max_length_for_sort_data ' +
    'max_seeks_for_key query_cache_type query_cache_wlock_invalidate query_prealloc_size profiling profiling_history_size lc_messages ' +
    'lc_time_names div_precision_increment default_week_format insert_id last_insert_id identity timestamp rand_seed1 rand_seed2 ' +
    'auto_increment_increment auto_increment_offset session_track_schema session_track_state_change session_track_transaction_info ' +
    'session_track_gtids session_track_system_variables long_query_time old_mode explicit_defaults_for_timestamp ' +
    'information_schema_stats_expiry windowing_use_high_precision cte_max_recursion_depth max_recursive_iterations ' +
    'eq_range_index_dive_limit use_stat_tables histogram_size histogram_type standard_compliant_cte system_versioning_asof ' +
    'max_error_count default_storage_engine storage_engine default_tmp_storage_engine big_tables bulk_insert_buffer_size ' +
    'myisam_sort_buffer_size low_priority_updates completion_type innodb_strict_mode show_create_table_verbosity ' +
    'show_old_temporals updatable_views_with_limit keep_files_on_create max_delayed_threads max_insert_delayed_threads ' +
    'net_buffer_length sql_if_exists alter_algorithm binlog_rows_query_log_events new expensive_subquery_limit ' +
    'progress_report_time wsrep_sync_wait wsrep_causal_reads resultset_metadata require_row_format select_into_buffer_size'
  ).split(' '),
);

/** Free with these values only; any other loosens a check. */
const freeWith: Readonly<Record<string, readonly string[]>> = {
  foreign_key_checks: ['1', 'ON', 'TRUE'],
  unique_checks: ['1', 'ON', 'TRUE'],
  check_constraint_checks: ['1', 'ON', 'TRUE'],
  sql_safe_updates: ['1', 'ON', 'TRUE'],
  tx_read_only: ['1', 'ON', 'TRUE'],
  transaction_read_only: ['1', 'ON', 'TRUE'],
  sql_log_bin: ['1', 'ON', 'TRUE'],
  binlog_format: ['ROW', 'DEFAULT'],
};

/** `SET @sallyport_reason = '…'` says what the session is for: a variable that every client and server knows how to set. */
const reasonVariable = '@sallyport_reason';
const reasonSetting = 'sallyport.reason';

/** Changes that alter how texts are read; the driver asks the server for their new values. */
const readingSettings = new Set(['sql_mode', 'character_set_client', 'session_track_system_variables']);

export interface SetOutcome {
  /** True when a later statement of the same text would be read differently. */
  readonly changesReading: boolean;
}

/** `tokens[from..to)` follows SET. */
export function readSet(tokens: readonly Token[], from: number, to: number, mode: SqlMode, facts: FactsBuilder): SetOutcome {
  let changesReading = false;
  let scope: Scope = 'session';
  for (const part of assignments(tokens, from, to)) {
    const set = withKnownValue(readAssignment(part, scope), mode);
    scope = set.scope;
    const effect = judge(set, mode);
    if (set.kind === 'user-variable' && set.setting.toLowerCase() === reasonVariable) {
      facts.effect('session', 'session', 'setting', reasonSetting);
      facts.change({ kind: 'set', setting: reasonSetting, value: literalOf(set.value), local: false });
      continue;
    }
    const span = { start: part[0]?.start ?? 0, end: part.at(-1)?.end ?? 0 };
    facts.effect(effect, effect === 'session' || effect === 'transaction' ? 'session' : 'write', 'setting', set.setting);
    if (effect === 'guard')
      facts.risk(
        span,
        set.scope === 'global' ? 'changes a setting of the whole server' : 'changes a setting that guards or decides how text is read',
      );
    if (set.kind === 'variable' && set.scope === 'session' && readingSettings.has(set.setting)) {
      changesReading ||= !(effect === 'session' && isUnchangedReading(set, mode));
      facts.change({ kind: 'set', setting: set.setting, value: literalOf(set.value), local: false });
    }
    if (set.kind === 'names') {
      changesReading ||= !isUnchangedReading(set, mode);
      facts.change({ kind: 'set', setting: 'character_set_client', value: literalOf(set.value), local: false });
    }
  }
  return { changesReading };
}

/**
 * Does what follows in the same text mean the same after it? DEFAULT is the server's own, which nobody here knows. A free value of sql_mode
 * leaves the reading as it is. Of character sets only those of the same kind are read alike: to latin1, A0 is white space.
 */
function isUnchangedReading(set: Assignment, mode: SqlMode): boolean {
  if (isDefault(set.value)) return false;
  if (set.setting !== 'character_set_client') return true;
  const charset = literalOf(set.value.slice(0, 1))?.toLowerCase() ?? '';
  return charset === mode.charset || (mode.unicode && isUnicodeCharset(charset));
}

/** A user variable whose value is known stands for it: the server takes it as it takes a string. */
function withKnownValue(set: Assignment, mode: SqlMode): Assignment {
  const [only, ...others] = set.value;
  if (set.kind !== 'variable' || only?.kind !== 'user-variable' || others.length > 0) return set;
  const text = mode.variables[`@${only.text}`];
  return text === undefined ? set : { ...set, value: [{ ...only, kind: 'string', text, raw: text }] };
}

type Scope = 'session' | 'global';

interface Assignment {
  readonly kind: 'variable' | 'user-variable' | 'names' | 'transaction' | 'password' | 'role' | 'other';
  readonly setting: string;
  readonly scope: Scope;
  readonly value: readonly Token[];
}

function assignments(tokens: readonly Token[], from: number, to: number): Token[][] {
  const parts: Token[][] = [[]];
  let depth = 0;
  for (let at = from; at < to; at++) {
    const token = tokens[at] as Token;
    if (token.kind === 'op' && token.text === '(') depth += 1;
    if (token.kind === 'op' && token.text === ')') depth -= 1;
    if (depth === 0 && token.kind === 'op' && token.text === ',') parts.push([]);
    else (parts.at(-1) as Token[]).push(token);
  }
  return parts.filter((part) => part.length > 0);
}

const scopeWords: Readonly<Record<string, Scope>> = {
  GLOBAL: 'global',
  PERSIST: 'global',
  PERSIST_ONLY: 'global',
  SESSION: 'session',
  LOCAL: 'session',
};

function readAssignment(part: readonly Token[], scope: Scope): Assignment {
  const first = part[0] as Token;
  if (first.kind === 'user-variable') return { kind: 'user-variable', setting: `@${first.text}`, scope, value: part.slice(2) };
  if (first.kind === 'system-variable') return systemVariable(part);
  const prefix = first.kind === 'word' ? scopeWords[first.text] : undefined;
  if (prefix !== undefined && part.length > 1 && !isOp(part[1], '=') && !isOp(part[1], ':=') && !isOp(part[1], '.'))
    return readAssignment(part.slice(1), prefix);
  const word = first.kind === 'word' ? first.text : '';
  if (word === 'NAMES') return { kind: 'names', setting: 'character_set_client', scope: 'session', value: part.slice(1) };
  if (word === 'CHARSET') return { kind: 'names', setting: 'character_set_client', scope: 'session', value: part.slice(1) };
  if ((word === 'CHARACTER' || word === 'CHAR') && isWord(part[1], 'SET')) {
    return { kind: 'names', setting: 'character_set_client', scope: 'session', value: part.slice(2) };
  }
  if (word === 'TRANSACTION') return { kind: 'transaction', setting: 'transaction', scope, value: part.slice(1) };
  if (word === 'PASSWORD') return { kind: 'password', setting: 'password', scope, value: [] };
  if (word === 'ROLE' || (word === 'DEFAULT' && isWord(part[1], 'ROLE'))) return { kind: 'role', setting: 'role', scope, value: [] };
  const equals = part.findIndex((it) => isOp(it, '=') || isOp(it, ':='));
  if (equals === 1) return { kind: 'variable', setting: first.raw.toLowerCase(), scope, value: part.slice(2) };
  // cache.key_buffer_size: a setting of a named part of the server
  return { kind: 'other', setting: first.raw.toLowerCase(), scope: 'global', value: [] };
}

/** @@x, @@session.x, @@global.x: a scope written here holds for this one alone, the word GLOBAL for those after it too. */
function systemVariable(part: readonly Token[]): Assignment {
  const first = part[0] as Token;
  if (!isOp(part[1], '.')) return { kind: 'variable', setting: first.text, scope: 'session', value: part.slice(2) };
  const scope = scopeWords[first.text.toUpperCase()] ?? 'global';
  return { kind: 'variable', setting: (part[2]?.raw ?? '').toLowerCase(), scope, value: part.slice(4) };
}

type Judged = 'session' | 'transaction' | 'guard' | 'admin' | 'privilege';

function judge(set: Assignment, mode: SqlMode): Judged {
  switch (set.kind) {
    case 'user-variable':
      return 'session';
    case 'names':
      return isDefault(set.value) || isSafeCharset((literalOf(set.value.slice(0, 1)) ?? '?').toLowerCase()) ? 'session' : 'guard';
    case 'transaction':
      if (set.scope === 'global') return 'admin';
      return set.value.some((it) => isWord(it, 'WRITE')) ? 'guard' : 'transaction';
    case 'password':
      return 'privilege';
    case 'role':
      return 'guard';
    case 'other':
      return 'admin';
    case 'variable':
      return set.scope === 'global' ? 'admin' : judgeVariable(set, mode);
  }
}

function judgeVariable(set: Assignment, mode: SqlMode): Judged {
  if (set.setting === 'sql_mode') return isFreeSqlMode(set.value, mode) ? 'session' : 'guard';
  if (set.setting === 'character_set_client') return isSafeCharset((literalOf(set.value) ?? '?').toLowerCase()) ? 'session' : 'guard';
  const values = freeWith[set.setting];
  if (values !== undefined) return values.includes((literalOf(set.value) ?? '').toUpperCase()) ? 'session' : 'guard';
  return free.has(set.setting) ? 'session' : 'guard';
}

function isDefault(value: readonly Token[]): boolean {
  return value.length === 1 && isWord(value[0], 'DEFAULT');
}

/** The value when it is one literal or bare word (ON, utf8mb4), NAMES' COLLATE left out; else null. */
function literalOf(value: readonly Token[]): string | null {
  const only = value.length === 3 && isWord(value[1], 'COLLATE') ? value.slice(0, 1) : value;
  const token = only[0];
  if (only.length !== 1 || token === undefined) return null;
  return token.kind === 'string' || token.kind === 'number' || token.kind === 'word' || token.kind === 'name' ? token.raw : null;
}

function isWord(token: Token | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text === word;
}

function isOp(token: Token | undefined, op: string): boolean {
  return token?.kind === 'op' && token.text === op;
}
