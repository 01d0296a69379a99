// What the soak's clients tried and what became of it, as they saw it. Every text carries a tag of its own, by which it is found again in
// the targets' logs and in the audit log.

import type { AuditLine } from '../../src/audit/line.ts';

/** What should become of it: it runs; a rule denies it; it is held, and then approved, denied, or left until it expires or is withdrawn. */
export type Expected = 'runs' | 'denied' | 'approve' | 'deny' | 'left';
/** ok: the right answer. error: one in the client's own protocol. lost: the connection broke. gone: the client itself was ended. */
export type Ending = 'ok' | 'error' | 'lost' | 'gone';

export interface Attempt {
  readonly number: number;
  readonly client: string;
  readonly expected: Expected;
  readonly text: string;
  readonly startedMs: number;
  endedMs: number;
  ending: Ending | null;
  words: string;
}

/** Thrown by a client whose connection broke; `gone` when the soak ended it. */
export class Lost extends Error {
  readonly ending: 'lost' | 'gone';
  constructor(ending: 'lost' | 'gone', words: string) {
    super(words);
    this.ending = ending;
  }
}

/** Thrown by a client that got an answer to something else, or half of one. */
export class WrongAnswer extends Error {}

/** Longer than every documented wait of the soak's configuration: 15 s for a handshake, 12 s for a cut link, 5 s for a hold. */
export const answerMsMax = 45_000;
const tagPattern = /soak(\d+)e/g;

export class Ledger {
  readonly attempts: Attempt[] = [];
  readonly violations: string[] = [];
  /** The audit log after the round before. */
  events: readonly AuditLine[] = [];
  /** People's answers that the gateway has confirmed: hold id to what it was told. */
  readonly answered = new Map<string, 'approve' | 'deny'>();
  /** When a person was shut out and let in again. */
  readonly shut: { readonly person: string; readonly fromMs: number; toMs: number }[] = [];

  /** What was found wrong; the same is told once. */
  violate(words: string): void {
    if (this.violations.includes(words)) return;
    this.violations.push(words);
    process.stderr.write(`VIOLATION ${words}\n`);
  }

  of(text: string): Attempt[] {
    const numbers = new Set([...text.matchAll(tagPattern)].map(([, number]) => Number(number)));
    return [...numbers].flatMap((number) => this.attempts[number] ?? []);
  }

  /** One try: `work` resolves with the right answer in hand, or throws Lost, WrongAnswer, or an error of the protocol. Rejects as it does. */
  async attempt(client: string, expected: Expected, textOf: (tag: string) => string, work: (text: string, tag: string) => Promise<void>) {
    const tag = `soak${this.attempts.length}e`;
    const text = textOf(tag);
    const attempt: Attempt = {
      number: this.attempts.length,
      ...{ client, expected, text, startedMs: Date.now(), endedMs: 0, ending: null, words: '' },
    };
    this.attempts.push(attempt);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Lost('lost', `no answer within ${answerMsMax / 1000} s`)), answerMsMax);
    });
    const done = work(text, tag);
    done.catch(() => undefined); // heard below, or too late
    try {
      await Promise.race([done, late]);
      attempt.ending = 'ok';
    } catch (thrown) {
      attempt.words = thrown instanceof Error ? thrown.message : String(thrown);
      attempt.ending = thrown instanceof Lost ? thrown.ending : 'error';
      if (thrown instanceof WrongAnswer || attempt.words.startsWith('no answer'))
        this.violate(`${client}: ${text.slice(0, 200)}: ${attempt.words}`);
      throw thrown;
    } finally {
      clearTimeout(timer);
      attempt.endedMs = Date.now();
    }
  }
}
