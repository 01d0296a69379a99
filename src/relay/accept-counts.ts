// The connections of one driver, counted for all its threads together in shared memory, without a lock: in all, and from one
// address. Addresses share counters by a keyed hash, so a collision may count too much, never too little. Beside the sums each
// thread has a region of its own with what it holds, from which the main thread gives back for a thread that died.

import { hash } from 'node:crypto';
import type { AcceptCounts, AcceptLimits } from '../core/accepted-sockets.ts';
import type { Random } from '../core/clock.ts';

/** Counters for addresses: of 3,000 that are connected, one in twenty shares its counter with another. Memory that no address needs stays untouched. */
const slots = 65_536;
/** The counter of all connections, then those of addresses. */
const regionLength = 1 + slots;
const allIndex = 0;
const keyBytes = 16;

/** Goes to a thread as it is: plain data around one shared memory. */
export interface SharedAcceptCounts {
  /** The sums, then the regions of threads 0, 1, …; each `regionLength` whole numbers. */
  readonly memory: SharedArrayBuffer;
  readonly threads: number;
  /** Of the hash: nobody can choose addresses that share a counter. */
  readonly key: Uint8Array;
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

/** For the main thread. */
export interface AllAcceptCounts {
  share(): SharedAcceptCounts;
  /** Takes back what a thread counted. Only once it is gone: another one may take its number then. */
  giveBack(thread: number): void;
  /** Connections now, of all threads. */
  readonly connections: number;
}

/** `threads`: how many may count at once. They have the numbers from 0. */
export function openAcceptCounts(limits: Omit<AcceptLimits, 'counts'>, threads: number, random: Random): AllAcceptCounts {
  const { connectionsMax, connectionsPerAddressMax } = limits;
  const memory = new SharedArrayBuffer((1 + threads) * regionLength * Int32Array.BYTES_PER_ELEMENT);
  const key = new Uint8Array(random.bytes(keyBytes));
  const shared = { memory, threads, key, connectionsMax, connectionsPerAddressMax };
  const sums = sumsOf(shared);
  return {
    share: () => shared,
    giveBack(thread) {
      const own = regionOf(shared, thread);
      for (let index = 0; index < regionLength; index++) {
        const held = Atomics.exchange(own, index, 0);
        if (held !== 0) Atomics.sub(sums, index, held);
      }
    },
    get connections() {
      return Atomics.load(sums, allIndex);
    },
  };
}

/** For a thread. `thread`: its number, which no other thread that lives has. */
export function joinAcceptCounts(shared: SharedAcceptCounts, thread: number): AcceptCounts {
  const { key, connectionsMax, connectionsPerAddressMax } = shared;
  const sums = sumsOf(shared);
  const own = regionOf(shared, thread);
  // A thread may be ended between any two steps. The sums are raised first and lowered last: they may stay too high, never too low.
  const raise = (index: number, max: number): boolean => {
    for (;;) {
      const now = Atomics.load(sums, index);
      if (now >= max) return false;
      if (Atomics.compareExchange(sums, index, now, now + 1) !== now) continue;
      Atomics.add(own, index, 1);
      return true;
    }
  };
  const lower = (index: number): void => {
    Atomics.sub(own, index, 1);
    Atomics.sub(sums, index, 1);
  };
  const prefix = Buffer.from(key).toString('hex');
  const indexOf = (address: string): number => 1 + (hash('sha256', prefix + address, 'buffer').readUInt32LE(0) % slots);
  return {
    enter(address) {
      const index = indexOf(address);
      if (!raise(index, connectionsPerAddressMax)) return false;
      if (raise(allIndex, connectionsMax)) return true;
      lower(index);
      return false;
    },
    leave(address) {
      lower(indexOf(address));
      lower(allIndex);
    },
  };
}

function sumsOf({ memory }: SharedAcceptCounts): Int32Array {
  return new Int32Array(memory, 0, regionLength);
}

function regionOf({ memory, threads }: SharedAcceptCounts, thread: number): Int32Array {
  if (!Number.isInteger(thread) || thread < 0 || thread >= threads) throw new Error(`there is no thread ${thread} of ${threads}`);
  return new Int32Array(memory, (1 + thread) * regionLength * Int32Array.BYTES_PER_ELEMENT, regionLength);
}
