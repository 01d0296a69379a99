// Refusals and hold notices in PostgreSQL's own words: SQLSTATE, ErrorResponse, NoticeResponse.

import type { HoldNotice, Refusal, RefusalReason } from '../../src/core/ruling.ts';
import { holdWords, refusalWords } from '../../src/core/words.ts';
import { describeStatement, diagnostic, fromTarget, message, query } from './messages.ts';

/**
 * Messages that can only fail, sent in place of what was refused, so that the server's transaction fails as after any error.
 * The first is no SQL; the second names a statement that nobody can have prepared, because nobody knows the name.
 */
export interface FailingMessages {
  readonly query: Buffer;
  readonly describe: Buffer;
}

export function failingMessages(nonce: Buffer): FailingMessages {
  return { query: query('refused_by_the_gateway'), describe: describeStatement(`refused by the gateway ${nonce.toString('hex')}`) };
}

/** What is said of a text in which no fence can stand (fence-text.ts). */
export const noPlaceForFence = diagnostic({
  severity: 'ERROR',
  code: '0A000', // feature_not_supported
  message: 'this text has no place for the read-only fence that its queries run behind, because transactions begin or end between them',
  hint: 'Send its statements one by one, or as BEGIN, queries, COMMIT.',
});

/** In the place of a message that the client must not see. */
export const nothing = Buffer.alloc(0);

/** Bytes of randomness; the whole name stays below the server's limit of 63. */
export const nonceBytes = 16;

/** Appendix A of the manual. */
export const sqlState: Record<RefusalReason, string> = {
  denied: '42501', // insufficient_privilege
  rejected: '42501',
  expired: '42501',
  'not-understood': '42601', // syntax_error
  withdrawn: '57014', // query_canceled
  'transaction-failed': '25P02', // in_failed_sql_transaction
  fault: '58000', // system_error
};

/** ErrorResponse for a refused action. `text` is what the client sent, for the position. */
export function refusalError(refusal: Refusal, text: string, severity: 'ERROR' | 'FATAL' = 'ERROR'): Buffer {
  const syntax = refusal.reason === 'not-understood';
  return diagnostic({
    severity,
    code: sqlState[refusal.reason],
    message: syntax ? refusal.message : sentence(refusal),
    hint: refusal.hint,
    position: refusal.offset === null ? null : characterPosition(text, refusal.offset),
  });
}

function sentence(refusal: Refusal): string {
  switch (refusal.reason) {
    case 'withdrawn':
      return `canceling statement: ${refusalWords(refusal)}`; // the server's words begin the same
    case 'expired':
      return `approval expired: ${refusalWords(refusal)}`;
    case 'rejected':
    case 'denied':
    case 'fault':
    case 'transaction-failed':
    case 'not-understood':
      return refusalWords(refusal);
  }
}

/** NoticeResponse that psql prints at once, while the statement waits. */
export function holdNotice(notice: HoldNotice, nowMs: number): Buffer {
  const [first, ...more] = holdWords(notice, nowMs);
  return diagnostic({ severity: 'NOTICE', code: '00000', message: first ?? '', detail: more.join('\n'), hint: 'Ctrl-C withdraws it.' });
}

/** An ErrorResponse whose position is that in the client's text; `ownChars` tells how many characters before a position are the gateway's. */
export function movedPosition(error: Buffer, ownChars: (position: number) => number): Buffer | null {
  const at = positionField(error);
  if (at === null) return null;
  const position = Number(error.toString('latin1', at.start, at.end));
  const moved = Math.max(1, position - ownChars(position));
  return message(fromTarget.error, Buffer.concat([error.subarray(5, at.start), Buffer.from(String(moved)), error.subarray(at.end)]));
}

function positionField(error: Buffer): { start: number; end: number } | null {
  for (let at = 5; at < error.length && error[at] !== 0;) {
    const end = error.indexOf(0, at + 1);
    if (end < 0) return null;
    if (error[at] === 0x50) return { start: at + 1, end };
    at = end + 1;
  }
  return null;
}

/** Positions count characters (code points) from 1; offsets count UTF-16 units from 0. */
function characterPosition(text: string, offset: number): number {
  let position = 1;
  for (let i = 0; i < offset && i < text.length; i++) {
    const unit = text.charCodeAt(i);
    const lowSurrogate = unit >= 0xdc00 && unit <= 0xdfff;
    if (!lowSurrogate) position += 1;
  }
  return position;
}
