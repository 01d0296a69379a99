// Whether what comes now shall wait for the end of the event loop's turn. The poll phase brings the chunks of many clients at once, and
// setImmediate comes right behind it: what is done there for all of them together costs less than one by one. One client alone must
// not pay for that, so things are gathered only while turns really bring several.

/** Of things that were not gathered, every so many-th looks whether others come in the same turn. */
const lookEvery = 16;
/** So many turns with one thing each end the gathering. */
const loneTurnsMax = 8;

export class TurnGathering {
  readonly #onEnd: () => void;
  #isGathering = false;
  #endsSoon = false;
  /** Since the last look began. */
  #count = 0;
  #loneTurns = 0;

  /** `onEnd` comes at the end of every turn that was looked at. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Counts a thing; true when it shall wait for the end of the turn. */
  takes(): boolean {
    if (!this.#endsSoon && (this.#isGathering || this.#count % lookEvery === 0)) {
      this.#endsSoon = true;
      this.#count = 0;
      setImmediate(() => this.#end());
    }
    this.#count += 1;
    return this.#isGathering;
  }

  #end(): void {
    isEnding = true;
    this.#endsSoon = false;
    if (this.#count > 1) {
      this.#isGathering = true;
      this.#loneTurns = 0;
    } else if (this.#isGathering) {
      this.#loneTurns += 1;
      if (this.#loneTurns >= loneTurnsMax) this.#isGathering = false;
    }
    try {
      this.#onEnd();
    } finally {
      isEnding = false;
    }
  }
}

let isEnding = false;

/** True while what was gathered is dealt with: nothing more comes in this turn but what that brings. */
export function turnIsEnding(): boolean {
  return isEnding;
}
