// How far the early reader of plain queries is to be trusted: now and then what it read is compared with what PostgreSQL's own parser
// says of the same text. At the first difference it is switched off, in all threads, until the process ends, and told once in words.

import { BroadcastChannel } from 'node:worker_threads';

/** `words` are for the operator and have nothing of a statement in them; null where another thread found it and told it. */
export type OnDistrusted = (words: string | null) => void;

/** So many reads are all compared, and then one in so many: a comparison, its code no longer at hand, takes as long as forty reads. */
const comparedFirst = 64;
const comparedEvery = 1_024;

export class PlainTrust {
  readonly #spread: () => void;
  readonly #listeners = new Set<OnDistrusted>();
  #reads = 0;
  #isLost = false;

  /** `spread` tells other threads. */
  constructor(spread: () => void = () => undefined) {
    this.#spread = spread;
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Whether the read that has just succeeded is one of those to compare. */
  isDue(): boolean {
    this.#reads += 1;
    return this.#reads <= comparedFirst || this.#reads % comparedEvery === 0;
  }

  /** Each is told at most once. Returns what takes it off again. */
  whenLost(listener: OnDistrusted): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The early reader was wrong: `how` says where the two trees part, in names of fields. */
  lose(how: string): void {
    if (this.#isLost) return;
    this.#end(
      `a plain query was read otherwise than PostgreSQL's parser reads it (${how}): the parser's word counts, and it reads all ` +
        'statements from now on. Statements take longer and are judged right; please report this line, and restart the gateway: ' +
        'it may remember what it judged before.',
    );
    this.#spread();
  }

  /** As another thread says. */
  lostElsewhere(): void {
    if (!this.#isLost) this.#end(null);
  }

  #end(words: string | null): void {
    this.#isLost = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener(words);
  }
}

/** The trust of this thread, which every parser in it shares. */
export const threadTrust: PlainTrust = joined();

function joined(): PlainTrust {
  const channel = new BroadcastChannel('sallyport-plain-queries');
  const trust = new PlainTrust(() => channel.postMessage(null));
  channel.onmessage = () => trust.lostElsewhere();
  channel.unref();
  return trust;
}
