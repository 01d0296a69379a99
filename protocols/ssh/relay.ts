// Moves bytes between a client's channel and the target's, under an open permit, and ends both as the target ended. Nothing is
// closed before everything that was sent has arrived: ssh2 would drop it.

import type { Readable, Writable } from 'node:stream';
import type { ClientChannel, ServerChannel } from 'ssh2';
import type { Permit } from '../../src/core/permit.ts';
import { passesTo, passOn, releaseQueue } from './ssh2-channels.ts';

export interface Ending {
  /** Null when the target said none: a signal ended it, or the connection was lost. */
  readonly status: number | null;
  readonly signal: string | null;
}

export interface RelayOptions {
  /** What the client sent before the ruling. */
  readonly before: readonly Buffer[];
  /** Aborted when the client's channel is closed. */
  readonly clientGone: AbortSignal;
  /** The end of one direction is passed on at once, as tunnels need; the other goes on. */
  readonly halfClose?: boolean;
  /** Sees everything that passes, for the recording, and keeps none of the bytes: they are read over. */
  readonly onOutput?: (chunk: Buffer) => void;
  readonly onInput?: (chunk: Buffer) => void;
}

/** Relays until the target's channel is over, and resolves with how. The caller ends the client's channel. */
export function relay(permit: Permit, client: ServerChannel, target: ClientChannel, options: RelayOptions): Promise<Ending> {
  const { onOutput, onInput } = options;
  return new Promise((resolve) => {
    let ending: Ending = { status: null, signal: null };
    let open = 3; // stdout, stderr, the channel itself
    const less = () => {
      open -= 1;
      if (open === 0) resolve(ending);
    };
    const toTarget = (chunk: Buffer) => {
      permit.assertOpen();
      onInput?.(chunk);
      return passOn(target, chunk);
    };
    whenClosed(target, (last) => {
      ending = last;
      releaseQueue(target);
      less();
    });
    target.on('error', () => undefined);
    let gone = false;
    const toClient = (write: (chunk: Buffer) => boolean) => (chunk: Buffer) => {
      onOutput?.(chunk);
      return gone || write(chunk);
    };
    const toOutput = (chunk: Buffer) => passOn(client, chunk);
    const toErrors = (chunk: Buffer) => client.stderr.write(chunk);
    passesTo(client, target);
    passesTo(target, client);
    pipe(target, toClient(toOutput), client, () => {
      // An empty write comes after everything that still waits for the window.
      if (options.halfClose === true && client.writable) client.write(Buffer.alloc(0), () => client.eof());
      less();
    });
    pipe(target.stderr, toClient(toErrors), client.stderr, less);
    for (const chunk of options.before) toTarget(chunk);
    pipe(
      client,
      (chunk) => (permit.isOpen && target.writable ? toTarget(chunk) : true),
      target,
      () => {
        if (target.writable) target.end();
      },
    );
    const clientGone = () => {
      gone = true;
      releaseQueue(client);
      target.resume();
      target.stderr.resume();
      target.end();
      target.close();
    };
    if (options.clientGone.aborted) clientGone();
    else options.clientGone.addEventListener('abort', clientGone, { once: true });
  });
}

/** How the target's channel ended. Told at its end only: a quick program's status comes with the answer that opens it, before anybody listens to 'exit'. */
export function whenClosed(target: ClientChannel, told: (ending: Ending) => void): void {
  target.once('close', (status?: number | null, signal?: string | null) => told({ status: status ?? null, signal: signal ?? null }));
}

/** Writes every chunk, waits where the taker is slower, and tells when the source has ended. */
export function pipe(source: Readable, write: (chunk: Buffer) => boolean, taker: Writable, ended: () => void): void {
  let over = false;
  source.on('data', (chunk: Buffer) => {
    if (write(chunk)) return;
    source.pause();
    taker.once('drain', () => source.resume());
  });
  const end = () => {
    if (over) return;
    over = true;
    ended();
  };
  source.once('end', end);
  source.once('close', end);
}
