// Opens the connection to a target: TCP, or a Unix socket when the host is a folder. It knows nothing of protocols, TLS or
// credentials, and its faults name the target, never more than host and port.

import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Fault } from '../core/errors.ts';
import type { Protocol, Target } from '../core/target.ts';

/** A target on the same continent answers in a fraction of it; a person at a prompt does not wait longer. */
export const dialTimeoutMsDefault = 10_000;

/** First probe of a silent connection. Below the idle limits of common firewalls (5 minutes and more). */
const keepAliveAfterMs = 60_000;

/** What the servers call their socket inside the folder. */
const socketFile: Readonly<Record<Protocol, (port: number) => string>> = {
  postgres: (port) => `.s.PGSQL.${port}`,
  mysql: () => 'mysqld.sock',
  ssh: () => 'sshd.sock',
};

/** Connects. Rejects with Fault target-unreachable, also when `signal` aborts. The socket is the caller's from then on. */
export function dial(target: Target, signal: AbortSignal, timeoutMs: number = dialTimeoutMsDefault): Promise<Socket> {
  const where = addressOf(target);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(unreachable(target, 'the client is gone'));
    const socket = connect({ ...where, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs });
    const give = (outcome: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('connect', onConnect);
      outcome();
    };
    const fail = (why: string, cause?: unknown): void =>
      give(() => {
        // A late error of a socket that is being destroyed must not end the process.
        socket.on('error', () => {});
        socket.destroy();
        reject(unreachable(target, why, cause));
      });
    const onAbort = (): void => fail('the client is gone');
    const onError = (error: NodeJS.ErrnoException): void => fail(errorWords(error), error);
    const onConnect = (): void => give(() => resolve(socket));
    const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', onError).once('connect', onConnect);
  });
}

/** "db.internal:5432", or the socket's path. */
export function addressWords(target: Pick<Target, 'host' | 'port' | 'protocol'>): string {
  const address = addressOf(target);
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function addressOf(target: Pick<Target, 'host' | 'port' | 'protocol'>): { path: string } | { host: string; port: number } {
  if (!target.host.startsWith('/')) return { host: target.host.replace(/^\[(.*)\]$/, '$1'), port: target.port };
  return { path: `${target.host.replace(/\/$/, '')}/${socketFile[target.protocol](target.port)}` };
}

function unreachable(target: Target, why: string, cause?: unknown): Fault {
  return new Fault('target-unreachable', `target "${target.name}" can't be reached at ${addressWords(target)}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'check host and port of the target in the configuration, and that the gateway may connect to it',
  });
}

function errorWords(error: NodeJS.ErrnoException): string {
  // With several addresses behind a name, Node throws one error that holds one for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = (first as NodeJS.ErrnoException | undefined)?.code ?? error.code;
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused (nothing listens there)';
    case 'ENOTFOUND':
      return 'unknown host';
    case 'EAI_AGAIN':
      return 'the name server does not answer';
    case 'ETIMEDOUT':
      return 'no answer';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'no route to the host';
    case 'ENOENT':
      return 'there is no such socket';
    case 'EACCES':
      return 'permission denied';
    case 'ECONNRESET':
      return 'connection reset';
    default:
      return code ?? error.message;
  }
}
