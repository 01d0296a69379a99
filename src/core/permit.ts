// The proof that one action may run. Only the gate mints permits; the link to the target takes bytes only under an open one.

import type { ActionId } from './ids.ts';

export type PermitState = 'minted' | 'open' | 'closed';

let mintClaimed = false;

export class Permit {
  readonly actionId: ActionId;
  #state: PermitState = 'minted';

  private constructor(actionId: ActionId) {
    this.actionId = actionId;
  }

  /**
   * Hands out the one function that makes permits; a second claim in the same process throws.
   * The gate's module claims it when it is loaded, so nothing else can.
   */
  static claimMint(): (actionId: ActionId) => Permit {
    if (mintClaimed) throw new Error('permits are minted by the gate alone');
    mintClaimed = true;
    return (actionId) => new Permit(actionId);
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Opens once. */
  open(): void {
    if (this.#state !== 'minted') throw new Error(`permit of action ${this.actionId} opened while ${this.#state}`);
    this.#state = 'open';
  }

  /** Closes once, whether it was opened or not. */
  close(): void {
    if (this.#state === 'closed') throw new Error(`permit of action ${this.actionId} closed twice`);
    this.#state = 'closed';
  }

  /** Asserted before every byte that goes to the target for this action. */
  assertOpen(): void {
    if (this.#state !== 'open') throw new Error(`bytes of action ${this.actionId} without an open permit (${this.#state})`);
  }
}
