// What the target will answer, in the order in which it was asked. Replies are matched to messages by this queue alone.

import type { FencedText } from './fence-text.ts';
import type { Portal, Run, Statement } from './statements.ts';

export type Expected =
  | { readonly kind: 'parse'; readonly name: string; readonly statement: Statement }
  | { readonly kind: 'bind'; readonly portal: Portal }
  | { readonly kind: 'describe-statement'; readonly statement: Statement | null }
  | { readonly kind: 'describe-portal' }
  | { readonly kind: 'execute'; readonly portal: Portal }
  | { readonly kind: 'close-statement'; readonly name: string }
  | { readonly kind: 'close-portal'; readonly name: string }
  | { readonly kind: 'sync' }
  | { readonly kind: 'query'; readonly run: Run; readonly text: string; readonly fence: QueryFence | null }
  | { readonly kind: 'function-call'; readonly run: Run }
  /** A message that can only fail, sent so that the server aborts as after any error; its error is replaced by `reply`. */
  | { readonly kind: 'refused'; readonly reply: Buffer; readonly endsCycle: boolean }
  /** One answer to the gateway's own messages (fence.ts): the client never sees it. */
  | { readonly kind: 'own'; readonly answer: number }
  /** The description of a portal whose rows are masked, asked by the gateway. */
  | { readonly kind: 'own-fields'; readonly run: Run }
  /** A query or a Sync of the gateway's own: all its answers are swallowed, its ReadyForQuery too. */
  | { readonly kind: 'own-query'; readonly by: 'query' | 'sync' };

/** A Query that went behind the fence. */
export interface QueryFence {
  readonly placed: FencedText;
  /** Commands of the gateway's own that have answered. */
  answered: number;
  /** The client's own message, for the case that it tries to write. */
  readonly bytes: Buffer;
}

/** Messages waiting for answers at once; a client that sends more is slowed down until answers come. */
export const expectedMax = 10_000;

/** True for what ReadyForQuery answers. */
export function endsCycle(expected: Expected): boolean {
  switch (expected.kind) {
    case 'sync':
    case 'query':
    case 'function-call':
    case 'own-query':
      return true;
    case 'refused':
      return expected.endsCycle;
    case 'parse':
    case 'bind':
    case 'describe-statement':
    case 'describe-portal':
    case 'execute':
    case 'close-statement':
    case 'close-portal':
    case 'own':
    case 'own-fields':
      return false;
  }
}

/** The released action whose rows and end are answered; null for what runs nothing or has none of both. */
export function runAsked(expected: Expected | undefined): Run | null {
  return expected?.kind === 'query' ? expected.run : expected?.kind === 'execute' ? expected.portal.run : null;
}

/** Where the server goes on after an error in a batch. */
export function isSync(expected: Expected): boolean {
  return expected.kind === 'sync' || (expected.kind === 'own-query' && expected.by === 'sync');
}

/** First in, first out; shifting is constant time. */
export class ExpectedQueue {
  #items: Expected[] = [];
  #head = 0;
  /** Nothing before it runs anything any more. */
  #runningAt = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get head(): Expected | undefined {
    return this.#items[this.#head];
  }

  /** What runs at the target: of all that is to be answered the first that runs something. Asked after every message, so it goes on where it was. */
  get running(): Run | null {
    this.#runningAt = Math.max(this.#runningAt, this.#head);
    for (; this.#runningAt < this.#items.length; this.#runningAt += 1) {
      const run = runAsked(this.#items[this.#runningAt]);
      if (run !== null) return run;
    }
    return null;
  }

  push(...expected: readonly Expected[]): void {
    this.#items.push(...expected);
  }

  shift(): Expected | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
      this.#runningAt = 0;
    }
    return item;
  }

  /** The next answer is to the gateway's own messages. */
  get isOwn(): boolean {
    const kind = this.#items[this.#head]?.kind;
    return kind === 'own' || kind === 'own-query' || kind === 'own-fields';
  }

  /** What is expected before the next Sync is answered. */
  toSync(): readonly Expected[] {
    const waiting = this.#items.slice(this.#head);
    const end = waiting.findIndex(isSync);
    return end < 0 ? waiting : waiting.slice(0, end);
  }

  /** True when a Sync was sent that is not answered yet. */
  get holdsSync(): boolean {
    return this.#items.slice(this.#head).some((it) => it.kind === 'sync');
  }

  /** Takes out the Syncs that the server ignores because it reads COPY data (54.2.3). */
  dropSyncs(): void {
    this.#items = this.#items.slice(this.#head).filter((it) => it.kind !== 'sync');
    this.#head = 0;
    this.#runningAt = 0;
  }
}
