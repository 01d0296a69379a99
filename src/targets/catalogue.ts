// The targets by name. People type names at prompts and clients fold them, so case does not matter (the configuration
// refuses two names that differ in case only).

import type { Target } from '../core/target.ts';

export interface Targets {
  /** The target of that name, else undefined. */
  named(name: string): Target | undefined;
  /** In the order of the configuration. */
  list(): readonly Target[];
}

export function createTargets(targets: readonly Target[]): Targets {
  const byName = new Map(targets.map((target) => [target.name.toLowerCase(), target]));
  return {
    named: (name) => byName.get(name.toLowerCase()),
    list: () => targets,
  };
}
