// Waiting for a condition instead of for a time.

import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 10;

/**
 * Calls `check` until it answers something truthy, and gives that. What it throws counts as "not yet" and is told when the
 * time is up, together with `what`: "the hold is pending".
 */
export async function eventually<T>(what: string, check: () => T | Promise<T>, timeoutMs = 10_000): Promise<NonNullable<T>> {
  const deadlineMs = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const answer = await check();
      if (answer) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadlineMs) throw new Error(`not within ${timeoutMs} ms: ${what}`, last === undefined ? {} : { cause: last });
    await delay(pollMs);
  }
}
