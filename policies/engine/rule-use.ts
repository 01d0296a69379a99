// How often each rule decided something since its version was loaded, so that people see which rules work and which never fire.
// Counted only when the gate says that a decision took effect; looking ahead counts nothing.

import type { RuleRef } from '../../src/core/decision.ts';
import type { Rule } from './rule.ts';

export interface RuleUse {
  readonly fired: number;
  /** Wall clock; null when it never fired. */
  readonly lastFiredAtMs: number | null;
}

interface Counter {
  fired: number;
  lastFiredAtMs: number | null;
}

export class RuleUses {
  readonly #counters: ReadonlyMap<string, Counter>;
  /** Decisions that several rules made together name all of them; taken apart once for each. */
  readonly #ofRef = new WeakMap<RuleRef, readonly Counter[]>();

  constructor(rules: readonly Rule[]) {
    this.#counters = new Map(rules.map((rule) => [rule.ref.id, { fired: 0, lastFiredAtMs: null }]));
  }

  count(ref: RuleRef, atMs: number, times: number): void {
    let counters = this.#ofRef.get(ref);
    if (counters === undefined) {
      counters = ref.id.split(', ').flatMap((id) => this.#counters.get(id) ?? []);
      this.#ofRef.set(ref, counters);
    }
    for (const counter of counters) {
      counter.fired += times;
      counter.lastFiredAtMs = atMs;
    }
  }

  /** By the rule's id. */
  of(id: string): RuleUse {
    return { ...(this.#counters.get(id) ?? { fired: 0, lastFiredAtMs: null }) };
  }
}
