// Sign-ins that went to an issuer and have not come back: authorization code with PKCE, state and nonce (OpenID Connect Core
// 1.0; RFC 7636; RFC 9207; RFC 9700). Each is bound to the browser that began it, is good once, and runs out.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock, Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { OidcIssuer } from '../core/identity-config.ts';
import { OidcIssuerClient } from './oidc-issuer-client.ts';
import { personOf } from './oidc-claims.ts';
import type { ClaimedPerson } from './oidc-claims.ts';

/** Long enough for a password, a code from a phone and a forgotten password. */
export const oidcSignInTtlMs = 10 * 60_000;
/** Waiting at once; the oldest go first. About 5 MB. */
export const oidcPendingMax = 10_000;
const secretBytes = 32;
const secretCharacters = 43;

export interface BegunSignIn {
  /** Where the browser goes. */
  readonly url: string;
  /** Stays in the browser as a cookie: only that browser can end this sign-in. */
  readonly browserSecret: string;
  readonly expiresAtMs: number;
}

export interface EndedSignIn {
  readonly issuer: OidcIssuer;
  readonly person: ClaimedPerson;
  readonly idToken: string;
  /** Path in the console to go on to. */
  readonly wayBack: string;
}

interface Pending {
  readonly issuer: OidcIssuer;
  readonly browserHash: Buffer;
  readonly nonce: string;
  readonly verifier: string;
  readonly redirectUri: string;
  readonly wayBack: string;
  readonly deadlineMs: number;
}

export class OidcSignIns {
  readonly #issuers = new Map<string, { readonly config: OidcIssuer; readonly client: OidcIssuerClient }>();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #publicUrl: () => string;
  /** By the hash of the state. */
  readonly #pending = new Map<string, Pending>();

  constructor(issuers: readonly OidcIssuer[], clock: Clock, random: Random, publicUrl: () => string) {
    for (const config of issuers) this.#issuers.set(config.name, { config, client: new OidcIssuerClient(config.issuer, clock) });
    this.#clock = clock;
    this.#random = random;
    this.#publicUrl = publicUrl;
  }

  list(): readonly { readonly name: string; readonly displayName: string }[] {
    return [...this.#issuers.values()].map(({ config: { name, displayName } }) => ({ name, displayName }));
  }

  /** With the secret that the browser has from a sign-in in another tab, both go on. Throws Faults not-found and sign-in-failed. */
  async begin(name: string, wayBack: string, knownSecret: string | null): Promise<BegunSignIn> {
    const { config, client } = this.#issuer(name);
    const metadata = await client.metadata();
    const [state, nonce, verifier] = [this.#secret(), this.#secret(), this.#secret()];
    const browserSecret = knownSecret !== null && knownSecret.length >= secretCharacters ? knownSecret : this.#secret();
    const redirectUri = `${this.#publicUrl()}/api/v1/oidc/callback`;
    const url = new URL(metadata.authorization_endpoint);
    for (const [key, value] of Object.entries({
      response_type: 'code',
      client_id: config.clientId,
      redirect_uri: redirectUri,
      scope: [...new Set(['openid', ...config.scopes])].join(' '),
      state,
      nonce,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })) {
      url.searchParams.set(key, value);
    }
    this.#tidy();
    const deadlineMs = this.#clock.monotonicMs() + oidcSignInTtlMs;
    this.#pending.set(hashOf(state).toString('hex'), {
      issuer: config,
      browserHash: hashOf(browserSecret),
      nonce,
      verifier,
      redirectUri,
      wayBack,
      deadlineMs,
    });
    return { url: url.href, browserSecret, expiresAtMs: this.#clock.nowMs() + oidcSignInTtlMs };
  }

  /**
   * Ends a sign-in by what the issuer sent the browser back with. Throws Fault sign-in-failed in words for the person. The state
   * is used up whatever comes of it.
   */
  async end(query: Readonly<Record<string, string | undefined>>, browserSecret: string | null): Promise<EndedSignIn> {
    const key = hashOf(query['state'] ?? '').toString('hex');
    const pending = this.#pending.get(key);
    if (pending === undefined || this.#clock.monotonicMs() >= pending.deadlineMs) {
      throw failed('this sign-in was used already or has run out; begin again');
    }
    // Checked before it is used up: somebody who saw the state in another browser can't spoil it.
    if (browserSecret === null || !timingSafeEqual(hashOf(browserSecret), pending.browserHash)) {
      throw failed('this sign-in was begun in another browser; begin again here');
    }
    this.#pending.delete(key);
    const { config, client } = this.#issuer(pending.issuer.name);
    // RFC 9207, 2.4: an answer that names another issuer, or none where this one names itself, is another's code (mix-up).
    const { authorization_response_iss_parameter_supported: namesItself } = await client.metadata();
    const isItsOwn = query['iss'] === undefined ? namesItself !== true : query['iss'] === config.issuer;
    if (!isItsOwn) throw failed('the answer came from another issuer');
    const { error, code } = query;
    if (error !== undefined) throw failed(`${config.displayName} refused: ${plain(query['error_description'] ?? error)}`);
    if (code === undefined) throw failed(`${config.displayName} sent neither a code nor an error`);
    const { redirectUri, verifier, nonce, wayBack } = pending;
    const { claims, idToken } = await client.exchange(config, { code, redirectUri, verifier, nonce });
    return { issuer: config, person: personOf(claims, config), idToken, wayBack };
  }

  /** Where the person signs out of the issuer too (RP-Initiated Logout 1.0), or null when it has no such place. Never throws. */
  async endSessionUrl(name: string, idToken: string): Promise<string | null> {
    try {
      const { config, client } = this.#issuer(name);
      const { end_session_endpoint: endpoint } = await client.metadata();
      if (endpoint === undefined) return null;
      const url = new URL(endpoint);
      url.searchParams.set('id_token_hint', idToken);
      url.searchParams.set('client_id', config.clientId);
      url.searchParams.set('post_logout_redirect_uri', `${this.#publicUrl()}/login`);
      return url.href;
    } catch {
      return null; // signing out here must not depend on the issuer
    }
  }

  #issuer(name: string): { readonly config: OidcIssuer; readonly client: OidcIssuerClient } {
    const found = this.#issuers.get(name);
    if (found === undefined) throw new Fault('not-found', `there is no sign-in by "${name.slice(0, 100)}"`);
    return found;
  }

  #secret(): string {
    return this.#random.bytes(secretBytes).toString('base64url');
  }

  #tidy(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { deadlineMs }] of this.#pending) {
      if (nowMs < deadlineMs && this.#pending.size < oidcPendingMax) break;
      this.#pending.delete(key);
    }
  }
}

function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ').slice(0, 300);
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function failed(words: string): Fault {
  return new Fault('sign-in-failed', words);
}
