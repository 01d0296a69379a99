// The target's side of a connection: what is sent there, cancelled there, and whether its session is left so that the next one can
// have it.

import type { Duplex } from 'node:stream';
import { leaveTarget } from '../../src/core/farewell.ts';
import { onlyReads } from '../../src/core/idle-upstreams.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import * as wire from './messages.ts';
import { Link } from './upstream.ts';

export interface TargetSideParts {
  /** Cancels what runs at the target; resolves when the target has passed it on. Never rejects. */
  readonly cancelTarget: () => Promise<void>;
  /** Takes the target's side of a session that only read and is over. */
  readonly giveBack: (target: Duplex) => void;
}

export class TargetSide {
  readonly #stream: Duplex;
  readonly #parts: TargetSideParts;
  readonly link: Link;
  /** A cancellation is on its way, and must not meet the next statement. */
  isStopping = false;
  /** Nothing ran or is on its way that the target's session could keep, or that could meet the next one. */
  #leavesNothing = true;

  constructor(stream: Duplex, parts: TargetSideParts) {
    this.#stream = stream;
    this.#parts = parts;
    this.link = new Link(stream);
  }

  /** Every ruling passes here, so that what runs is known. */
  noted(ruling: Ruling): Ruling {
    if (this.#leavesNothing && ruling.kind === 'release') this.#leavesNothing = onlyReads(ruling.classification);
    return ruling;
  }

  /** Cancels what runs, for a client that does not wait for it: it may come late. */
  cancel(): void {
    this.#leavesNothing = false;
    void this.#parts.cancelTarget(); // never rejects
  }

  /** Cancels what runs; `then` is called when nothing that follows can be hit. */
  stop(then: () => void): void {
    this.isStopping = true;
    this.#leavesNothing = false;
    void this.#parts.cancelTarget().then(() => {
      this.isStopping = false;
      then();
    }); // never rejects
  }

  /** As far as is known here; that no transaction is open and nothing runs has to be asked elsewhere. */
  get canBeUsedAgain(): boolean {
    return this.#leavesNothing && !this.isStopping && this.#stream.writableLength === 0;
  }

  /** The session is over. */
  leave(canBeUsedAgain: boolean): void {
    if (canBeUsedAgain && !this.#stream.destroyed) this.#parts.giveBack(this.#stream);
    else leaveTarget(this.#stream, wire.terminate);
  }
}
