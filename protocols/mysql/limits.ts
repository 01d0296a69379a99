// What the client reads when a statement has met a limit of its rule: how many rows it returns, how long it runs. Rows are never
// left out in silence.

import type { Obligations } from '../../src/core/decision.ts';
import { limitWords, type Limit } from '../../src/core/words.ts';
import { err } from './messages.ts';

/** ER_TOO_BIG_SELECT, and ER_STATEMENT_TIMEOUT as MariaDB's own max_statement_time says it. */
const codes = { rows: { number: 1104, sqlState: '42000' }, time: { number: 1969, sqlState: '70100' } } as const;

export interface LimitError {
  readonly code: string;
  readonly message: string;
  readonly payload: Buffer;
}

export function limitError(met: Limit, obligations: Obligations): LimitError {
  const { number, sqlState } = codes[met];
  const { message, hint } = limitWords(met, obligations);
  return { code: `${number} (${sqlState})`, message, payload: err(number, sqlState, hint === null ? message : `${message}. ${hint}`) };
}
