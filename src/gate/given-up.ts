// What waits for its classification (a large text is read in another thread) can be given up on, like what waits for people.

import type { Classification } from '../core/classification.ts';
import type { Lane } from '../core/session.ts';
import { wordsOf } from './decided.ts';
import { judged, type Judgement } from './judgement.ts';
import { withdrawn } from './refusals.ts';
import type { Submitter } from './submitter.ts';

/** Judges when it is classified; answers at once when the client or the session gives it up before. Rejects as `classified` or `judge` do. */
export function unlessGivenUp(
  classified: Promise<Classification>,
  lane: Lane,
  submitter: Submitter,
  judge: (classification: Classification) => Judgement | Promise<Judgement>,
): Promise<Judgement> {
  const signal = AbortSignal.any([lane.signal, submitter.ended]);
  return new Promise((resolve, reject) => {
    const giveUp = () => resolve(judged(withdrawn(wordsOf(signal), null), null, null, null));
    if (signal.aborted) return giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    const classifiedInTime = (classification: Classification): void => {
      signal.removeEventListener('abort', giveUp);
      if (!signal.aborted) resolve(judge(classification));
    };
    classified.then(classifiedInTime).catch(reject);
  });
}
