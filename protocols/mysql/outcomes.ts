// How what ran at the target came to its end, as it is written down.

import type { Outcome } from '../../src/core/outcome.ts';
import type { ErrPacket } from './messages.ts';

/** ER_QUERY_INTERRUPTED */
const interrupted = 1317;

export function completed(rows: number | null): Outcome {
  return { kind: 'completed', rows, error: null };
}

export function outcomeOf(error: ErrPacket | null, rows: number | null): Outcome {
  if (error === null) return completed(rows);
  const kind = error.number === interrupted ? 'cancelled' : 'failed';
  return { kind, rows, error: { code: `${error.number} (${error.sqlState})`, message: error.message } };
}
