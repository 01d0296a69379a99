// HashiCorp Vault's HTTP API, which OpenBao shares: sign-in by token or AppRole, reads and writes. A token file is read again at
// every use (Vault's own agent keeps it fresh); an AppRole token is renewed while it lives, because leases die with their token.

import { readFile } from 'node:fs/promises';
import type { VaultAuth } from '../../core/credential-source.ts';
import { Fault } from '../../core/errors.ts';
import type { Authorities } from '../../core/pem-files.ts';
import { Secret } from '../../core/secret.ts';
import { numberAt, requestJson, textAt } from './http.ts';
import type { JsonAnswer } from './http.ts';

export interface VaultOptions {
  readonly address: URL;
  readonly auth: VaultAuth;
  readonly namespace: string | null;
  /** To trust instead of the system's. */
  readonly ca: Authorities | null;
}

interface SignedIn {
  readonly token: Secret;
  readonly isRenewable: boolean;
}

const renewAfterShare = 0.5;
const renewMsMin = 1_000;
const timerMsMax = 2 ** 31 - 1;
const answerMsMax = 10_000;

export class VaultClient {
  readonly #options: VaultOptions;
  #signedIn: Promise<SignedIn> | null = null;
  #renewal: NodeJS.Timeout | undefined;

  constructor(options: VaultOptions) {
    this.#options = options;
  }

  /** GET or POST of a path under /v1. Null: there is nothing (404). Rejects with Fault target-credential-failed. */
  async ask(method: 'GET' | 'POST' | 'PUT', path: string, body: object | null, signal: AbortSignal): Promise<unknown> {
    let answer = await this.#send(method, path, body, await this.#token(signal), signal);
    if (answer.status === 403 && this.#options.auth.kind === 'approle') {
      // The token may have been revoked, or Vault restarted: a fresh one decides.
      this.#signedIn = null;
      answer = await this.#send(method, path, body, await this.#token(signal), signal);
    }
    if (answer.status === 404) return null;
    if (answer.status === 204) return {};
    if (answer.status !== 200) throw this.#failed(`${this.#words(answer.status)} at ${path}`);
    return answer.body;
  }

  close(): void {
    clearTimeout(this.#renewal);
  }

  async #token(signal: AbortSignal): Promise<Secret> {
    const { auth } = this.#options;
    switch (auth.kind) {
      case 'token':
        return auth.token;
      case 'token-file':
        return new Secret((await this.#fileText(auth.file)).trim());
      case 'approle':
        this.#signedIn ??= this.#signIn(auth, signal).catch((thrown: unknown) => {
          this.#signedIn = null;
          throw thrown;
        });
        return (await this.#signedIn).token;
    }
  }

  async #signIn(auth: Extract<VaultAuth, { kind: 'approle' }>, signal: AbortSignal): Promise<SignedIn> {
    const path = `auth/${auth.mount}/login`;
    const { secretIdFile: file } = auth;
    const secretId = file === undefined ? auth.secretId.reveal() : (await this.#fileText(file)).replace(/\r?\n$/, '');
    const body = { role_id: auth.roleId, secret_id: secretId };
    const answer = await this.#send('POST', path, body, null, signal);
    const token = textAt(answer.body, 'auth', 'client_token');
    if (answer.status !== 200 || token === null) throw this.#failed(`the AppRole sign-in was refused (${this.#words(answer.status)})`);
    const isRenewable = (answer.body as { auth: { renewable?: unknown } }).auth.renewable === true;
    this.#renewLater(numberAt(answer.body, 'auth', 'lease_duration') ?? 0, isRenewable);
    return { token: new Secret(token), isRenewable };
  }

  /** `seconds` 0: it never ends. */
  #renewLater(seconds: number, isRenewable: boolean): void {
    clearTimeout(this.#renewal);
    if (seconds <= 0) return;
    const afterMs = Math.min(timerMsMax, Math.max(renewMsMin, seconds * 1_000 * renewAfterShare));
    this.#renewal = setTimeout(() => void this.#renew(seconds, isRenewable), afterMs);
    this.#renewal.unref();
  }

  /** A token that gets less time than before nears its longest life, and its leases end with it: what is leased from then on is by a new one. */
  async #renew(seconds: number, isRenewable: boolean): Promise<void> {
    const current = this.#signedIn;
    if (current === null) return;
    try {
      if (isRenewable) {
        const signal = AbortSignal.timeout(answerMsMax);
        const answer = await this.#send('POST', 'auth/token/renew-self', {}, (await current).token, signal);
        const renewed = numberAt(answer.body, 'auth', 'lease_duration');
        if (answer.status === 200 && renewed !== null && renewed >= seconds) return this.#renewLater(renewed, true);
      }
    } catch {
      // The next use signs in again and says what is wrong.
    }
    if (this.#signedIn === current) this.#signedIn = null;
  }

  async #send(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body: object | null,
    token: Secret | null,
    signal: AbortSignal,
  ): Promise<JsonAnswer> {
    const { address, namespace, ca } = this.#options;
    return requestJson({
      method,
      url: new URL(`${address.href.replace(/\/$/, '')}/v1/${path}`),
      headers: {
        'x-vault-request': 'true',
        ...(token === null ? {} : { 'x-vault-token': token.reveal() }),
        ...(namespace === null ? {} : { 'x-vault-namespace': namespace }),
        ...(body === null ? {} : { 'content-type': 'application/json' }),
      },
      body: body === null ? null : JSON.stringify(body),
      ca: (await ca?.()) ?? null,
      signal,
    });
  }

  async #fileText(file: string): Promise<string> {
    try {
      return await readFile(file, 'utf8');
    } catch (thrown) {
      throw this.#failed(`${file} can't be read (${(thrown as NodeJS.ErrnoException).code ?? 'unknown error'})`);
    }
  }

  #words(status: number): string {
    switch (status) {
      case 400:
        return 'it does not understand the request, or refuses what it names (400)';
      case 403:
        return 'permission denied (403)';
      case 404:
        return 'there is no such path (404)';
      case 429:
      case 473:
        return `a standby that does not answer (${status})`;
      case 503:
        return 'it is sealed or down for maintenance (503)';
      default:
        return `it answered ${status}`;
    }
  }

  #failed(words: string): Fault {
    return new Fault('target-credential-failed', `Vault at ${this.#options.address.host}: ${words}`);
  }
}

/** Path segments as they go into an address; slashes stay. */
export function pathOf(...parts: readonly string[]): string {
  return parts
    .flatMap((part) => part.split('/'))
    .filter((part) => part !== '')
    .map(encodeURIComponent)
    .join('/');
}
