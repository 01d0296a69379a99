// What a session at a target begins with: the settings as the target says them, and those that the client made before it had
// named the target, each judged as the statement it is.

import { messageOf } from '../../src/core/errors.ts';
import type { Lane, Session, Submission } from '../../src/core/session.ts';
import { refusalWords } from '../../src/core/words.ts';
import { flag, has } from './capabilities.ts';
import { digestOf } from './execution.ts';
import { SignInRefused } from './handshake.ts';
import { ownQuery, type Row } from './own-query.ts';
import { trackText } from './own-texts.ts';
import { codeOf } from './refusal.ts';
import { Settings, type InitialSettings } from './settings.ts';
import { TargetRefused } from './target-refused.ts';
import type { Upstream } from './upstream.ts';

const settingsText = 'SELECT @@version, @@SESSION.sql_mode, @@SESSION.character_set_client, DATABASE(), @@lower_case_table_names';
/** And what else a sign-in decides, for a target that can be told to forget a session. */
export const beginningText = `${settingsText}, @@SESSION.character_set_results, @@SESSION.collation_connection, @@SESSION.wait_timeout, @@SESSION.session_track_system_variables, @@GLOBAL.init_connect`;

/** What a session begins with, as the target says it. */
export interface Beginning {
  readonly settings: InitialSettings;
  /** The answer to `beginningText`, or of `settingsText` from a target that is too old to forget. */
  readonly row: Row;
}

/** Throws Fault target-lost. */
export async function beginningOf(upstream: Upstream, signal: AbortSignal): Promise<Beginning> {
  const tracks = has(upstream.capabilities, flag.sessionTrack);
  if (tracks) await ownQuery(upstream, trackText, signal);
  const [row = []] = await ownQuery(upstream, tracks ? beginningText : settingsText, signal);
  const cell = (index: number): string => row[index] ?? '';
  const settings: InitialSettings = {
    flavour: cell(0).includes('MariaDB') ? 'mariadb' : 'mysql',
    serverVersion: cell(0),
    sqlMode: cell(1),
    characterSetClient: cell(2),
    database: row[3] ?? null,
    lowerCaseTableNames: cell(4),
  };
  return { settings, row };
}

const plainWords = /^[\w,]*$/;

/**
 * What a reset leaves otherwise than the sign-in had it is set again: it goes back to the target's own sql_mode and wait_timeout, where
 * the client had asked for IGNORE_SPACE or said that a person types, and MySQL to its own character sets. Null where that can't be:
 * from an old target, or one whose init_connect says what else each session begins with.
 */
export function restoringText([, sqlMode, client, , , results, collation, waitTimeout, tracked, initConnect]: Row): string | null {
  if (sqlMode == null || client == null || collation == null || waitTimeout == null || tracked == null || initConnect !== '') return null;
  if (results === undefined || ![sqlMode, client, collation, waitTimeout, results ?? ''].every((it) => plainWords.test(it))) return null;
  const sets = [
    `sql_mode = '${sqlMode}'`,
    `wait_timeout = ${waitTimeout}`,
    `character_set_client = '${client}'`,
    `character_set_results = ${results === null ? 'NULL' : `'${results}'`}`,
    `collation_connection = '${collation}'`,
  ];
  return `${trackText}, ${sets.map((it) => `SESSION ${it}`).join(', ')}`;
}

/** Makes a role the one that the session runs as. Throws SignInRefused in the target's words. */
export async function becomeRole(upstream: Upstream, role: string, signal: AbortSignal): Promise<void> {
  await ownQuery(upstream, `SET ROLE \`${role.replaceAll('`', '``')}\``, signal).catch((thrown: unknown) => {
    throw new SignInRefused(1045, '28000', `the target does not let the gateway be role ${role}: ${messageOf(thrown)}`);
  });
}

/** Makes the settings that the client was told are made. Throws SignInRefused for the first that may not be, or can't. */
export async function makeDeferred(
  texts: readonly string[],
  session: Session,
  upstream: Upstream,
  settings: Settings,
  lane: Lane,
  signal: AbortSignal,
): Promise<Settings> {
  for (const text of texts) {
    const submission: Submission = {
      kind: 'statement',
      text,
      parameters: null,
      digest: () => digestOf([Buffer.from(text, 'utf8')]),
      mode: settings.mode,
      transaction: 'none',
      classified: null,
      prepared: null,
    };
    const ruling = await session.submit(submission, lane);
    if (ruling.kind === 'refuse') {
      const { number, sqlState } = codeOf(ruling.refusal.reason);
      throw new SignInRefused(number, sqlState, `${text}: ${refusalWords(ruling.refusal)}`);
    }
    ruling.permit.open();
    await ownQuery(upstream, text, signal).catch((thrown: unknown) => {
      if (!(thrown instanceof TargetRefused)) throw thrown;
      const { number, sqlState, message } = thrown.error;
      throw new SignInRefused(number, sqlState, `${text}: ${message}`);
    });
    session.finish(ruling.permit, { kind: 'completed', rows: null, error: null });
  }
  return new Settings((await beginningOf(upstream, signal)).settings);
}
