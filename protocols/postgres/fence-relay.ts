// Where the fence stands in one connection: raised before what is fenced, lowered before anything else runs, gone with the batch.
// A batch without a transaction that goes on behind a fenced statement gets a transaction of the gateway's own, which ends at
// the client's Sync as the server's implicit one would.

import type { OwnMessages } from './fence.ts';
import { endOwnBlock, fenceImplicit, fenceInBlock, fenceInNewBlock, lowerFence } from './fence.ts';

/** The transaction block as the server has confirmed it; within a batch by its command tags. */
export type Block = 'none' | 'open' | 'failed';

export class FenceRelay {
  readonly #send: (own: OwnMessages) => void;
  #stands: 'no' | 'implicit' | 'subtransaction' = 'no';
  /** What is sent now runs in a block of the gateway's: the client asked for none. */
  ownBlock = false;
  /** Such a block was begun, and the server has not confirmed that the client's own words changed it. */
  #begun = false;
  /** Something of the batch may have written. */
  hasWritten = false;

  constructor(send: (own: OwnMessages) => void) {
    this.#send = send;
  }

  get isDown(): boolean {
    return this.#stands === 'no' && !this.ownBlock;
  }

  /** `syncFollows`: nothing but what is fenced runs before the implicit transaction ends. */
  raise(block: Block, syncFollows: boolean): void {
    if (this.#stands !== 'no' || block === 'failed') return; // in a failed transaction nothing runs
    if (this.ownBlock || block === 'open') this.#send(fenceInBlock);
    else if (!syncFollows) {
      this.#send(fenceInNewBlock);
      this.ownBlock = true;
      this.#begun = true;
    } else {
      this.#send(fenceImplicit);
      this.#stands = 'implicit';
      return;
    }
    this.#stands = 'subtransaction';
  }

  lower(): void {
    if (this.#stands === 'subtransaction') this.#send(lowerFence);
    this.#stands = 'no';
  }

  /**
   * Before a statement of the client that begins or ends a transaction, or must fail outside of one. Reads are committed, so that
   * it meets what it would have met; behind a write the block becomes the client's, so that nothing is committed before its time.
   */
  leaveBlock(): void {
    if (!this.ownBlock) return;
    if (!this.hasWritten) this.#send(endOwnBlock);
    this.ownBlock = false;
  }

  /** The server has confirmed that the client began or ended a transaction. */
  clientTook(): void {
    this.#begun = false;
  }

  /** Before the end of a batch that has not failed. */
  endBatch(): void {
    if (!this.ownBlock) return this.lower();
    this.#stands = 'no';
    this.#send(endOwnBlock); // ends the subtransaction too
  }

  /** The server has ended the batch: what stood is gone. True when the gateway's own block is still there, because it failed. */
  batchEnded(block: Block): boolean {
    this.#stands = 'no';
    const left = this.#begun && block !== 'none';
    this.ownBlock = false;
    this.#begun = false;
    this.hasWritten = false;
    return left;
  }
}
