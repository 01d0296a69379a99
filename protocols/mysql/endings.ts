// What ends a client's connection, and the error that says so.

import { err, type ErrPacket } from './messages.ts';

/**
 * ER_CONNECTION_KILLED is the one that pools of connections (SQLAlchemy's, Laravel's) know as the end of theirs, by its number or its
 * words, and connect again: they show people ER_SERVER_SHUTDOWN and ER_NET_READ_ERROR instead.
 */
export const endings = {
  killed: { number: 1927, sqlState: '70100' },
  lost: { number: 1927, sqlState: '08S01' },
  malformed: { number: 1156, sqlState: '08S01' },
  tooLarge: { number: 1153, sqlState: '08S01' },
} as const;

/** One of these, or the target's own. */
export type Ending = Pick<ErrPacket, 'number' | 'sqlState'>;

export function endingError({ number, sqlState }: Ending, message: string): Buffer {
  return err(number, sqlState, number === endings.killed.number ? `Connection was killed: ${message}` : message);
}
