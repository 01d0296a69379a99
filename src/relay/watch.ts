// Whether a relay thread still turns. One that is stuck (a loop without end, a disk that does not answer) keeps its sessions standing, and
// takes its share of new connections on the ports that all threads share: it is as good as dead, and whoever watches ends it. Threads
// watch the main thread the same way: what only that one can answer would be waited for without end.

import type { Handlers } from './calls.ts';

/** Asked of a thread, and by it. */
export type WatchMethods = {
  /** Answered at once by an event loop that turns. */
  readonly alive: { readonly given: null; readonly answer: void };
};

const askEveryMs = 10_000;
/** A minute: longer than a thread waits for anything (for the audit log's lock it is 10 s), and than a busy machine takes. */
const unansweredMax = 6;

export const watchHandlers: Handlers<WatchMethods> = { alive: () => undefined };

/**
 * Calls `onStuck`, once, when `ask` (for `alive`) is not answered for so many turns of this thread's own timer: if this one was stuck itself,
 * the answer that waits meanwhile is heard before the next turn. What it gives ends the watch.
 */
export function watchOver(ask: () => Promise<void>, onStuck: () => void, everyMs = askEveryMs): () => void {
  let unanswered = 0;
  const timer = setInterval(() => {
    if (unanswered === unansweredMax) {
      clearInterval(timer);
      return onStuck();
    }
    unanswered += 1;
    if (unanswered > 1) return;
    ask().then(
      () => (unanswered = 0),
      () => undefined, // no answer
    );
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
