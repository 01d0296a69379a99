// Whether one more hold may wait: in all, of one person, in one session, as long as its text is, and beside what else is kept in memory.

import { Fault } from '../core/errors.ts';
import type { HoldRequest } from '../core/hold.ts';
import type { HoldLimits } from './hold-desk.ts';
import { bytesKept } from './pending-hold.ts';
import type { PendingHold } from './pending-hold.ts';

const makesRoom = { hint: 'Run it again when some of them were answered or withdrawn (Ctrl-C); nothing was run.' };

/** Throws Fault limit-reached in words for the person who asks. */
export function assertRoom(limits: HoldLimits, request: HoldRequest, waiting: Iterable<PendingHold>): void {
  const { pendingMax, pendingPerPersonMax, pendingPerSessionMax, textCharsMax, bytesMax, bytesPerPersonMax } = limits;
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
  const bytes = bytesKept(request);
  let bytesInAll = bytes;
  let bytesOfPerson = bytes;
  for (const { record, bytes } of waiting) {
    inAll += 1;
    bytesInAll += bytes;
    if (record.principal === request.principal.name) {
      ofPerson += 1;
      bytesOfPerson += bytes;
    }
    if (record.sessionId === request.sessionId) ofSession += 1;
  }
  if (inAll >= pendingMax) throw new Fault('limit-reached', `${pendingMax} holds are waiting, the limit of this gateway`, makesRoom);
  if (ofPerson >= pendingPerPersonMax)
    throw new Fault('limit-reached', `you have ${pendingPerPersonMax} holds waiting, the limit`, makesRoom);
  if (ofSession >= pendingPerSessionMax)
    throw new Fault('limit-reached', `this session has ${pendingPerSessionMax} holds waiting, the limit`, makesRoom);
  if (bytesOfPerson > bytesPerPersonMax) throw tooMuch(bytes, 'what you have waiting', bytesPerPersonMax);
  if (bytesInAll > bytesMax) throw tooMuch(bytes, 'all that waits', bytesMax);
}

function tooMuch(bytes: number, what: string, bytesMax: number): Fault {
  const words = `a text of ${bytes} bytes can't wait for approval: with it ${what} would be more than ${bytesMax} bytes`;
  const hint = bytes > bytesMax ? 'Send it in smaller parts; nothing was run.' : makesRoom.hint;
  return new Fault('limit-reached', words, { hint });
}
