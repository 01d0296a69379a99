// When ssh2's native ciphers die. Node's wrapper for such objects (node_object_wrap.h) asks in its destructor for the environment of the
// current context, and ends the process when there is none: as in any collection that optimized code's own allocation begins. So they
// are kept until the objects that use them are gone, and die together, in a collection that is asked for.

import { collectAfter } from '../../src/core/short-lived-memory.ts';

interface NativeCipher {
  free(): void;
}

/** So many wait for their end: of a thousand connections. A collection of everything takes some tens of milliseconds. */
const deadMax = 4000;
const dead: NativeCipher[] = [];
let ending = false;

const users = new FinalizationRegistry<NativeCipher>((cipher) => {
  cipher.free(); // the memory of OpenSSL; the rest is a few words
  dead.push(cipher);
  if (dead.length < deadMax || ending) return;
  ending = true;
  // Later: this function still refers to the last one.
  setImmediate(endAll);
});

function endAll(): void {
  ending = false;
  collectAfter(() => (dead.length = 0));
}

const native = Symbol('native cipher');

/** The class with this prototype keeps its native cipher in `_instance`. */
export function keepCiphersOf(prototype: object): void {
  Object.defineProperty(prototype, '_instance', {
    configurable: true,
    get(this: Record<symbol, unknown>) {
      return this[native];
    },
    set(this: Record<symbol, unknown>, cipher: NativeCipher) {
      this[native] = cipher;
      users.register(this, cipher);
    },
  });
}
