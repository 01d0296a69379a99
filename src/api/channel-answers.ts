// Answers that come by a channel: given as the gateway's own person, with the checks of every other way, and put into words.

import type { AnsweredVia } from '../core/answered-via.ts';
import type { Caller } from './authentication.ts';
import type { GiveAnswer } from './channel-services.ts';
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

/** The same for chats: what came of it is words, also when nothing did. */
export function answersInWords(services: ApiServices, via: AnsweredVia): GiveAnswer {
  return async (person, matter, answer, reason) => {
    try {
      const now = await answerMatter(services, callerNamed(services, person, via), matter, answer, reason);
      return { isTaken: true, words: takenWords(now, answer) };
    } catch (thrown) {
      if (thrown instanceof HttpProblem) return { isTaken: false, words: thrown.message };
      services.log.error({ matter, error: String(thrown) }, 'an answer that came by a channel failed');
      return { isTaken: false, words: 'something in the gateway failed; nothing runs because of this answer' };
    }
  };
}

function takenWords(now: HoldView | AccessRequestView, answer: 'approve' | 'deny'): string {
  if (answer === 'deny') return 'you denied it';
  if (now.state !== 'pending') return 'you approved it';
  const missing = 'approvals_missing' in now ? now.approvals_missing : now.approvals_needed - now.approvals.length;
  return `your approval counts; ${missing} more ${missing === 1 ? 'is' : 'are'} needed`;
}
