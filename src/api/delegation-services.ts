// What the API needs of whoever keeps delegations.

import type { Principal } from '../core/principal.ts';
import type { DelegateView, DelegationView } from './contract-delegations.ts';

export interface ApiDelegations {
  /** Rejects with Faults invalid-request and limit-reached. */
  give(from: Principal, to: string, durationMs: number, reason: string | null): Promise<DelegationView>;
  /** Null: there is none of that id that this person may end. */
  end(id: string, by: Principal, mayAny: boolean): Promise<DelegationView | null>;
  /** To whom this person could lend the right. */
  candidates(from: Principal): readonly DelegateView[];
  /** Those in force. */
  list(): readonly DelegationView[];
}
