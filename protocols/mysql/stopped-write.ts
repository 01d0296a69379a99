// What is judged of a statement once the server's read-only mode has stopped it, or where none can stand for it.

import { attempted, attemptSentence } from '../../src/core/attempted.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Submission } from '../../src/core/session.ts';
import type { ErrPacket } from './messages.ts';
import * as wire from './messages.ts';

/** Texts remembered as having tried to write, in one session. */
const rememberedMax = 200;

/** As a change of which only that it was tried is known: the server does not say what it stopped. */
export function stoppedWrite(classification: Classification, error: ErrPacket): Classification {
  return attempted(classification, null, attemptSentence(error.message));
}

/** As what it may do where nothing tells: the objects of the target can't be read. */
export function unproved(classification: Classification): Classification {
  return attempted(classification, null, 'no read-only mode can stand here, and the objects of the target are not known');
}

/** Statements that tried to write when rows had been sent already: judged as changes from then on. */
export class TriedBefore {
  readonly #texts = new Map<string, Classification>();

  /** What the client reads instead of the server's error. */
  add(text: string, classification: Classification, error: ErrPacket): Buffer {
    if (this.#texts.size >= rememberedMax) this.#texts.delete(this.#texts.keys().next().value as string);
    this.#texts.set(text, stoppedWrite(classification, error));
    const words = `${attemptSentence(error.message)}; it can't be judged again behind what was answered already`;
    return wire.err(1142, '42000', `${words}. Run it again: it is judged as a change then.`);
  }

  get isEmpty(): boolean {
    return this.#texts.size === 0;
  }

  known(submission: Submission): Submission {
    const classified = this.isEmpty ? undefined : this.#texts.get(submission.text);
    return classified === undefined ? submission : { ...submission, classified };
  }
}
