// The releases of one turn of the event loop, which share one write at the turn's end. Knows neither the chain nor the file: the log
// says what became of the events.

import type { Fault } from '../core/errors.ts';
import { TurnGathering } from '../core/turn-gathering.ts';

/** Hears that its event is in the log (null), or why it isn't. */
export type Told = (failed: Fault | null) => void;

interface Member {
  /** Of its event among those that wait for their write. */
  readonly place: number;
  readonly then: Told;
}

export interface Answer {
  readonly then: Told;
  readonly failed: Fault | null;
}

export class Turn {
  readonly #gathering: TurnGathering;
  /** The turn's releases, not yet written. */
  #members: Member[] = [];
  /** Written or refused, not yet told. */
  #answers: Answer[] = [];

  /** `onEnd` comes at the end of every turn that was looked at. */
  constructor(onEnd: () => void) {
    this.#gathering = new TurnGathering(onEnd);
  }

  /** Counts a release; true when it shall wait for the end of the turn. */
  takes(): boolean {
    return this.#gathering.takes();
  }

  /** Releases of it wait for their write. */
  get isOpen(): boolean {
    return this.#members.length > 0;
  }

  add(place: number, then: Told): void {
    this.#members.push({ place, then });
  }

  /** The answer to a release that is not (or no longer) a member. */
  answer(then: Told, failed: Fault | null): void {
    this.#answers.push({ then, failed });
  }

  /** All members are in the file. */
  written(): void {
    if (this.#members.length > 0) this.#settle(null);
  }

  /** No member is, nor will be; gives their places. */
  refuse(failed: Fault): number[] {
    return this.#settle(failed).map(({ place }) => place);
  }

  /** What is to be told now, in order. */
  takeAnswers(): Answer[] {
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }

  #settle(failed: Fault | null): readonly Member[] {
    const members = this.#members;
    this.#members = [];
    for (const { then } of members) this.#answers.push({ then, failed });
    return members;
  }
}

/** Tells all, each once, in order. What one throws is thrown when all have heard. */
export function tell(answers: readonly Answer[]): void {
  const thrown: unknown[] = [];
  for (const { then, failed } of answers) {
    try {
      then(failed);
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length > 0) throw thrown[0];
}
