// Facts that only the main thread knows, because they move with everything that a person does anywhere: what was done before, and the
// last second factor. Whoever reads one of them is told by a fault, and it is noted that it was asked for.

import type { SessionFacts } from '../core/decision.ts';
import type { Histories, History } from '../core/history.ts';

export class UnknownFacts {
  /** One of them was asked for since this was last set to false. */
  wasAsked = false;
  readonly histories: Histories;

  constructor() {
    const ask = (): never => this.#ask();
    const history: History = {
      get sessionsBefore() {
        return ask();
      },
      get isUnusualHour() {
        return ask();
      },
      get actionsLastMinute() {
        return ask();
      },
      get denialsLastMinute() {
        return ask();
      },
    };
    this.histories = { of: () => history, acted: () => undefined };
  }

  /** The facts of a session as a thread knows them. */
  factsOf(facts: Omit<SessionFacts, 'secondFactorAtMs'>): SessionFacts {
    const ask = (): never => this.#ask();
    return {
      ...facts,
      get secondFactorAtMs() {
        return ask();
      },
    };
  }

  #ask(): never {
    this.wasAsked = true;
    throw new Error('only the main thread knows');
  }
}
