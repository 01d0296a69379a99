// Refusals and hold notices in MySQL's own words: error numbers with SQLSTATE, MariaDB's progress reports.

import type { HoldNotice, Refusal, RefusalReason } from '../../src/core/ruling.ts';
import { holdWords, refusalWords } from '../../src/core/words.ts';
import { err, progress } from './messages.ts';

interface ErrorCode {
  readonly number: number;
  readonly sqlState: string;
}

/** ER_TABLEACCESS_DENIED_ERROR, ER_PARSE_ERROR, ER_QUERY_INTERRUPTED, ER_UNKNOWN_ERROR. */
const codes: Record<RefusalReason, ErrorCode> = {
  denied: { number: 1142, sqlState: '42000' },
  rejected: { number: 1142, sqlState: '42000' },
  expired: { number: 1142, sqlState: '42000' },
  'not-understood': { number: 1064, sqlState: '42000' },
  withdrawn: { number: 1317, sqlState: '70100' },
  fault: { number: 1105, sqlState: 'HY000' },
  'transaction-failed': { number: 1105, sqlState: 'HY000' },
};

/** ERR payload for a refused action. */
export function refusalError(refusal: Refusal): Buffer {
  const { number, sqlState } = codes[refusal.reason];
  return err(number, sqlState, sentence(refusal));
}

/** ER_QUERY_INTERRUPTED in the server's words. */
export const interruptedError = err(codes.withdrawn.number, codes.withdrawn.sqlState, 'Query execution was interrupted');

export function codeOf(reason: RefusalReason): ErrorCode {
  return codes[reason];
}

function sentence(refusal: Refusal): string {
  const words = refusalWords(refusal);
  const hint = refusal.hint === null ? '' : `. ${refusal.hint}`;
  switch (refusal.reason) {
    case 'withdrawn':
      return `Query execution was interrupted: ${words}`;
    case 'expired':
      return `approval expired: ${words}${hint}`;
    case 'rejected':
    case 'denied':
    case 'not-understood':
    case 'fault':
    case 'transaction-failed':
      return `${words}${hint}`;
  }
}

/** Progress report that MariaDB's client shows while the statement waits; one line, because clients overwrite it. */
export function holdProgress(notice: HoldNotice, nowMs: number): Buffer {
  return progress(`${holdWords(notice, nowMs).join('; ')}; Ctrl-C withdraws`);
}
