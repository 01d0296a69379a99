// What a session at a target begins with: the settings as the target says them, and those that the client made before it had
// named the target, each judged as the statement it is.

import { messageOf } from '../../src/core/errors.ts';
import type { Lane, Session, Submission } from '../../src/core/session.ts';
import { refusalWords } from '../../src/core/words.ts';
import { flag, has } from './capabilities.ts';
import { digestOf } from './execution.ts';
import { SignInRefused } from './handshake.ts';
import { ownQuery } from './own-query.ts';
import { trackText } from './own-texts.ts';
import { codeOf } from './refusal.ts';
import { Settings } from './settings.ts';
import type { Upstream } from './upstream.ts';

const settingsText = 'SELECT @@version, @@SESSION.sql_mode, @@SESSION.character_set_client, DATABASE(), @@lower_case_table_names';

/** Throws Fault target-lost. */
export async function settingsOf(upstream: Upstream, signal: AbortSignal): Promise<Settings> {
  if (has(upstream.capabilities, flag.sessionTrack)) await ownQuery(upstream, trackText, signal);
  const [row] = await ownQuery(upstream, settingsText, signal);
  const cell = (index: number): string => row?.[index] ?? '';
  return new Settings({
    flavour: cell(0).includes('MariaDB') ? 'mariadb' : 'mysql',
    serverVersion: cell(0),
    sqlMode: cell(1),
    characterSetClient: cell(2),
    database: row?.[3] ?? null,
    lowerCaseTableNames: cell(4),
  });
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
    await ownQuery(upstream, text, signal);
    session.finish(ruling.permit, { kind: 'completed', rows: null, error: null });
  }
  return texts.length === 0 ? settings : await settingsOf(upstream, signal);
}
