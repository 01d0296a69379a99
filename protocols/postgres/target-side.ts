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
  #stops = 0;
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

  /** A cancellation is on its way, and must not meet the next statement. */
  get isStopping(): boolean {
    return this.#stops > 0;
  }

  /** Cancels what runs; resolves when the target has heard of it. Never rejects. */
  async stop(): Promise<void> {
    this.#stops += 1;
    this.#leavesNothing = false;
    await this.#parts.cancelTarget();
    this.#stops -= 1;
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
