// Whether one more hold may wait: in all, of one person, in one session, and as long as its text is.

import { Fault } from '../core/errors.ts';
import type { HoldRequest } from '../core/hold.ts';
import type { HoldLimits } from './hold-desk.ts';
import type { PendingHold } from './pending-hold.ts';

const makesRoom = { hint: 'Run it again when some of them were answered or withdrawn (Ctrl-C); nothing was run.' };

/** Throws Fault limit-reached in words for the person who asks. */
export function assertRoom(limits: HoldLimits, request: HoldRequest, waiting: Iterable<PendingHold>): void {
  const { pendingMax, pendingPerPersonMax, pendingPerSessionMax, textCharsMax } = limits;
  if (request.text.length > textCharsMax) {
    throw new Fault(
      'limit-reached',
      `a text of ${request.text.length} characters is too long to be held for approval (limit ${textCharsMax})`,
      { hint: 'Send it in smaller parts; nothing was run.' },
    );
  }
  let inAll = 0;
  let ofPerson = 0;
  let ofSession = 0;
  for (const { record } of waiting) {
    inAll += 1;
    if (record.principal === request.principal.name) ofPerson += 1;
    if (record.sessionId === request.sessionId) ofSession += 1;
  }
  if (inAll >= pendingMax) throw new Fault('limit-reached', `${pendingMax} holds are waiting, the limit of this gateway`, makesRoom);
  if (ofPerson >= pendingPerPersonMax)
    throw new Fault('limit-reached', `you have ${pendingPerPersonMax} holds waiting, the limit`, makesRoom);
  if (ofSession >= pendingPerSessionMax)
    throw new Fault('limit-reached', `this session has ${pendingPerSessionMax} holds waiting, the limit`, makesRoom);
}
