// Which settings a session may change freely. Everything that isn't on the list guards something, or changes how text is
// read or what rights apply, as far as we know: it is a "guard".

export type SettingJudgement = 'session' | 'guard';

/** Settings that change speed, output or time limits only. Names of the form `prefix*` cover a family. */
const harmless = new Set(
  `application_name array_nulls backend_flush_after backslash_quote bytea_output check_function_bodies client_connection_check_interval
  client_min_messages constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction datestyle
  deadlock_timeout debug_parallel_query debug_pretty_print default_statistics_target default_table_access_method default_tablespace
  default_toast_compression default_transaction_deferrable default_transaction_isolation default_with_oids effective_cache_size
  effective_io_concurrency escape_string_warning exit_on_error extra_float_digits force_parallel_mode from_collapse_limit
  gin_fuzzy_search_limit gin_pending_list_limit hash_mem_multiplier icu_validation_level idle_in_transaction_session_timeout
  idle_session_timeout intervalstyle jit jit_above_cost jit_expressions jit_inline_above_cost jit_optimize_above_cost
  jit_tuple_deforming join_collapse_limit lc_messages lc_monetary lc_numeric lc_time lock_timeout
  maintenance_io_concurrency maintenance_work_mem max_parallel_maintenance_workers max_parallel_workers max_parallel_workers_per_gather
  min_parallel_index_scan_size min_parallel_table_scan_size parallel_leader_participation parallel_setup_cost parallel_tuple_cost
  plan_cache_mode quote_all_identifiers random_page_cost recursive_worktable_factor seed seq_page_cost
  statement_timeout stats_fetch_consistency synchronize_seqscans synchronous_commit tcp_keepalives_count tcp_keepalives_idle
  tcp_keepalives_interval tcp_user_timeout temp_buffers temp_tablespaces timezone timezone_abbreviations transaction_deferrable
  transaction_isolation transaction_timeout vacuum_cost_delay vacuum_cost_limit work_mem xmlbinary xmloption`.split(/\s+/),
);

const harmlessFamilies = ['enable_', 'geqo'];

/** Client encodings in which no byte below 0x80 is ever part of another character, so that quotes stay quotes. */
const safeEncodings =
  /^(utf_?8|unicode|sql_?ascii|latin_?(10|[1-9])|iso_?8859_?\d+|win_?(1250|1251|1252|1253|1254|1255|1256|1257|1258|866|874)|koi8_?[ru]?)$/;

export function isSafeEncoding(name: string): boolean {
  // What nearly every session has, asked for every text.
  if (name === 'UTF8') return true;
  return safeEncodings.test(name.toLowerCase().replaceAll('-', '_').replaceAll(' ', '_'));
}

const offWords = new Set(['off', 'false', 'no', '0', 'f', 'n', 'of', 'fa', 'fal', 'fals']);
const onWords = new Set(['on', 'true', 'yes', '1', 't', 'y', 'tr', 'tru', 'ye']);

/** A boolean as the server reads it; null when the word is neither. */
export function booleanOf(value: string): boolean | null {
  const word = value.toLowerCase();
  return onWords.has(word) ? true : offWords.has(word) ? false : null;
}

/**
 * Judges SET of one setting. A null value means DEFAULT or RESET; `values` are the constants of the list, null when one of
 * them isn't constant.
 */
export function judgeSetting(
  name: string,
  values: readonly string[] | null | 'default',
  known: Readonly<Record<string, string>>,
): SettingJudgement {
  if (values === 'default') return judgeReset(name, known);
  if (values === null) return 'guard';
  const value = values.length === 1 ? (values[0] ?? '') : values.join(', ');
  switch (name) {
    case 'search_path':
      return judgeSearchPath(values);
    case 'client_encoding':
      return isSafeEncoding(value) ? 'session' : 'guard';
    case 'standard_conforming_strings':
      return booleanOf(value) === true ? 'session' : 'guard';
    case 'default_transaction_read_only':
    case 'transaction_read_only':
      return booleanOf(value) === true || isWritableAlready(known) ? 'session' : 'guard';
    case 'row_security':
      return booleanOf(value) === null ? 'guard' : 'session'; // Off makes queries fail where a policy would filter; it never shows more.
    case 'session_replication_role':
      return value.toLowerCase() === 'origin' && (known[name] ?? 'origin') === 'origin' ? 'session' : 'guard';
    case 'sallyport.reason':
      return 'session'; // what the session says it is for: the gateway reads it, the server keeps it and does nothing with it
    case 'restrict_nonsystem_relation_kind':
      return value === '' ? 'guard' : 'session';
    default:
      return isHarmless(name) ? 'session' : 'guard';
  }
}

/** READ WRITE said where it is the state anyway (pools and drivers do) changes nothing. */
export function isWritableAlready(known: Readonly<Record<string, string>>): boolean {
  const reported = known['default_transaction_read_only'];
  const now = known['transaction_read_only'];
  return reported !== undefined && booleanOf(reported) === false && (now === undefined || booleanOf(now) === false);
}

/** RESET ALL and DISCARD ALL are what pools send; they matter only while a guard stands. */
export function judgeResetAll(known: Readonly<Record<string, string>>): SettingJudgement {
  return isGuardUp(known) ? 'guard' : 'session';
}

function judgeReset(name: string, known: Readonly<Record<string, string>>): SettingJudgement {
  switch (name) {
    case 'role':
    case 'session_authorization':
      return isRoleChanged(known) ? 'guard' : 'session';
    case 'default_transaction_read_only':
    case 'transaction_read_only':
      return isReadOnly(known) ? 'guard' : 'session';
    case 'client_encoding':
    case 'standard_conforming_strings':
    case 'search_path':
    case 'row_security':
      return 'session';
    default:
      return isHarmless(name) ? 'session' : 'guard';
  }
}

function isHarmless(name: string): boolean {
  return harmless.has(name) || harmlessFamilies.some((family) => name.startsWith(family));
}

function isGuardUp(known: Readonly<Record<string, string>>): boolean {
  return isReadOnly(known) || isRoleChanged(known);
}

function isReadOnly(known: Readonly<Record<string, string>>): boolean {
  return ['default_transaction_read_only', 'transaction_read_only'].some((name) => {
    const value = known[name];
    return value !== undefined && booleanOf(value) !== false;
  });
}

function isRoleChanged(known: Readonly<Record<string, string>>): boolean {
  const role = known['role'];
  return role !== undefined && role !== 'none' && role !== '';
}

function judgeSearchPath(schemas: readonly string[]): SettingJudgement {
  return schemas.indexOf('pg_catalog') > 0 ? 'guard' : 'session';
}

/** One name of a search_path and what is behind it. White space is the server's: any other is part of a name. */
const pathName = /^(?:"((?:[^"]|"")*)"|([^ \t\n\r\f",]+))[ \t\n\r\f]*(?:,[ \t\n\r\f]*|$)/;
/** Longer names are cut by the server. */
const nameBytesMax = 63;

/** The schemas of a search_path value as the server splits it: folded unless quoted; null when it is malformed, or not known for sure. */
export function parseSearchPath(value: string): string[] | null {
  if (value === '?') return null; // The driver's word for "changed, but to what is not known".
  if (value.includes('\v')) return null; // White space from PostgreSQL 16 on.
  const schemas: string[] = [];
  let rest = value.replace(/^[ \t\n\r\f]+/, '');
  while (rest !== '') {
    const match = pathName.exec(rest);
    if (match === null) return null;
    const name = match[1] === undefined ? folded(match[2] ?? '') : match[1].replaceAll('""', '"');
    if (name === null || Buffer.byteLength(name) > nameBytesMax) return null;
    schemas.push(name);
    rest = rest.slice(match[0].length);
  }
  return schemas;
}

/** As the server folds a name: A to Z. Other capitals only in databases of some encodings, so that they are not known. */
function folded(name: string): string | null {
  const plain = name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return plain === plain.toLowerCase() ? plain : null;
}

/** Writes names as a search_path value that parses back to them. */
export function writeSearchPath(schemas: readonly string[]): string {
  return schemas.map((schema) => (/^[a-z_][a-z0-9_$]*$/.test(schema) ? schema : `"${schema.replaceAll('"', '""')}"`)).join(', ');
}
