// Answers that many sessions pass on in one turn of the event loop leave at its end, one behind the other: who is woken by the first
// has the next ones at hand, and the processor goes through one piece of work many times instead of through all of it for each. A
// session that is busy alone sends at once.

import { TurnGathering } from './turn-gathering.ts';

export interface Flushed {
  /** Sends what waits, if anything still does. Never throws. */
  flush(): void;
}

/** Longer answers leave at once, and their memory to the next ones. */
export const lateBytesMax = 8 * 1024;

let waiting: Flushed[] = [];
const gathering = new TurnGathering(flushAll);

/** True: `flush` is called at the end of this turn. False: it is for the caller to do now. */
export function flushesSoon(session: Flushed): boolean {
  if (!gathering.takes()) return false;
  waiting.push(session);
  return true;
}

function flushAll(): void {
  const sessions = waiting;
  waiting = [];
  for (const session of sessions) session.flush();
}
