// Limits on one statement that its rule sets: how many rows it returns, how long it runs. What goes beyond is cancelled at the
// target, and the client reads which limit it was; rows are never left out in silence.

import type { Obligations } from '../../src/core/decision.ts';
import { limitWords, type Limit } from '../../src/core/words.ts';
import { diagnostic } from './messages.ts';

export interface LimitState {
  /** Rows that the target has sent. */
  rows: number;
  /** The limit that was met; null while none was. */
  met: Limit | null;
}

/** Null for the most: what has no limit. */
export function limitsOf({ rowsMax, statementTimeoutMs }: Obligations): LimitState | null {
  return rowsMax === undefined && statementTimeoutMs === undefined ? null : { rows: 0, met: null };
}

/** program_limit_exceeded, and query_canceled as the server's own statement_timeout says it. */
export function limitError(met: Limit, obligations: Obligations): { code: string; message: string; bytes: Buffer } {
  const code = met === 'rows' ? '54000' : '57014';
  const { message, hint } = limitWords(met, obligations);
  return { code, message, bytes: diagnostic({ severity: 'ERROR', code, message, hint }) };
}
