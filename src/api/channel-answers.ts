// Answers that come by a channel: given as the gateway's own person, with the checks of every other way.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Caller } from './authentication.ts';
import type { AccessRequestView, HoldView } from './contract.ts';
import { HttpProblem } from './problems.ts';
import { answerAccess } from './routes/access.ts';
import { answerHold } from './routes/holds.ts';
import type { ApiServices } from './services.ts';

/** Somebody who proved himself outside, as a caller. Throws 403 when that person may not act any more. */
export function callerNamed({ identity }: ApiServices, person: string, via: AnsweredVia): Caller {
  const principal = identity.person(person);
  if (principal === null) throw new HttpProblem(403, 'not-allowed', `${person} may not act any more`);
  return { principal, rights: identity.rights(principal), by: 'token', tokenId: null, expiresAtMs: Infinity, via };
}

/** Answers a hold ("h-…") or a request for access ("r-…"). Throws problems in words. */
export async function answerMatter(
  services: ApiServices,
  caller: Caller,
  id: string,
  answer: 'approve' | 'deny',
  reason: string | null,
): Promise<HoldView | AccessRequestView> {
  return /^r-/i.test(id) ? answerAccess(services, caller, id, answer, reason) : answerHold(services, caller, id, answer, reason);
}
