// Who submits actions, as the gate and its events see it.

import type { SessionFacts } from '../core/decision.ts';
import type { SessionId } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type { Target } from '../core/target.ts';

/** Who submits: constant for the life of a session, so that policies can prepare for it. */
export interface Submitter {
  readonly sessionId: SessionId;
  readonly principal: Principal;
  readonly target: Target;
  readonly facts: SessionFacts;
  /** Aborted when the session ends: what waits is withdrawn. */
  readonly ended: AbortSignal;
}
