// One OpenID Connect issuer (OpenID Connect Core 1.0, Discovery 1.0): where its endpoints are, exchange of a code, and the check
// of the ID token. Knows nothing of people here. Every answer is bounded in time and size, redirects are not followed, and
// plain HTTP is for loopback addresses only.

import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import type { Clock } from '../core/clock.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';

/** Signatures with a key pair only: "none" is nothing, and HMAC would make everybody who can check a token able to make one. */
export const signatureAlgorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];
const timeoutMs = 10_000;
const answerCharactersMax = 1024 ** 2;
/** Endpoints move seldom. */
const metadataLifeMs = 3_600_000;
/** An unknown key id is looked up at once, but not for every token that somebody makes up. */
const keysCooldownMs = 1000;
/** How far clocks may differ. */
const clockToleranceSeconds = 30;

export interface Metadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly userinfo_endpoint?: string;
  readonly end_session_endpoint?: string;
  readonly token_endpoint_auth_methods_supported?: readonly string[];
  /** RFC 9207: each answer that comes by the browser names its issuer. */
  readonly authorization_response_iss_parameter_supported?: boolean;
}

export interface TokenAnswer {
  readonly claims: JWTPayload;
  readonly idToken: string;
}

export interface Client {
  readonly clientId: string;
  readonly clientSecret: Secret | null;
}

export class OidcIssuerClient {
  readonly issuer: string;
  readonly #clock: Clock;
  #metadata: { readonly value: Metadata; readonly untilMs: number } | null = null;
  #keys: { readonly uri: string; readonly get: JWTVerifyGetKey } | null = null;

  constructor(issuer: string, clock: Clock) {
    this.issuer = issuer;
    this.#clock = clock;
  }

  /** The discovery document, kept for an hour. Throws Fault sign-in-failed. */
  async metadata(): Promise<Metadata> {
    if (this.#metadata !== null && this.#clock.monotonicMs() < this.#metadata.untilMs) return this.#metadata.value;
    const url = `${this.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const value = (await fetchJson(url, {})) as Metadata;
    // Discovery 1.0, 4.3: it must be exactly the issuer that was asked.
    if (value.issuer !== this.issuer) throw failed(`${url} speaks for another issuer (${String(value.issuer).slice(0, 200)})`);
    for (const endpoint of [value.jwks_uri, value.authorization_endpoint, value.token_endpoint]) {
      if (endpoint !== undefined) mustBeSafe(endpoint);
    }
    this.#metadata = { value, untilMs: this.#clock.monotonicMs() + metadataLifeMs };
    return value;
  }

  /**
   * The claims of a token signed by this issuer for `audience`, now; keys that it has just made are found. Throws Fault
   * sign-in-failed in words that show nothing of the token.
   */
  async verify(token: string, audience: string): Promise<JWTPayload> {
    const { jwks_uri: uri } = await this.metadata();
    if (typeof uri !== 'string') throw failed(`${this.issuer} names no keys`);
    if (this.#keys?.uri !== uri) {
      this.#keys = { uri, get: createRemoteJWKSet(new URL(uri), { cooldownDuration: keysCooldownMs, timeoutDuration: timeoutMs }) };
    }
    try {
      const { payload } = await jwtVerify(token, this.#keys.get, {
        issuer: this.issuer,
        audience,
        algorithms: signatureAlgorithms,
        clockTolerance: clockToleranceSeconds,
        currentDate: new Date(this.#clock.nowMs()),
        requiredClaims: ['sub', 'exp', 'iat'],
      });
      return payload;
    } catch (thrown) {
      throw failed(`the token of ${this.issuer} is not good: ${tokenWords(thrown)}`);
    }
  }

  /** Exchanges a code (RFC 6749, 4.1.3; RFC 7636, 4.5) and checks the ID token with its nonce. Throws Fault sign-in-failed. */
  async exchange(
    client: Client,
    grant: { readonly code: string; readonly redirectUri: string; readonly verifier: string; readonly nonce: string },
  ): Promise<TokenAnswer> {
    const metadata = await this.metadata();
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code: grant.code,
      redirect_uri: grant.redirectUri,
      code_verifier: grant.verifier,
    });
    const headers = authorize(client, metadata, form);
    const answer = (await fetchJson(metadata.token_endpoint, { method: 'POST', headers, body: form })) as Record<string, unknown>;
    const { id_token: idToken, access_token: accessToken } = answer;
    if (typeof idToken !== 'string') throw failed(`${this.issuer} gave no ID token: is the scope "openid" allowed for this client?`);
    const claims = await this.verify(idToken, client.clientId);
    // Core 1.0, 3.1.3.7: several audiences need an authorized party, and it is this client.
    const isShared = Array.isArray(claims.aud) && claims.aud.length > 1;
    if ((isShared || claims['azp'] !== undefined) && claims['azp'] !== client.clientId) throw failed('the ID token is for another client');
    if (claims['nonce'] !== grant.nonce) throw failed('the ID token answers another sign-in (nonce)');
    const more = typeof accessToken === 'string' ? await this.#userInfo(metadata, accessToken, claims) : {};
    return { claims: { ...more, ...claims }, idToken };
  }

  /** Core 1.0, 5.3: many providers give groups and names here only. It must be of the same subject. */
  async #userInfo(metadata: Metadata, accessToken: string, claims: JWTPayload): Promise<Record<string, unknown>> {
    if (metadata.userinfo_endpoint === undefined) return {};
    const headers = { authorization: `Bearer ${accessToken}` };
    const info = (await fetchJson(metadata.userinfo_endpoint, { headers })) as Record<string, unknown>;
    if (info['sub'] !== claims.sub) throw failed(`${this.issuer} told about somebody else than who signed in`);
    return info;
  }
}

/** How this client proves itself at the token endpoint: by header where the issuer takes that, else in the form. */
function authorize({ clientId, clientSecret }: Client, metadata: Metadata, form: URLSearchParams): Record<string, string> {
  if (clientSecret === null) {
    form.set('client_id', clientId);
    return {};
  }
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  if (methods.includes('client_secret_basic')) {
    // RFC 6749, 2.3.1: both parts are form-encoded first.
    const pair = `${formEncoded(clientId)}:${formEncoded(clientSecret.reveal())}`;
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  }
  form.set('client_id', clientId);
  form.set('client_secret', clientSecret.reveal());
  return {};
}

function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}

async function fetchJson(url: string, init: RequestInit): Promise<unknown> {
  mustBeSafe(url);
  const { host } = new URL(url);
  try {
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', ...(init.headers as Record<string, string> | undefined) },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await limitedText(response);
    const value: unknown = JSON.parse(text);
    if (response.ok && typeof value === 'object' && value !== null) return value;
    throw new Error(`it answered ${response.status}${errorWords(value)}`);
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? `: ${thrown.cause.message}` : '';
    throw failed(`the sign-in service ${host} can't be used: ${messageOf(thrown)}${cause}`);
  }
}

async function limitedText(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > answerCharactersMax) throw new Error('its answer is too long');
  }
  return text;
}

/** RFC 6749, 5.2: a code word and words for developers. Other fields may hold anything. */
function errorWords(value: unknown): string {
  const { error, error_description: description } = (value ?? {}) as Record<string, unknown>;
  return [error, description].map((it) => (typeof it === 'string' ? `, ${it.slice(0, 200)}` : '')).join('');
}

function mustBeSafe(url: string): void {
  const { protocol, hostname } = new URL(url);
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback)) throw failed(`${hostname} is not reached over https`);
}

function tokenWords(thrown: unknown): string {
  if (thrown instanceof errors.JWTExpired) return 'it has expired';
  if (thrown instanceof errors.JWTClaimValidationFailed) return `its claim "${thrown.claim}" is not what is asked for`;
  if (thrown instanceof errors.JOSEAlgNotAllowed) return 'it is signed in a way that is not taken';
  if (thrown instanceof errors.JWKSNoMatchingKey || thrown instanceof errors.JWSSignatureVerificationFailed)
    return 'its signature is wrong';
  if (thrown instanceof errors.JOSEError) return 'it is malformed';
  return messageOf(thrown);
}

function failed(words: string): Fault {
  return new Fault('sign-in-failed', words);
}
