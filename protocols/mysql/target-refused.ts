// The target's own error against a sign-in or a query of the gateway's.

import { Fault, type FaultCode } from '../../src/core/errors.ts';
import type { ErrPacket } from './messages.ts';

export class TargetRefused extends Fault {
  readonly error: ErrPacket;

  constructor(code: FaultCode, doing: string, error: ErrPacket) {
    super(code, `${doing}: ${error.message}`);
    this.error = error;
  }
}

/**
 * What the target says of the database that the client wants, or of how many connections there are just now: clients know what to do
 * (try again, ask for another). Its other errors of a sign-in are about the gateway's account, and clients would take them for their own.
 * ER_CON_COUNT_ERROR, ER_DBACCESS_DENIED_ERROR, ER_BAD_DB_ERROR, ER_TOO_MANY_USER_CONNECTIONS, ER_USER_LIMIT_REACHED.
 */
const clientsOwn: ReadonlySet<number> = new Set([1040, 1044, 1049, 1203, 1226]);

/** ER_CONNECT_TO_FOREIGN_DATA_SOURCE: from 2000 up clients take numbers for their own and show nothing of the words. */
const unreached = { number: 1429, sqlState: 'HY000' } as const;

/** The number that a client is told when a target could not be reached or signed in to. */
export function numberOf(thrown: unknown): Pick<ErrPacket, 'number' | 'sqlState'> {
  return thrown instanceof TargetRefused && clientsOwn.has(thrown.error.number) ? thrown.error : unreached;
}
