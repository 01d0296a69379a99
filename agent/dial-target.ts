// Connects to the first of a target's addresses that answers, as RFC 8305 has it: the next one is tried beside one that is silent, so
// that a machine that is gone costs a moment and not the whole time there is. Which addresses may be dialled is judged before.

import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../src/core/errors.ts';
import { TargetSocket } from './splice.ts';

/** RFC 8305, section 5: "Connection Attempt Delay". */
const nextAddressMs = 250;

/** Connects to addresses, never to a name: what was judged is what is dialled. Rejects with an Error that says how each failed. */
export async function dialFirst(addresses: readonly string[], port: number, signal: AbortSignal): Promise<TargetSocket> {
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const failures: string[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  const attempts = addresses.map((address) => {
    const before = turn;
    const attempt = before.then(() => dial(address, port, stop));
    const hasFailed = attempt.catch((thrown: unknown) => failures.push(`${address}: ${errorWords(thrown)}`));
    turn = Promise.race([before.then(() => delay(nextAddressMs, undefined, { signal: stop }).catch(() => {})), hasFailed]);
    return attempt;
  });
  try {
    const first = await Promise.any(attempts);
    for (const attempt of attempts) void attempt.then((late) => late !== first && late.socket.destroy()).catch(() => {}); // told to stop
    return first;
  } catch {
    throw new Error(failures.join(', ') || 'the name stands for no address');
  } finally {
    over.abort();
  }
}

function dial(address: string, port: number, signal: AbortSignal): Promise<TargetSocket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(late());
    const target = new TargetSocket(address, port);
    const { socket } = target;
    const settle = (outcome: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect).off('error', onError);
      outcome();
    };
    const onAbort = (): void => {
      socket.on('error', () => {});
      socket.destroy();
      settle(() => reject(late()));
    };
    const onConnect = (): void => settle(() => resolve(target));
    const onError = (error: Error): void => settle(() => reject(error));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', onConnect).once('error', onError);
  });
}

function late(): Error {
  return new Error('no answer in time');
}

/** Of names and connections, in words. */
export function errorWords(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException | null)?.code;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused (nothing listens there)';
    case 'ENOTFOUND':
      return 'unknown host';
    case 'EAI_AGAIN':
      return 'the name server does not answer';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route to the host';
    case 'ETIMEDOUT':
      return 'no answer';
    default:
      return code ?? messageOf(thrown);
  }
}
