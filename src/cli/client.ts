// Speaks to the gateway's HTTP API: one bearer token, JSON, problem documents turned into words and exit codes.

import { apiBase, cliUserAgent } from '../api/contract.ts';
import type { Page, Problem } from '../api/contract.ts';
import type { Credentials } from './credentials.ts';
import { CommandFailure, exitCode, exitCodeOfStatus } from './exit-code.ts';
import { visible } from './visible.ts';

/** An answer takes milliseconds; a recording of a long session some seconds. */
const timeoutMs = 30_000;
const pageSize = 200;

export type Query = Readonly<Record<string, string | number | undefined>>;

export class Client {
  readonly #credentials: Credentials;
  #leftOut = false;

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  get server(): string {
    return this.#credentials.server;
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    const set = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
    const search = set.length === 0 ? '' : `?${new URLSearchParams(set).toString()}`;
    return this.#send<T>('GET', `${path}${search}`, undefined);
  }

  post<T>(path: string, body: object): Promise<T> {
    return this.#send<T>('POST', path, JSON.stringify(body));
  }

  delete<T>(path: string): Promise<T> {
    return this.#send<T>('DELETE', path, undefined);
  }

  /** Has a list had more than was asked for? Whoever reads the table must not take it for all. */
  get leftOut(): boolean {
    return this.#leftOut;
  }

  /** Pages until `limit` items are there or the list ends. */
  async list<T>(path: string, query: Query, limit: number): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | undefined;
    this.#leftOut = true;
    while (items.length < limit) {
      const page: Page<T> = await this.get<Page<T>>(path, { ...query, limit: Math.min(pageSize, limit - items.length), cursor });
      items.push(...page.items);
      if (page.next === null) {
        this.#leftOut = false;
        break;
      }
      cursor = page.next;
    }
    return items;
  }

  async #send<T>(method: string, path: string, body: string | undefined): Promise<T> {
    const { server, token } = this.#credentials;
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${server}${apiBase}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          'user-agent': cliUserAgent,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body }),
        // A redirect would carry the token somewhere else.
        redirect: 'error',
        signal: AbortSignal.timeout(timeoutMs),
      });
      text = await response.text();
    } catch (thrown) {
      throw unreachable(server, thrown);
    }
    const parsed = parse(text);
    if (!response.ok) throw problemFailure(response.status, parsed, server);
    if (parsed === undefined) throw new CommandFailure(exitCode.failed, `${server} does not answer as a Sallyport gateway does`, reachHint);
    return parsed as T;
  }
}

const reachHint = 'check --server, SALLYPORT_SERVER, or the server that you signed in to with `sallyport login`';

function parse(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemFailure(status: number, parsed: unknown, server: string): CommandFailure {
  const problem = (typeof parsed === 'object' && parsed !== null ? parsed : {}) as Partial<Problem>;
  const errors = (problem.errors ?? []).map((error) => `${error.path}: ${error.message}`);
  const words = [problem.detail ?? problem.title ?? `the gateway answered ${status}`, ...errors].join('; ');
  const hint = status === 401 ? `the token is not valid (any more): run \`sallyport login --server ${server}\`` : null;
  return new CommandFailure(exitCodeOfStatus(status), words, hint);
}

/** Words for a request that got no answer, and what to do about it. */
export function unreachable(server: string, thrown: unknown): CommandFailure {
  const timedOut = thrown instanceof Error && thrown.name === 'TimeoutError';
  const { code, message } = timedOut ? { code: undefined, message: `no answer within ${timeoutMs / 1000} s` } : causeOf(thrown);
  const untrusted = code !== undefined && (untrustedCodes.has(code) || code.startsWith('CERT_') || code.startsWith('ERR_TLS_'));
  const words = untrusted ? `its certificate is not accepted: ${visible(message)}` : (networkWords[code ?? ''] ?? visible(message));
  return new CommandFailure(
    exitCode.failed,
    `the gateway at ${server} can't be reached: ${words}`,
    untrusted
      ? 'for an authority of your own set NODE_EXTRA_CA_CERTS=/path/to/ca.pem, or NODE_USE_SYSTEM_CA=1 where this system trusts it'
      : reachHint,
  );
}

function causeOf(thrown: unknown): { readonly code: string | undefined; readonly message: string } {
  const cause: unknown = thrown instanceof Error ? thrown.cause : undefined;
  const inner: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  if (!(inner instanceof Error)) return { code: undefined, message: 'the connection failed' };
  return { code: (inner as NodeJS.ErrnoException).code, message: inner.message };
}

const networkWords: Readonly<Record<string, string>> = { ECONNREFUSED: 'connection refused', ENOTFOUND: 'unknown host' };

/** OpenSSL's names, as Node gives them, for chains that end in nobody who is trusted here. */
const untrustedCodes: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
