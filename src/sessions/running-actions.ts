// The released actions of one session that have not finished, by their permits. Mostly there is one at a time, and that one needs no map.

import type { Permit } from '../core/permit.ts';
import type { Running } from './entries.ts';

export class RunningActions {
  /** Released before all others. */
  #first: Permit | null = null;
  #running: Running | null = null;
  readonly #others = new Map<Permit, Running>();

  add(permit: Permit, running: Running): void {
    if (this.#first !== null || this.#others.size > 0) this.#others.set(permit, running);
    else {
      this.#first = permit;
      this.#running = running;
    }
  }

  get(permit: Permit): Running | undefined {
    return permit === this.#first ? (this.#running ?? undefined) : this.#others.get(permit);
  }

  /** Undefined when it is not there, or no longer. */
  take(permit: Permit): Running | undefined {
    const running = this.get(permit);
    if (permit !== this.#first) this.#others.delete(permit);
    else {
      this.#first = null;
      this.#running = null;
    }
    return running;
  }

  /** In the order of their releases. */
  all(): Running[] {
    return this.#running === null ? [...this.#others.values()] : [this.#running, ...this.#others.values()];
  }

  permits(): Permit[] {
    return this.#first === null ? [...this.#others.keys()] : [this.#first, ...this.#others.keys()];
  }
}
