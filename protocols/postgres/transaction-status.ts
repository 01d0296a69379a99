// The transaction status of ReadyForQuery (54.7), and the block that it says is open.

import { Fault } from '../../src/core/errors.ts';

export type TransactionStatus = 'I' | 'T' | 'E';

export const blockOf = { I: 'none', T: 'open', E: 'failed' } as const;

export function statusOf(byte: number | undefined): TransactionStatus {
  if (byte === 0x49) return 'I';
  if (byte === 0x54) return 'T';
  if (byte === 0x45) return 'E';
  throw new Fault('protocol-violation', `the target reported transaction status ${byte}`);
}
