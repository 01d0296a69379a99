// Signing in to targets from a relay thread. The real desk with its cache, leases and providers stays in the main thread, and runs there
// as ever; what it attempts is done in the thread that asked, with the target as the desk filled it in. What came of an attempt (an open
// connection) stays in that thread; the desk hears only whether it worked, and with which fault it did not.

import type { CredentialDesk } from '../core/credential.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import { receivedFault, sentFault } from './calls.ts';
import type { Calls, Handlers, SentFault } from './calls.ts';
import { receivedTarget, sentTarget } from './sent-target.ts';
import type { SentTarget } from './sent-target.ts';

export type CredentialMethods = {
  /** Answered when the desk is done. On the way it tells what to attempt, one at a time; each has to be answered by 'attempted'. */
  'signing-in': {
    given: { readonly target: string };
    answer: null;
    told: { readonly attempt: number; readonly filled: SentTarget };
  };
  attempted: { given: { readonly attempt: number; readonly fault: SentFault | null }; answer: null };
};

export interface CredentialParts {
  readonly desk: CredentialDesk;
  readonly targetNamed: (name: string) => Target | undefined;
}

interface Attempt {
  readonly filled: Target;
  resolve(): void;
  reject(fault: Error): void;
}

/** The main thread's side for one thread. */
export class ThreadCredentials {
  readonly handlers: Handlers<CredentialMethods>;
  readonly #attempts = new Map<number, Attempt>();
  #last = 0;
  #ended: Fault | null = null;

  constructor({ desk, targetNamed }: CredentialParts) {
    this.handlers = {
      'signing-in': async ({ target: name }, { signal, tell }) => {
        const target = targetNamed(name);
        if (target === undefined) throw new Fault('target-unknown', `there is no target named "${name}"`);
        await desk.signingIn(target, signal, (filled) => this.#attempt(filled, tell));
        return null;
      },
      attempted: ({ attempt, fault }) => {
        const waiting = this.#attempts.get(attempt);
        this.#attempts.delete(attempt);
        if (fault === null) waiting?.resolve();
        else waiting?.reject(receivedFault(fault));
        return null;
      },
    };
  }

  /** The target of an attempt that still runs: what is dialled for it ends its lease. */
  filledOf(attempt: number): Target | undefined {
    return this.#attempts.get(attempt)?.filled;
  }

  /** The thread is gone: what it was attempting has failed, and leases made for that are given back. */
  end(fault: Fault): void {
    this.#ended = fault;
    for (const { reject } of this.#attempts.values()) reject(fault);
    this.#attempts.clear();
  }

  #attempt(filled: Target, tell: (told: CredentialMethods['signing-in']['told']) => void): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const attempt = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#attempts.set(attempt, { filled, resolve, reject });
      tell({ attempt, filled: sentTarget(filled) });
    });
  }
}

export interface RemoteCredentials extends CredentialDesk {
  /** The number of the attempt that this very target was filled in for, or null. */
  attemptOf(target: Target): number | null;
}

export function remoteCredentials(calls: Pick<Calls<CredentialMethods, never>, 'ask' | 'note'>): RemoteCredentials {
  const attempts = new WeakMap<Target, number>();
  return {
    attemptOf: (target) => attempts.get(target) ?? null,
    signingIn: async <T>(target: Target, signal: AbortSignal, attempt: (target: Target) => Promise<T>): Promise<T> => {
      // Nothing to fill in: the desk would attempt it as it is.
      if (target.credential === undefined || target.credential === null) return attempt(target);
      let result: { readonly value: T } | null = null;
      const failures: unknown[] = [];
      const run = async (number: number, filled: Target): Promise<void> => {
        attempts.set(filled, number);
        let fault: SentFault | null = null;
        try {
          result = { value: await attempt(filled) };
        } catch (thrown) {
          fault = sentFault(thrown);
          failures.push(thrown);
        }
        calls.note('attempted', { attempt: number, fault });
      };
      const onTold = (told: CredentialMethods['signing-in']['told']): void => void run(told.attempt, receivedTarget(told.filled));
      await calls.ask('signing-in', { target: target.name }, { signal, onTold }).catch((thrown: unknown) => {
        // What failed here came back with its words alone: the target's own error is on the one that was thrown.
        throw failures.find((failure) => messageOf(failure) === messageOf(thrown)) ?? thrown;
      });
      return (result as { readonly value: T } | null)!.value;
    },
  };
}
