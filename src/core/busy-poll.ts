// Waits for the next chunk without sleeping. A client alone asks again as soon as it has its answer, and a thread that goes to sleep in
// between is woken late and with cold caches: more than all of its own work. So after a small chunk the event loop looks for the next
// one for a while, as long as that pays: one session has the thread for itself, and its chunks do come that soon. Linux does the same
// for virtual machines (halt_poll_ns) and sockets (busy_poll).

import { availableParallelism } from 'node:os';

/** With one processor, who waits keeps the others from working. */
const isWaitingFree = availableParallelism() > 1;
/** A SELECT by key takes a target 40 to 150 µs, the echo of a key through an agent 200 to 350. */
export const busyPollUsDefault = isWaitingFree ? 500 : 0;
/** An agent has the target beside it. Where it shares two processors with the gateway, a longer wait takes one that others need. */
export const agentBusyPollUsDefault = isWaitingFree ? 200 : 0;
export const busyPollUsMax = 1000;
/** Bulk keeps the loop busy by itself. */
const smallBytesMax = 8 * 1024;
/** Sources that had chunks this long ago count as active. */
const epochMs = 2;
/** The client and the target of one session. With more, something else of this thread waits already when a chunk comes. */
const sourcesMax = 2;
/** A wait that was worth it counts one, one in vain takes several: three in four shall be worth it. */
const scoreMax = 16;
const lossOfScore = 3;
const firstScore = 2 * lossOfScore;
/** Of a source whose waits were in vain, every so many-th chunk is tried again. */
const tryEvery = 64;

let windowMs = busyPollUsDefault / 1000;

/** How long this thread waits after a chunk at most, in µs; 0: it always sleeps. */
export function setBusyPoll(windowUs: number): void {
  windowMs = windowUs / 1000;
}

/** The loop does not sleep before then. */
let untilMs = 0;
let isPolling = false;
/** Whose chunk began the wait that is going on; null: there is none. */
let waiting: ChunkArrivals | null = null;
let epoch = 0;
let epochEndMs = 0;
let active = 0;
let activeBefore = 0;

/** One for each source of chunks: which of them are worth waiting after differs from source to source. */
export class ChunkArrivals {
  #epoch = -1;
  #score = firstScore;
  #untried = 0;

  /** Call when a chunk has been dealt with. */
  came(bytes: number): void {
    if (windowMs === 0) return;
    const nowMs = performance.now();
    if (waiting !== null) waiting.#ended(1);
    if (this.#isCrowded(nowMs) || bytes > smallBytesMax || !this.#isWorthIt()) {
      untilMs = 0;
      return;
    }
    waiting = this;
    untilMs = nowMs + windowMs;
    if (isPolling) return;
    isPolling = true;
    setImmediate(poll);
  }

  /** The wait that began with it was in vain. */
  missed(): void {
    this.#ended(-lossOfScore);
  }

  #ended(change: number): void {
    waiting = null;
    this.#score = Math.max(0, Math.min(scoreMax, this.#score + change));
  }

  #isWorthIt(): boolean {
    if (this.#score > 0) return true;
    this.#untried = (this.#untried + 1) % tryEvery;
    return this.#untried === 0;
  }

  #isCrowded(nowMs: number): boolean {
    if (nowMs >= epochEndMs) {
      activeBefore = nowMs < epochEndMs + epochMs ? active : 0;
      active = 0;
      epoch += 1;
      epochEndMs = nowMs + epochMs;
    }
    if (this.#epoch !== epoch) {
      this.#epoch = epoch;
      active += 1;
    }
    return active > sourcesMax || activeBefore > sourcesMax;
  }
}

/** An immediate that is waiting keeps the loop from sleeping. */
function poll(): void {
  if (performance.now() < untilMs) {
    setImmediate(poll);
    return;
  }
  isPolling = false;
  waiting?.missed();
}
