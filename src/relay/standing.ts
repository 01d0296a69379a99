// What decisions about one session depend on, besides the action: who the person is now, what access they have, which policies are in
// force. The main thread says it; a thread may use it while the world has not changed.

import type { Grant } from '../core/grant.ts';
import type { Principal } from '../core/principal.ts';

export interface Standing {
  /** The world's number that it is true for. */
  readonly world: number;
  readonly principal: Principal;
  readonly grants: readonly Grant[];
  /** Milliseconds until the first of the grants ends; null: there is none. */
  readonly grantsForMs: number | null;
  readonly policyVersion: string;
}
