// What the target will answer, in the order in which it was asked. Replies are matched to messages by this queue alone.

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
  | { readonly kind: 'query'; readonly run: Run; readonly text: string }
  | { readonly kind: 'function-call'; readonly run: Run }
  /** A message that can only fail, sent so that the server aborts as after any error; its error is replaced by `reply`. */
  | { readonly kind: 'refused'; readonly reply: Buffer; readonly endsCycle: boolean };

/** Messages waiting for answers at once; a client that sends more is slowed down until answers come. */
export const expectedMax = 10_000;

/** True for what ReadyForQuery answers. */
export function endsCycle(expected: Expected): boolean {
  switch (expected.kind) {
    case 'sync':
    case 'query':
    case 'function-call':
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
      return false;
  }
}

/** First in, first out; shifting is constant time. */
export class ExpectedQueue {
  #items: Expected[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get head(): Expected | undefined {
    return this.#items[this.#head];
  }

  push(expected: Expected): void {
    this.#items.push(expected);
  }

  shift(): Expected | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    }
    return item;
  }

  /** Takes out the Syncs that the server ignores because it reads COPY data (54.2.3). */
  dropSyncs(): void {
    this.#items = this.#items.slice(this.#head).filter((it) => it.kind !== 'sync');
    this.#head = 0;
  }
}
