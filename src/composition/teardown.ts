// How a gateway is taken down again, whole or half built.

import { messageOf } from '../core/errors.ts';

/** Undoes in reverse order; goes on when a step fails. */
export class Teardown {
  #steps: (() => unknown)[] = [];
  #running: Promise<void> | null = null;

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  run(): Promise<void> {
    this.#running ??= this.#run();
    return this.#running;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOf).join('; '));
  }
}
