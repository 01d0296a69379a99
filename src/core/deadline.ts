// A step that may take so long and no longer, and ends when one of several signals says so. Unlike `AbortSignal.timeout` and
// `AbortSignal.any` it leaves nothing behind when the step is over: a gateway makes thousands of these a second, for many seconds each.

/**
 * Gives `step` a signal that is aborted with the first of `signals`, or after `timeoutMs` with what `late` makes; with nothing once the
 * step has ended.
 */
export async function within<T>(
  timeoutMs: number,
  signals: readonly AbortSignal[],
  step: (signal: AbortSignal) => Promise<T>,
  late: () => Error = () => noAnswer(timeoutMs),
): Promise<T> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(late()), timeoutMs);
  const follow = ({ target }: Event) => controller.abort((target as AbortSignal).reason);
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    else signal.addEventListener('abort', follow);
  }
  try {
    return await step(controller.signal);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', follow);
  }
}

/** By the name that `AbortSignal.timeout` gives it, in words for people. */
function noAnswer(timeoutMs: number): Error {
  return new DOMException(`no answer within ${timeoutMs / 1000} s`, 'TimeoutError');
}
