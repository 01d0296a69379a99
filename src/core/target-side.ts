// The target's side of a relayed session: what is cancelled there, and whether its session is left so that the next one can have it.

import type { Duplex } from 'node:stream';
import type { Classification } from './classification.ts';
import { leaveTarget } from './farewell.ts';
import type { Ruling } from './ruling.ts';

export interface TargetSideParts {
  /** Cancels what runs at the target; resolves when the target has heard of it. Never rejects. */
  readonly cancelTarget: () => Promise<void>;
  /** Takes the target's side of a session that left nothing there and is over. */
  readonly giveBack: (target: Duplex) => void;
}

/** What a protocol says of it. */
export interface TargetSideRules {
  /** True of what leaves nothing in the target's session that can't be taken away. */
  readonly leavesNothing: (classification: Classification) => boolean;
  /** Tells the target that the session is over. */
  readonly quit: Buffer;
}

export class TargetSide {
  readonly #stream: Duplex;
  readonly #parts: TargetSideParts;
  readonly #rules: TargetSideRules;
  /** Cancellations that the target has not heard of yet. */
  #stops = 0;
  #leavesNothing = true;

  constructor(stream: Duplex, parts: TargetSideParts, rules: TargetSideRules) {
    this.#stream = stream;
    this.#parts = parts;
    this.#rules = rules;
  }

  /** Every ruling passes here, so that what runs is known. */
  noted(ruling: Ruling): Ruling {
    if (this.#leavesNothing && ruling.kind === 'release') this.#leavesNothing = this.#rules.leavesNothing(ruling.classification);
    return ruling;
  }

  /** Something is done that the target's session keeps, or that could meet the next one. */
  leaves(): void {
    this.#leavesNothing = false;
  }

  /** A cancellation is on its way, and must not meet the next statement. */
  get isStopping(): boolean {
    return this.#stops > 0;
  }

  /** Cancels what runs; resolves when the target has heard of it. Never rejects. */
  stop(): Promise<void> {
    this.#stops += 1;
    this.leaves();
    return this.#parts.cancelTarget().then(() => {
      this.#stops -= 1;
    });
  }

  /** As far as is known here; that no transaction is open and nothing runs has to be asked elsewhere. */
  get canBeUsedAgain(): boolean {
    return this.#leavesNothing && !this.isStopping && this.#stream.writableLength === 0;
  }

  /** The session is over. */
  leave(canBeUsedAgain: boolean): void {
    if (canBeUsedAgain && !this.#stream.destroyed) this.#parts.giveBack(this.#stream);
    else leaveTarget(this.#stream, this.#rules.quit);
  }
}
