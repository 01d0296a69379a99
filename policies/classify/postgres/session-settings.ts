// SET, RESET, set_config, BEGIN and SET TRANSACTION: what they change in this session, and whether that is a guard.

import type { Context } from './context.ts';
import type { Findings } from './findings.ts';
import { riskAt } from './objects.ts';
import { booleanOf, isWritableAlready, judgeResetAll, judgeSetting, parseSearchPath, writeSearchPath } from './settings.ts';
import { constantOf, flagAt, listAt, locationOf, namesOf, nodeOf, numberAt, textAt, treeAt, type Tree } from './tree.ts';

/** Judges SET and RESET in all their spellings; returns the statement's kind. */
export function noteSet(body: Tree, findings: Findings, context: Context): string {
  const name = textAt(body, 'name').toLowerCase();
  const isLocal = flagAt(body, 'is_local');
  switch (textAt(body, 'kind')) {
    case 'VAR_SET_VALUE': {
      const values = valuesOf(listAt(body, 'args'));
      note(name, values, isLocal, findings, context);
      return 'set';
    }
    case 'VAR_SET_DEFAULT':
      note(name, 'default', isLocal, findings, context);
      return 'set';
    case 'VAR_SET_CURRENT':
      note(name, null, isLocal, findings, context);
      return 'set';
    case 'VAR_SET_MULTI':
      noteTransactionModes(listAt(body, 'args'), name !== 'session characteristics', findings, context);
      return name === 'session characteristics' ? 'set session characteristics' : 'set transaction';
    case 'VAR_RESET':
      note(name, 'default', false, findings, context);
      return 'reset';
    case 'VAR_RESET_ALL':
      effectOf(judgeResetAll(context.settings), null, findings);
      for (const setting of readingSettings) findings.change({ kind: 'set', setting, value: null, local: false });
      return 'reset';
    default:
      findings.notUnderstood('unknown-construct', `SET of kind ${textAt(body, 'kind')}`);
      return 'set';
  }
}

/** What RESET ALL puts back of the settings that change how statements are read. Role and session user stay as they are. */
const readingSettings = [
  'search_path',
  'standard_conforming_strings',
  'client_encoding',
  'default_transaction_read_only',
  'session_replication_role',
  'row_security',
  'backslash_quote',
  'transform_null_equals',
] as const;

/** DISCARD. */
export function noteDiscard(body: Tree, findings: Findings, context: Context): string {
  switch (textAt(body, 'target')) {
    case 'DISCARD_ALL':
      effectOf(judgeResetAll(context.settings), null, findings);
      findings.change({ kind: 'discard-all' });
      return 'discard all';
    case 'DISCARD_TEMP':
      findings.effect('session', 'session');
      findings.change({ kind: 'schema-changed' });
      return 'discard temp';
    default:
      findings.effect('session', 'session');
      return 'discard';
  }
}

/** The modes of BEGIN, SET TRANSACTION and SET SESSION CHARACTERISTICS. READ WRITE may lift a guard. */
export function noteTransactionModes(options: readonly unknown[], isOneTransaction: boolean, findings: Findings, context: Context): void {
  for (const item of options) {
    const option = nodeOf(item)?.body;
    if (option === undefined) continue;
    const name = textAt(option, 'defname');
    const value = constantOf(option['arg']) ?? numberText(option['arg']);
    if (name === 'transaction_read_only') {
      const isReadWrite = booleanOf(value) !== true;
      if (isReadWrite && !isWritableAlready(context.settings)) {
        findings.effect('guard', 'write', 'setting', isOneTransaction ? name : 'default_transaction_read_only');
        riskAt(locationOf(option), 10, 'lifts read-only mode', findings, context);
      }
      const setting = isOneTransaction ? name : 'default_transaction_read_only';
      findings.change({ kind: 'set', setting, value: isReadWrite ? 'off' : 'on', local: isOneTransaction });
    } else if (!['transaction_isolation', 'transaction_deferrable', 'transaction_snapshot'].includes(name) && name !== '') {
      findings.effect('guard', 'write', 'setting', name);
    }
  }
  findings.effect('transaction', 'session');
}

/** set_config(name, value, is_local): SET in a function's clothes. `surely`: it runs exactly once, so its effect can be followed. */
export function noteSetConfig(
  args: readonly unknown[],
  surely: boolean,
  location: number | null,
  findings: Findings,
  context: Context,
): void {
  const [name, value, local] = [0, 1, 2].map((at) => constantOf(asText(args[at])));
  const isLocal = local == null ? null : booleanOf(local);
  if (name == null || value == null || isLocal === null || !surely || args.length !== 3) {
    findings.effect('guard', 'write', 'setting', name?.toLowerCase() ?? null);
    riskAt(location, 'set_config'.length, 'changes a setting that cannot be followed', findings, context);
    return;
  }
  const setting = name.toLowerCase();
  const values = setting === 'search_path' ? parseSearchPath(value) : [value];
  note(setting, values, isLocal, findings, context);
  if (values === null) riskAt(location, 'set_config'.length, 'sets a malformed search_path', findings, context);
}

/**
 * `SELECT set_config(name, '…', false) FROM pg_settings WHERE name = '…'`: how pg_dump sets what older servers lack. Just this
 * form is read; true when it was.
 */
export function noteSettingsView(select: Tree, findings: Findings, context: Context): boolean {
  if (Object.keys(select).some((key) => !['targetList', 'fromClause', 'whereClause', 'limitOption', 'op'].includes(key))) return false;
  const from = nodeOf(listAt(select, 'fromClause')[0]);
  const target = nodeOf(nodeOf(listAt(select, 'targetList')[0])?.body['val']);
  const where = nodeOf(select['whereClause']);
  if (listAt(select, 'fromClause').length !== 1 || listAt(select, 'targetList').length !== 1) return false;
  if (from?.type !== 'RangeVar' || textAt(from.body, 'relname') !== 'pg_settings' || context.shadowing) return false;
  if (!['', 'pg_catalog'].includes(textAt(from.body, 'schemaname')) || (context.known?.relations(null, 'pg_settings').length ?? 0) > 0)
    return false;
  if (target?.type !== 'FuncCall' || namesOf(listAt(target.body, 'funcname'))?.at(-1) !== 'set_config') return false;
  if (listAt(target.body, 'funcname').length !== 1 || !isNameColumn(listAt(target.body, 'args')[0])) return false;
  if (where?.type !== 'A_Expr' || textAt(where.body, 'kind') !== 'AEXPR_OP' || namesOf(listAt(where.body, 'name'))?.join('.') !== '=')
    return false;
  const name = constantOf(where.body['rexpr']);
  if (!isNameColumn(where.body['lexpr']) || name === null || name !== name.toLowerCase()) return false; // Otherwise written it is no row.
  const [, ...rest] = listAt(target.body, 'args');
  findings.effect('read', 'read', 'table', 'pg_catalog.pg_settings');
  noteSetConfig([where.body['rexpr'], ...rest], true, locationOf(target.body), findings, context);
  return true;
}

function isNameColumn(value: unknown): boolean {
  const node = nodeOf(value);
  return node?.type === 'ColumnRef' && namesOf(listAt(node.body, 'fields'))?.join('.') === 'name';
}

function note(setting: string, values: readonly string[] | null | 'default', isLocal: boolean, findings: Findings, context: Context): void {
  const judgement = judgeSetting(setting, values, context.settings);
  effectOf(judgement, setting, findings);
  if (judgement === 'guard')
    findings.risk(context.start, context.end, `changes ${setting}, which guards or changes how statements are read`);
  const value = values === 'default' || values === null ? null : setting === 'search_path' ? writeSearchPath(values) : values.join(', ');
  findings.change({ kind: 'set', setting, value, local: isLocal });
}

function effectOf(judgement: 'session' | 'guard', setting: string | null, findings: Findings): void {
  if (judgement === 'guard') findings.effect('guard', 'write', 'setting', setting);
  else findings.effect('session', 'session', 'setting', setting);
}

function valuesOf(args: readonly unknown[]): string[] | null {
  const values: string[] = [];
  for (const arg of args) {
    const value = constantOf(unwrapCast(arg));
    if (value === null) return null;
    values.push(value);
  }
  return values;
}

/** SET TIME ZONE INTERVAL '…' and literals with a type written on them. */
function unwrapCast(value: unknown): unknown {
  const node = nodeOf(value);
  return node?.type === 'TypeCast' ? node.body['arg'] : value;
}

/** A constant with the type text or boolean written on it; other types may cut it or make something else of it. */
function asText(value: unknown): unknown {
  const node = nodeOf(value);
  if (node?.type !== 'TypeCast') return value;
  const type = treeAt(node.body, 'typeName') ?? {};
  const name = namesOf(listAt(type, 'names'))?.join('.') ?? '';
  const isWhole = /^(pg_catalog\.)?(text|bool)$/.test(name) && type['arrayBounds'] === undefined;
  return isWhole && nodeOf(node.body['arg'])?.type === 'A_Const' ? node.body['arg'] : value;
}

function numberText(value: unknown): string {
  const constant = nodeOf(value);
  const integer = constant === null ? null : treeAt(constant.body, 'ival');
  return String(integer === null ? 0 : numberAt(integer, 'ival'));
}
