// The end of the chain where all threads of the process see it: a lock, under which one of them chains and writes what it has, and
// the end that it leaves for the next. The end is kept twice and changes by one store, so a thread that dies in the middle of a
// write leaves the end of before; the lock then still names it, which releaseDead() of the log in the main thread puts right.

import { isMainThread, threadId } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { ChainEnd } from './chain.ts';
import { noHash } from './line.ts';

/** The longest wait for the lock. It is held for microseconds, or as long as the disk takes for what was written last. */
export const lockWaitMsMax = 10_000;
/** In the main thread, which must hear that another thread has died and can't while it waits. */
export const lockWaitInMainMsMax = 5_000;
/** Looks at a lock that is held before the thread sleeps: some microseconds. */
const spinsMax = 60;
/** The one that was woken may have died before it took the lock. */
const sleepMsMax = 100;

/** Places in the control words. */
const lockAt = 0;
const stateAt = 1;
const versionAt = 2;
/** In the lock, beside the holder: somebody sleeps. */
const sleepers = 1 << 30;
/** Away from the lock, which others look at. */
const endsOffset = 128;
const endNumbers = 3;
const endBytes = endNumbers * Float64Array.BYTES_PER_ELEMENT + noHash.length;
const memoryBytes = endsOffset + 2 * endBytes;

/** A log that is broken or closed takes nothing more, from any thread. */
export type ChainState = 'open' | 'broken' | 'closed';
const states: readonly ChainState[] = ['open', 'broken', 'closed'];

interface Kept {
  /** Last event, first event of the newest segment, and its length. */
  readonly numbers: Float64Array;
  readonly hash: Uint8Array;
}

export class SharedChain {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #ends: readonly [Kept, Kept];
  readonly #clock: Clock;
  /** What the lock says while this thread has it: 0 is nobody. */
  readonly #self = threadId + 1;

  constructor(memory: SharedArrayBuffer, clock: Clock) {
    this.memory = memory;
    this.#words = new Int32Array(memory, 0, 4);
    this.#ends = [keptAt(memory, endsOffset), keptAt(memory, endsOffset + endBytes)];
    this.#clock = clock;
  }

  static begin(end: ChainEnd, clock: Clock): SharedChain {
    const chain = new SharedChain(new SharedArrayBuffer(memoryBytes), clock);
    chain.store(end);
    return chain;
  }

  /** The last event that was written. Needs no lock. */
  get seq(): number {
    return this.#kept(Atomics.load(this.#words, versionAt)).numbers[0] as number;
  }

  get state(): ChainState {
    return states[Atomics.load(this.#words, stateAt)] ?? 'broken';
  }

  /** Needs no lock: writers look at it when they have it. */
  end(state: Exclude<ChainState, 'open'>): void {
    Atomics.compareExchange(this.#words, stateAt, 0, states.indexOf(state));
  }

  /** Throws Fault audit-write-failed when another thread has it for too long. */
  lock(): void {
    if (Atomics.compareExchange(this.#words, lockAt, 0, this.#self) !== 0) this.#lockLater();
  }

  unlock(): void {
    const held = Atomics.exchange(this.#words, lockAt, 0);
    if ((held & sleepers) !== 0) Atomics.notify(this.#words, lockAt, 1);
  }

  /** Takes the lock of a thread that is no more; false when it didn't have it. */
  takeFromDead(thread: number): boolean {
    const held = Atomics.load(this.#words, lockAt);
    if ((held & ~sleepers) !== thread + 1) return false;
    // Others only add that they sleep.
    Atomics.store(this.#words, lockAt, this.#self | sleepers);
    return true;
  }

  /** With the lock: the end of the chain. */
  load(into: ChainEnd): void {
    const { numbers, hash } = this.#kept(Atomics.load(this.#words, versionAt));
    into.seq = numbers[0] as number;
    into.segment = numbers[1] as number;
    into.segmentBytes = numbers[2] as number;
    into.hash.set(hash);
  }

  /** With the lock: the next end of the chain, at once as a whole. */
  store({ seq, segment, segmentBytes, hash }: ChainEnd): void {
    const version = Atomics.load(this.#words, versionAt) + 1;
    const next = this.#kept(version);
    next.numbers[0] = seq;
    next.numbers[1] = segment;
    next.numbers[2] = segmentBytes;
    next.hash.set(hash);
    Atomics.store(this.#words, versionAt, version);
  }

  #kept(version: number): Kept {
    return this.#ends[version & 1] as Kept;
  }

  #lockLater(): void {
    const words = this.#words;
    for (let spin = 0; spin < spinsMax; spin += 1) {
      pause();
      if (Atomics.load(words, lockAt) === 0 && Atomics.compareExchange(words, lockAt, 0, this.#self) === 0) return;
    }
    const waitMsMax = isMainThread ? lockWaitInMainMsMax : lockWaitMsMax;
    const untilMs = this.#clock.monotonicMs() + waitMsMax;
    for (;;) {
      const held = Atomics.load(words, lockAt);
      if (held === 0) {
        // Others may sleep as well: whoever slept wakes one when it is done.
        if (Atomics.compareExchange(words, lockAt, 0, this.#self | sleepers) === 0) return;
        continue;
      }
      const asleep = held | sleepers;
      if (held !== asleep && Atomics.compareExchange(words, lockAt, held, asleep) !== held) continue;
      const leftMs = untilMs - this.#clock.monotonicMs();
      if (leftMs <= 0) {
        throw new Fault('audit-write-failed', `another thread writes the audit log for more than ${waitMsMax / 1000} s`);
      }
      Atomics.wait(words, lockAt, asleep, Math.min(leftMs, sleepMsMax));
    }
  }
}

/** The last event that was written to the chain in that memory. */
export function writtenSeq(memory: SharedArrayBuffer): number {
  const version = Atomics.load(new Int32Array(memory, 0, 4), versionAt);
  return keptAt(memory, endsOffset + (version & 1) * endBytes).numbers[0] as number;
}

function keptAt(memory: SharedArrayBuffer, offset: number): Kept {
  const numbers = new Float64Array(memory, offset, endNumbers);
  return { numbers, hash: new Uint8Array(memory, offset + numbers.byteLength, noHash.length) };
}

/** Tells the processor that this thread looks again and again. Not in TypeScript's library yet. */
const { pause = () => undefined } = Atomics as { pause?: () => void };
