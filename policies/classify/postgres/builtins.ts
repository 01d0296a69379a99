// What PostgreSQL's own functions do, by name. Immutable and stable ones read, except those listed here that run text or
// read files; volatile ones are harmless only when listed; the rest of the volatile ones are calls with write access.

import lists from './builtins.json' with { type: 'json' };
import type { Access, EffectVerb } from '../../../src/core/effect.ts';

export interface FunctionJudgement {
  readonly verb: EffectVerb;
  readonly access: Access;
  /** Why an approver should look at it; null for harmless ones. */
  readonly why: string | null;
}

export const harmlessRead: FunctionJudgement = { verb: 'read', access: 'read', why: null };
export const unknownCall: FunctionJudgement = { verb: 'call', access: 'unknown', why: 'calls a function that is not known to be harmless' };

const words = (text: string): Set<string> => new Set(text.split(/\s+/).filter((word) => word !== ''));

const functionsSafe = words(lists.safe);
const functionsVolatile = words(lists.volatile);
const types = words(lists.types);
const operators = words(lists.operators);
const relations = words(lists.relations);
const informationFunctions = words(lists.informationSchema);
const informationTypes = words(lists.informationSchemaTypes);
const informationRelations = words(lists.informationSchemaRelations);

/** Volatile, looked at one by one: they answer a question and change nothing that outlives the statement. */
const volatileReads = words(`
  array_sample array_shuffle bernoulli clock_timestamp current_query currval gen_random_uuid lastval pg_available_wal_summaries pg_blocking_pids
  pg_collation_actual_version pg_control_checkpoint pg_control_init pg_control_recovery pg_control_system pg_current_logfile
  pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_database_collation_actual_version pg_database_size pg_get_aios
  pg_get_backend_memory_contexts pg_get_dsm_registry_allocations pg_get_loaded_modules pg_get_multixact_members pg_get_multixact_stats pg_get_sequence_data pg_get_shmem_allocations
  pg_get_shmem_allocations_numa pg_get_wait_events pg_get_wal_replay_pause_state pg_get_wal_resource_managers pg_get_wal_summarizer_state
  pg_indexes_size pg_is_in_recovery pg_is_wal_replay_paused pg_isolation_test_session_is_blocked pg_jit_available pg_last_committed_xact
  pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_lock_status pg_notification_queue_usage
  pg_partition_ancestors pg_partition_tree pg_prepared_xact pg_relation_size pg_replication_origin_progress
  pg_replication_origin_session_is_setup pg_replication_origin_session_progress pg_safe_snapshot_blocking_pids pg_sequence_last_value
  pg_show_replication_origin_status pg_stat_get_backend_io pg_stat_get_backend_wal pg_stat_get_io pg_stat_get_lock pg_stat_get_recovery_prefetch
  pg_stat_get_xact_blocks_fetched pg_stat_get_xact_blocks_hit pg_stat_get_xact_function_calls pg_stat_get_xact_function_self_time
  pg_stat_get_xact_function_total_time pg_stat_get_xact_numscans pg_stat_get_xact_tuples_deleted pg_stat_get_xact_tuples_fetched
  pg_stat_get_xact_tuples_hot_updated pg_stat_get_xact_tuples_inserted pg_stat_get_xact_tuples_newpage_updated
  pg_stat_get_xact_tuples_returned pg_stat_get_xact_tuples_updated pg_stat_have_stats pg_table_size pg_tablespace_size
  pg_total_relation_size pg_wal_summary_contents pg_xact_commit_timestamp pg_xact_commit_timestamp_origin pg_xact_status random
  random_normal system timeofday txid_status uuidv4 uuidv7`);

/** They touch this session only: wait, seed, let go of own locks. */
const sessionOnly = words(`
  pg_sleep pg_sleep_for pg_sleep_until setseed pg_export_snapshot pg_stat_clear_snapshot pg_stat_force_next_flush
  pg_advisory_unlock pg_advisory_unlock_all pg_advisory_unlock_shared`);

interface Family {
  readonly names: RegExp;
  readonly judgement: FunctionJudgement;
}

const family = (names: RegExp, verb: EffectVerb, access: Access, why: string): Family => ({ names, judgement: { verb, access, why } });

/** Looked at before volatility, first match wins. */
const dangerous: readonly Family[] = [
  family(
    /^(query_to_xml|cursor_to_xml|table_to_xml|schema_to_xml|database_to_xml)(schema|_and_xmlschema)?$/,
    'call',
    'unknown',
    'runs or reads what its text says',
  ),
  family(/^ts_stat$/, 'call', 'unknown', 'runs the query in its text'),
  family(/^(domain|array|record|range|multirange)_(in|recv)$/, 'call', 'unknown', 'runs the input code of any type'),
  family(/^(nextval|setval)$/, 'sequence', 'write', 'moves a sequence; a rollback does not undo it'),
  family(/^pg_(try_)?advisory_(xact_)?lock(_shared)?$/, 'lock', 'write', 'takes an advisory lock'),
  family(/^pg_notify$/, 'notify', 'write', 'sends a notification to other sessions'),
  family(
    /^pg_(terminate_backend|cancel_backend|reload_conf|rotate_logfile|rotate_logfile_old|switch_wal|promote|backup_start|backup_stop|create_restore_point|wal_replay_\w+|log_\w+|import_system_collations|stop_making_pinned_objects|nextoid)$/,
    'admin',
    'write',
    'acts on the server or on other sessions',
  ),
  family(/^(pg_stat_reset\w*|pg_(clear|restore)_\w+_stats|binary_upgrade_\w+)$/, 'admin', 'write', 'changes statistics or system state'),
  family(
    /^pg_(logical_\w+|create_\w+_slot|create_(logical|physical)_replication_slot|copy_\w+_slot|drop_replication_slot|replication_slot_advance|replication_origin_(advance|create|drop|session_reset|session_setup|xact_reset|xact_setup)|sync_replication_slots)$/,
    'replication',
    'write',
    'changes replication',
  ),
  family(
    /^(pg_read_\w+|pg_ls_\w+|pg_stat_file|lo_import|lo_export|pg_hba_file_rules|pg_ident_file_mappings|pg_show_all_file_settings)$/,
    'server-file',
    'write',
    'reads or writes files on the server',
  ),
  family(/^(lo_\w+|loread|lowrite)$/, 'large-object', 'write', 'works on large objects'),
  family(/^(brin_(summarize|desummarize)\w*|gin_clean_pending_list)$/, 'maintenance', 'write', 'maintains an index'),
];

const sessionJudgement: FunctionJudgement = { verb: 'session', access: 'session', why: null };
const volatileCall: FunctionJudgement = { verb: 'call', access: 'write', why: 'calls a built-in function that may change something' };
const runsText: FunctionJudgement = { verb: 'call', access: 'unknown', why: 'runs the query in its text' };

const remembered = new Map<string, FunctionJudgement | null>();

/** What a function of pg_catalog does; null when there is none of that name. `set_config` is the caller's to judge. */
export function judgeBuiltin(name: string, argumentCount: number): FunctionJudgement | null {
  if (name === 'ts_rewrite') return argumentCount === 3 ? harmlessRead : runsText; // ts_rewrite(tsquery, text) runs its text.
  let judgement = remembered.get(name);
  if (judgement === undefined) {
    judgement = judgeByName(name);
    if (judgement !== null) remembered.set(name, judgement); // Only built-in names are kept, so the map is bounded.
  }
  return judgement;
}

function judgeByName(name: string): FunctionJudgement | null {
  const isVolatile = functionsVolatile.has(name);
  if (!isVolatile && !functionsSafe.has(name)) return null;
  for (const { names, judgement } of dangerous) if (names.test(name)) return judgement;
  if (!isVolatile || volatileReads.has(name)) return harmlessRead;
  return sessionOnly.has(name) ? sessionJudgement : volatileCall;
}

export function isInformationFunction(name: string): boolean {
  return informationFunctions.has(name);
}

export function isBuiltinOperator(name: string): boolean {
  return operators.has(name);
}

export function isBuiltinType(name: string): boolean {
  return types.has(name);
}

export function isInformationType(name: string): boolean {
  return informationTypes.has(name) || informationRelations.has(name);
}

export function isSystemRelation(name: string): boolean {
  return relations.has(name);
}
