// What the gateway itself asks in a session, between the client's commands.

import type { Classification } from '../../src/core/classification.ts';
import { framed } from './codec.ts';
import { command, query } from './messages.ts';
import type { ReplyEnd } from './reply-sink.ts';

/** What a session must know again after something could have changed it unseen. */
const probeText = 'SELECT @@SESSION.sql_mode, @@SESSION.character_set_client, DATABASE()';
export const probeQuery = framed(query(probeText), 0);
const tracked = '@@SESSION.session_track_system_variables';
/** MySQL refuses a name that stands twice in the list, and by default has one of ours in it; it keeps spaces as they were written. */
const unlessTracked = (name: string): string => `IF(FIND_IN_SET('${name}', REPLACE(${tracked}, ' ', '')), NULL, '${name}')`;
/** The client must not lose what the gateway follows when it chooses its own list of tracked variables. */
export const trackText = `SET SESSION session_track_system_variables = CONCAT_WS(',', NULLIF(${tracked}, ''), ${unlessTracked('sql_mode')}, ${unlessTracked('character_set_client')})`;
export const trackQuery = framed(query(trackText), 0);

/** Ends a connection to a target. */
export const quitPacket = framed(Buffer.from([command.quit]), 0);

/** What the gateway asks after a statement, where the target does not tell what it changed. */
export function queriesAfter(classification: Classification, end: ReplyEnd, tracks: boolean): Buffer[] {
  const sets = classification.statements.flatMap((it) => it.changes.filter((change) => change.kind === 'set'));
  const unseen = classification.summary.access === 'unknown' || !classification.understood;
  // Changes are told in OK packets, which an error and (for clients of the old form) the end of rows are not.
  const reported = tracks && end.error === null && !end.endedRows;
  const queries = (sets.length > 0 || unseen) && !reported ? [probeQuery] : [];
  const untracked = sets.some((it) => it.setting === 'session_track_system_variables');
  return tracks && untracked ? [...queries, trackQuery, probeQuery] : queries;
}
