// Questions, answers and notes between two threads. Each side names what it answers; a question can be taken back, and may be told
// how it goes before it is answered. What is sent is cloned (structured clone): plain data only, no functions, no secrets' wrappers.

import { Fault, messageOf } from '../core/errors.ts';
import type { FaultCode } from '../core/errors.ts';

/** What one side can be asked: the names, and for each what is given, answered and told on the way. */
export type Methods = Readonly<Record<string, { readonly given: unknown; readonly answer: unknown; readonly told?: unknown }>>;

export interface Asked<Told> {
  /** Aborted with words when the other side takes the question back or is gone. */
  readonly signal: AbortSignal;
  tell(told: Told): void;
}

type ToldOf<Method> = Method extends { readonly told: infer Told } ? Told : never;

export type Handlers<Mine extends Methods> = {
  readonly [Name in keyof Mine]: (
    given: Mine[Name]['given'],
    asked: Asked<ToldOf<Mine[Name]>>,
  ) => Mine[Name]['answer'] | Promise<Mine[Name]['answer']>;
};

/** One end of a channel between threads: a Worker, or a MessagePort. */
export interface Port {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
}

/** A fault as plain data; `code` null: an error of any other kind. */
export interface SentFault {
  readonly code: FaultCode | null;
  readonly message: string;
  readonly hint: string | null;
}

type Message =
  /** `id` null: nobody waits for an answer. */
  | { readonly kind: 'ask'; readonly id: number | null; readonly name: string; readonly given: unknown }
  | { readonly kind: 'take-back'; readonly id: number; readonly words: string }
  | { readonly kind: 'tell'; readonly id: number; readonly told: unknown }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'fail'; readonly id: number; readonly fault: SentFault };

interface Waiting {
  resolve(answer: unknown): void;
  reject(fault: Error): void;
  onTold?(told: unknown): void;
}

/** Questions without an answer yet, one way: every session and hold that there may be, and some. */
const waitingMax = 100_000;

export class Calls<Theirs extends Methods, Mine extends Methods> {
  readonly #port: Port;
  readonly #handlers: Handlers<Mine>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #answering = new Map<number, AbortController>();
  #last = 0;
  #closed: Fault | null = null;

  constructor(port: Port, handlers: Handlers<Mine>) {
    this.#port = port;
    this.#handlers = handlers;
    port.on('message', (message) => this.#received(message as Message));
  }

  /** Rejects with the other side's Fault, or when it is gone. Aborting takes the question back; the answer is waited for all the same. */
  ask<Name extends keyof Theirs & string>(
    name: Name,
    given: Theirs[Name]['given'],
    options: {
      readonly signal?: AbortSignal;
      /** What goes over to the other side instead of being cloned (ports, memory). */
      readonly transfer?: readonly Transferable[];
      onTold?(told: ToldOf<Theirs[Name]>): void;
    } = {},
  ): Promise<Theirs[Name]['answer']> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#waiting.size >= waitingMax) return Promise.reject(new Fault('limit-reached', 'too many questions between threads'));
    const { signal, transfer, onTold } = options;
    const id = ++this.#last;
    const answered = new Promise<Theirs[Name]['answer']>((resolve, reject) => {
      this.#waiting.set(id, onTold === undefined ? { resolve, reject } : { resolve, reject, onTold });
    });
    try {
      this.#send({ kind: 'ask', id, name, given }, transfer);
    } catch (thrown) {
      this.#waiting.delete(id);
      return Promise.reject(thrown);
    }
    if (signal === undefined) return answered;
    const takeBack = (): void => {
      if (this.#waiting.has(id)) this.#send({ kind: 'take-back', id, words: messageOf(signal.reason) });
    };
    if (signal.aborted) takeBack();
    signal.addEventListener('abort', takeBack, { once: true });
    return answered.finally(() => signal.removeEventListener('abort', takeBack));
  }

  /** Says something that nobody answers; what the other side throws is lost. Nothing when it is gone. */
  note<Name extends keyof Theirs & string>(name: Name, given: Theirs[Name]['given']): void {
    if (this.#closed === null) this.#send({ kind: 'ask', id: null, name, given });
  }

  /** The other side is gone: every question fails with these words, and what it asked is taken back. */
  close(fault: Fault): void {
    if (this.#closed !== null) return;
    this.#closed = fault;
    for (const { reject } of this.#waiting.values()) reject(fault);
    this.#waiting.clear();
    for (const controller of this.#answering.values()) controller.abort(fault);
    this.#answering.clear();
  }

  #send(message: Message, transfer?: readonly Transferable[]): void {
    this.#port.postMessage(message, transfer);
  }

  #received(message: Message): void {
    if (this.#closed !== null) return;
    switch (message.kind) {
      case 'ask':
        if (message.id === null) this.#hear(message.name, message.given);
        else void this.#answer(message.id, message.name, message.given);
        return;
      case 'take-back':
        this.#answering.get(message.id)?.abort(new Fault('conflict', message.words));
        return;
      case 'tell':
        this.#waiting.get(message.id)?.onTold?.(message.told);
        return;
      case 'answer':
        this.#take(message.id)?.resolve(message.answer);
        return;
      case 'fail':
        this.#take(message.id)?.reject(receivedFault(message.fault));
        return;
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #hear(name: string, given: unknown): void {
    void Promise.resolve()
      .then(() => this.#handlers[name]?.(given, { signal: new AbortController().signal, tell: () => undefined }))
      .catch(() => undefined);
  }

  async #answer(id: number, name: string, given: unknown): Promise<void> {
    const controller = new AbortController();
    this.#answering.set(id, controller);
    let message: Message;
    try {
      const handler = this.#handlers[name];
      if (handler === undefined) throw new Error(`nobody answers "${name}"`);
      const tell = (told: unknown): void => {
        if (this.#answering.has(id)) this.#send({ kind: 'tell', id, told });
      };
      message = { kind: 'answer', id, answer: await handler(given, { signal: controller.signal, tell }) };
    } catch (thrown) {
      message = { kind: 'fail', id, fault: sentFault(thrown) };
    }
    if (!this.#answering.delete(id)) return;
    try {
      this.#send(message);
    } catch (thrown) {
      this.#send({ kind: 'fail', id, fault: sentFault(thrown) }); // the answer could not be cloned
    }
  }
}

export function sentFault(thrown: unknown): SentFault {
  const { code, hint } = thrown instanceof Fault ? thrown : { code: null, hint: null };
  return { code, message: messageOf(thrown), hint };
}

export function receivedFault({ code, message, hint }: SentFault): Error {
  if (code === null) return new Error(message);
  return new Fault(code, message, hint === null ? {} : { hint });
}
