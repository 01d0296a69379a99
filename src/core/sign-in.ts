// What drivers need to know who is at the other end: verifiers of tokens (never the tokens), and sign-in in the browser.

import type { Principal } from './principal.ts';

/** Verifiers of one access token, one for each sign-in method that clients use. All binary. */
export interface TokenVerifier {
  readonly tokenId: string;
  /** RFC 5802: H(HMAC(SaltedPassword, "Client Key")) and HMAC(SaltedPassword, "Server Key"), SHA-256. */
  readonly scramStoredKey: Buffer;
  readonly scramServerKey: Buffer;
  /** SHA256(SHA256(token)), for caching_sha2_password. */
  readonly sha256Twice: Buffer;
  /** SHA1(SHA1(token)), for mysql_native_password. */
  readonly sha1Twice: Buffer;
  /** SHA-256 of the token, for methods that send it in clear inside TLS. */
  readonly sha256: Buffer;
}

/**
 * The sign-in material of a name. An unknown, disabled or token-less name gets stable decoy values, so that nobody learns
 * from the handshake which names exist; its list of verifiers is empty.
 */
export interface SignInMaterial {
  readonly principal: Principal | null;
  /** One salt and count for all tokens of a person, because SCRAM names them before it knows the token. */
  readonly scramSalt: Buffer;
  readonly scramIterations: number;
  readonly verifiers: readonly TokenVerifier[];
}

/** Who confirmed a sign-in in the browser. */
export interface ConfirmedSignIn {
  readonly principal: Principal;
  /** The access token that confirmed it, or that the browser was signed in by: what is opened so ends with it. */
  readonly tokenId: string | null;
}

/** A sign-in that a person confirms in the browser. */
export interface BrowserSignIn {
  readonly url: string;
  /** Short code that stands on both screens. */
  readonly code: string;
  /** Resolves once: with the person, or null when it was refused or ran out. Never rejects. */
  readonly confirmed: Promise<ConfirmedSignIn | null>;
  cancel(): void;
}

/** What a sign-in in the browser is shown as. */
export interface WantedBrowserSignIn {
  readonly name: string;
  readonly target: string;
  readonly protocol: string;
  readonly clientAddress: string;
}

/** People and tokens may be kept by another thread: what has to be asked for may come later. Rejects when nobody answers any more. */
export interface SignIns {
  material(name: string): SignInMaterial | Promise<SignInMaterial>;
  /** True when this name or address has to wait now (the driver answers "too many"). */
  blocked(name: string, clientAddress: string): boolean | Promise<boolean>;
  /** Counts a failed attempt of a name from an address: before anything that is asked afterwards. */
  failed(name: string, clientAddress: string): void;
  /** Notes a success (audit, last use of the token). */
  succeeded(principal: Principal, tokenId: string | null, clientAddress: string, protocol: string): void;
  browser(wanted: WantedBrowserSignIn): BrowserSignIn | Promise<BrowserSignIn>;
}

/** Of the thread that keeps people and tokens. */
export interface LocalSignIns extends SignIns {
  material(name: string): SignInMaterial;
  blocked(name: string, clientAddress: string): boolean;
  browser(wanted: WantedBrowserSignIn): BrowserSignIn;
  /** Who that name is, and the SSH public keys registered for it ("ssh-ed25519 AAAA… comment"); no keys for whoever may not sign in. */
  publicKeys(name: string): { readonly principal: Principal | null; readonly keys: readonly string[] };
}
