// Cancelling across threads: a client asks for it on a new connection, which may be another thread's. The wish goes to the main
// thread, and from there to every other thread.

import type { CancelWish, Driver } from '../core/driver.ts';
import type { Calls, Handlers, Methods } from './calls.ts';

/** From a thread to the main thread, and from there to threads. The answer: whether somebody had what is to be cancelled. */
export type CancellingMethods = {
  cancel: { readonly given: SentWish; readonly answer: boolean };
};

/** A secret arrives as plain bytes. */
type SentWish = CancelWish extends infer Wish
  ? { readonly [Name in keyof Wish]: Wish[Name] extends Buffer ? Uint8Array : Wish[Name] }
  : never;

type Asking = Pick<Calls<CancellingMethods, Methods>, 'ask'>;

/** Wishes of one thread under way. Nobody has signed in who sends them for PostgreSQL: beyond it they are dropped, as wrong ones are. */
export const wishesMax = 1000;
/** A client waits no longer to hear that nobody has what it wants to cancel. */
export const wishMsMax = 10_000;

/** For a thread: asks the main thread. */
export function remoteCancelling(calls: Asking, waitMsMax: number = wishMsMax): (wish: CancelWish) => Promise<boolean> {
  let underWay = 0;
  return async (wish) => {
    if (underWay >= wishesMax) return false;
    underWay += 1;
    const had = calls
      .ask('cancel', sent(wish))
      .catch(() => false) // the main thread is gone, and this one with it
      .finally(() => (underWay -= 1));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), waitMsMax)));
    return await Promise.race([had, late]).finally(() => clearTimeout(timer));
  };
}

/** For the main thread, what one thread asks. `others`: every thread but that one, as they are now. */
export function cancellingHandlers(others: () => readonly Asking[]): Handlers<CancellingMethods> {
  return {
    cancel: async (wish) => {
      // As soon as one has it; false when none has.
      const had = others().map(async (it) => {
        if (!(await it.ask('cancel', wish))) throw new Error('not here');
      });
      return await Promise.any(had).then(
        () => true,
        () => false, // a thread that is gone has nothing to cancel
      );
    },
  };
}

/** For a thread, what the main thread passes on. */
export function cancelHandlers(drivers: () => readonly Driver[]): Handlers<CancellingMethods> {
  return {
    cancel: async (given) => {
      const wish = received(given);
      for (const driver of drivers()) if ((await driver.cancel?.(wish)) === true) return true;
      return false;
    },
  };
}

/** The secret in memory of its own: a clone takes all that a Buffer is a part of. */
function sent(wish: CancelWish): SentWish {
  return wish.kind === 'by-secret' ? { ...wish, secret: new Uint8Array(wish.secret) } : wish;
}

function received(wish: SentWish): CancelWish {
  return wish.kind === 'by-secret' ? { ...wish, secret: Buffer.from(wish.secret) } : wish;
}
