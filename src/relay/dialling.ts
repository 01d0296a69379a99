// Dialling targets from a relay thread. A thread dials by itself, and the main thread hears which streams there are, because leases end
// and uses of credentials are counted there. Agent links live in the main thread: a stream through one is dialled there, and carried.

import { Duplex } from 'node:stream';
import { MessageChannel } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { Fault } from '../core/errors.ts';
import type { Target } from '../core/target.ts';
import type { Calls, Handlers } from './calls.ts';
import type { RemoteCredentials } from './credentials.ts';
import { PortStream, carry } from './port-stream.ts';

type Dial = (target: Target, signal: AbortSignal) => Promise<Duplex>;

export type DiallingMethods = {
  /** Dials through an agent, for an attempt to sign in or for none; the stream is the other end of `port`. */
  'dial-agent': { given: { readonly target: string; readonly attempt: number | null; readonly port: MessagePort }; answer: null };
  /** The thread dialled by itself for an attempt that still runs; `stream` is a number of its own. */
  dialled: { given: { readonly attempt: number; readonly stream: number }; answer: null };
  closed: { given: { readonly stream: number }; answer: null };
};

export interface DiallingParts {
  readonly dialAgent: Dial;
  /** Told of every stream that was dialled, with the target it was dialled with. */
  readonly dialled: (target: Target, stream: Duplex) => void;
  readonly targetNamed: (name: string) => Target | undefined;
  /** The filled-in target of an attempt that still runs (ThreadCredentials). */
  readonly filledOf: (attempt: number) => Target | undefined;
}

/** The main thread's side for one thread. What it keeps is bounded by the connections that the thread may have. */
export class ThreadDialling {
  readonly handlers: Handlers<DiallingMethods>;
  /** What stands here for the streams that the thread has dialled by itself. */
  readonly #standIns = new Map<number, Duplex>();
  readonly #carried = new Set<Duplex>();
  #ended: Fault | null = null;

  constructor({ dialAgent, dialled, targetNamed, filledOf }: DiallingParts) {
    this.handlers = {
      'dial-agent': async ({ target: name, attempt, port }, { signal }) => {
        try {
          const target = (attempt === null ? undefined : filledOf(attempt)) ?? targetNamed(name);
          if (target === undefined) throw new Fault('target-unknown', `there is no target named "${name}"`);
          const stream = await dialAgent(target, signal);
          dialled(target, stream);
          this.#carry(stream, port);
        } catch (thrown) {
          port.close();
          throw thrown;
        }
        return null;
      },
      dialled: ({ attempt, stream: number }) => {
        const target = filledOf(attempt);
        if (target === undefined) return null;
        const standIn = new Duplex();
        this.#standIns.set(number, standIn);
        dialled(target, standIn);
        return null;
      },
      closed: ({ stream }) => {
        this.#standIns.get(stream)?.destroy();
        this.#standIns.delete(stream);
        return null;
      },
    };
  }

  /** The thread is gone: its streams through agents end, and what was leased for any of its streams is given back. */
  end(fault: Fault): void {
    this.#ended = fault;
    for (const stream of [...this.#standIns.values(), ...this.#carried]) stream.destroy();
    this.#standIns.clear();
  }

  #carry(stream: Duplex, port: MessagePort): void {
    if (this.#ended !== null) {
      stream.destroy();
      throw this.#ended;
    }
    this.#carried.add(stream);
    stream.once('close', () => this.#carried.delete(stream));
    carry(stream, port);
  }
}

/** Streams that this thread has dialled by itself, of all its drivers. */
let lastStream = 0;

/** `dial` opens streams that need no agent. */
export function remoteDialling(
  calls: Pick<Calls<DiallingMethods, never>, 'ask' | 'note'>,
  { dial, attemptOf }: { readonly dial: Dial } & Pick<RemoteCredentials, 'attemptOf'>,
): Dial {
  const throughAgent: Dial = async (target, signal) => {
    const { port1, port2 } = new MessageChannel();
    const stream = new PortStream(port1);
    try {
      const given = { target: target.name, attempt: attemptOf(target), port: port2 };
      await calls.ask('dial-agent', given, { signal, transfer: [port2] });
      if (signal.aborted) throw new Fault('target-unreachable', `target "${target.name}" can't be reached: the client is gone`);
      if (stream.destroyed) throw stream.errored ?? new Fault('target-lost', `target "${target.name}" was lost at once`);
      return stream;
    } catch (thrown) {
      stream.destroy();
      throw thrown;
    }
  };
  return async (target, signal) => {
    if (target.agent !== undefined && target.agent !== null) return throughAgent(target, signal);
    const stream = await dial(target, signal);
    const attempt = attemptOf(target);
    if (attempt === null) return stream;
    const number = ++lastStream;
    calls.note('dialled', { attempt, stream: number });
    stream.once('close', () => calls.note('closed', { stream: number }));
    return stream;
  };
}
