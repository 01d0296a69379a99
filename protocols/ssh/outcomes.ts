// How a program or a transfer at the target ended, for the record.

import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Session } from '../../src/core/session.ts';
import type { Ending } from './relay.ts';

export function completed(status: number): Outcome {
  return { kind: 'completed', rows: null, error: null, detail: { exit_status: status } };
}

export function outcomeOf({ status, signal }: Ending, clientGone: boolean): Outcome {
  if (status !== null) return completed(status);
  if (signal !== null) return { kind: 'failed', rows: null, error: { code: 'signal', message: `ended by signal ${signal}` } };
  return { kind: clientGone ? 'cancelled' : 'unknown', rows: null, error: null };
}

/** A session that ended has closed its permits already. */
export function finish(session: Session, permit: Permit, outcome: Outcome): void {
  if (permit.isOpen) session.finish(permit, outcome);
}
