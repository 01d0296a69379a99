// Passkeys (W3C Web Authentication, Level 3): registration, sign-in without a name, and the signature under an approval. Every
// ceremony asks for user verification, so that a passkey is two factors by itself. Challenges of registration and sign-in are
// random, kept here and good once; that of an approval is the hash of the action (core/approval-challenge.ts).

import type { Clock, Random } from '../core/clock.ts';
import { Fault, messageOf } from '../core/errors.ts';
import type { SecondFactorProof } from '../core/decision.ts';
import type { FactorStore, PasskeyRow } from '../store/factors.ts';

export const passkeysPerPersonMax = 10;
export const passkeyNameCharactersMax = 100;
const challengeTtlMs = 5 * 60_000;
const challengesMax = 5000;
const challengeBytes = 32;

/** A JSON that a browser sent; the library checks its insides. */
export type CredentialJson = Readonly<Record<string, unknown>>;

export type Assertion = Extract<SecondFactorProof, { kind: 'passkey' }>;

interface Challenge {
  readonly purpose: string;
  readonly deadlineMs: number;
}

export class Passkeys {
  readonly #store: FactorStore;
  readonly #clock: Clock;
  readonly #challenges: Challenges;
  /** Apart: anybody may ask for these, and must not be able to push out those of people who are signed in. */
  readonly #signInChallenges: Challenges;

  constructor(store: FactorStore, clock: Clock, random: Random) {
    this.#store = store;
    this.#clock = clock;
    this.#challenges = new Challenges(clock, random);
    this.#signInChallenges = new Challenges(clock, random);
  }

  list(person: string): PasskeyRow[] {
    return this.#store.passkeys(person);
  }

  /** Options for `navigator.credentials.create()`. Throws Faults limit-reached and invalid-request (a page without a name). */
  registrationOptions(person: { readonly name: string; readonly displayName: string }, origin: string): object {
    const known = this.#mustHaveRoom(person.name);
    return {
      challenge: this.#challenges.for(`register ${person.name}`).make(),
      rp: { id: rpIdOf(origin), name: 'Sallyport' },
      user: { id: Buffer.from(person.name).toString('base64url'), name: person.name, displayName: person.displayName },
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: 'public-key', alg })),
      excludeCredentials: known.map(({ id }) => ({ type: 'public-key', id })),
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      attestation: 'none',
      timeout: challengeTtlMs,
    };
  }

  /** Registers what the browser answered. Throws Faults invalid-request, conflict and limit-reached. */
  async register(person: string, name: string, answer: CredentialJson, origin: string): Promise<PasskeyRow> {
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
    await readable(() => mustNotAttest(answer));
    const asked = this.#challenges.for(`register ${person}`);
    const checked = await readable(() =>
      verifyRegistrationResponse({
        response: answer as unknown as Parameters<typeof verifyRegistrationResponse>[0]['response'],
        expectedChallenge: (challenge) => asked.take(challenge),
        expectedOrigin: origin,
        expectedRPID: rpIdOf(origin),
        requireUserVerification: true,
        supportedAlgorithmIDs: [-8, -7, -257],
      }),
    );
    if (!checked.verified) throw new Fault('invalid-request', 'the passkey could not be verified');
    const { credential } = checked.registrationInfo;
    const row: PasskeyRow = {
      id: credential.id,
      person,
      name: name.trim().slice(0, passkeyNameCharactersMax) || 'passkey',
      rp_id: rpIdOf(origin),
      public_key: Buffer.from(credential.publicKey),
      counter: credential.counter,
      created_at_ms: this.#clock.nowMs(),
      last_used_at_ms: null,
    };
    this.#mustHaveRoom(person); // again: several may have been begun at once
    if (!this.#store.addPasskey(row)) throw new Fault('conflict', 'that passkey is registered already');
    return row;
  }

  /** Options for `navigator.credentials.get()`: of one person's passkeys, or with null of whichever the browser has for here. */
  requestOptions(person: string | null, challenge: string | null, origin: string): object {
    const rpId = rpIdOf(origin);
    const known = person === null ? [] : this.#store.passkeys(person).filter((row) => row.rp_id === rpId);
    return {
      challenge: challenge ?? this.#asked(person).make(),
      rpId,
      userVerification: 'required',
      timeout: challengeTtlMs,
      allowCredentials: known.map(({ id }) => ({ type: 'public-key', id })),
    };
  }

  /** The passkey that signed a random challenge, for a sign-in or a proof of this person; null when it is not good. */
  async check(answer: CredentialJson, origin: string, person: string | null): Promise<PasskeyRow | null> {
    const asked = this.#asked(person);
    return this.#verify(answer, origin, person, (challenge) => asked.take(challenge));
  }

  /** The signature under an approval: by a passkey of this very person over this very challenge; null when it is not good. */
  async checkApproval(answer: CredentialJson, origin: string, person: string, challenge: string): Promise<Assertion | null> {
    const row = await this.#verify(answer, origin, person, (signed) => signed === challenge);
    return row === null ? null : assertionOf(row.id, answer);
  }

  /** Null when it is not this person's. */
  remove(person: string, id: string): PasskeyRow | null {
    const row = this.#store.passkey(id);
    if (row === null || row.person !== person) return null;
    this.#store.removePasskey(id);
    return row;
  }

  /** The challenges that this person is asked to sign as a proof; with null, those that anybody may sign in by. */
  #asked(person: string | null): ChallengesFor {
    return person === null ? this.#signInChallenges.for('sign-in') : this.#challenges.for(`prove ${person}`);
  }

  async #verify(
    answer: CredentialJson,
    origin: string,
    person: string | null,
    isExpected: (challenge: string) => boolean,
  ): Promise<PasskeyRow | null> {
    const row = typeof answer['id'] === 'string' ? this.#store.passkey(answer['id']) : null;
    if (row === null || (person !== null && row.person !== person)) return null;
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
    try {
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response: answer as unknown as Parameters<typeof verifyAuthenticationResponse>[0]['response'],
        expectedChallenge: isExpected,
        expectedOrigin: origin,
        expectedRPID: row.rp_id,
        credential: { id: row.id, publicKey: new Uint8Array(row.public_key), counter: row.counter },
        requireUserVerification: true,
      });
      if (!verified) return null;
      this.#store.passkeyUsed(row.id, authenticationInfo.newCounter, this.#clock.nowMs());
      return row;
    } catch {
      return null; // malformed, another origin, a counter that went back: all of it is "not good"
    }
  }

  #mustHaveRoom(person: string): PasskeyRow[] {
    const known = this.#store.passkeys(person);
    if (known.length < passkeysPerPersonMax) return known;
    throw new Fault('limit-reached', `you have ${passkeysPerPersonMax} passkeys, the limit`, { hint: 'remove one that you do not use' });
  }
}

/** What is asked and answered for one purpose. */
interface ChallengesFor {
  make(): string;
  /** Whether it was made for this, not long ago, and has not been taken before. */
  take(challenge: string): boolean;
}

/** Random challenges, each for one purpose, good once and for a while; the oldest go first. */
class Challenges {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #given = new Map<string, Challenge>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  for(purpose: string): ChallengesFor {
    return { make: () => this.#make(purpose), take: (challenge) => this.#take(challenge, purpose) };
  }

  #make(purpose: string): string {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { deadlineMs }] of this.#given) {
      if (nowMs < deadlineMs && this.#given.size < challengesMax) break;
      this.#given.delete(key);
    }
    const challenge = this.#random.bytes(challengeBytes).toString('base64url');
    this.#given.set(challenge, { purpose, deadlineMs: nowMs + challengeTtlMs });
    return challenge;
  }

  #take(challenge: string, purpose: string): boolean {
    const known = this.#given.get(challenge);
    if (known === undefined || known.purpose !== purpose) return false;
    this.#given.delete(challenge);
    return this.#clock.monotonicMs() < known.deadlineMs;
  }
}

/**
 * No attestation was asked for, and none is read: to check a chain of certificates the library would fetch the revocation list that a
 * certificate names, from wherever whoever made that certificate likes. Left are none, and a key that only signs for itself.
 */
async function mustNotAttest(answer: CredentialJson): Promise<void> {
  // Decoded as the library does it: what it reads afterwards must be what was looked at.
  const { decodeAttestationObject, isoBase64URL } = await import('@simplewebauthn/server/helpers');
  const response = answer['response'] as { readonly attestationObject?: unknown } | undefined;
  if (typeof response?.attestationObject !== 'string') throw new Error('it has no attestation object');
  const decoded = decodeAttestationObject(isoBase64URL.toBuffer(response.attestationObject));
  const fmt = decoded.get('fmt');
  if (fmt === 'none' || (fmt === 'packed' && decoded.get('attStmt').get('x5c') === undefined)) return;
  throw new Error(`it tells its make (${String(fmt).slice(0, 30)}), which was not asked for`);
}

/** Passkeys belong to a domain name (Level 3, 5.1.3): an IP address has none. Throws Fault invalid-request. */
export function rpIdOf(origin: string): string {
  const { hostname, port, protocol } = new URL(origin);
  if (!/^[\d.]+$/.test(hostname) && !hostname.startsWith('[')) return hostname;
  const there = `${protocol}//localhost${port === '' ? '' : `:${port}`}`;
  throw new Fault('invalid-request', `passkeys belong to a name, and ${hostname} is an address`, {
    hint: `open the console as ${there}, or by the name that public_url should have`,
  });
}

function assertionOf(credentialId: string, answer: CredentialJson): Assertion {
  const { clientDataJSON, authenticatorData, signature } = answer['response'] as Record<string, string>;
  return {
    kind: 'passkey',
    credentialId,
    clientDataJson: clientDataJSON ?? '',
    authenticatorData: authenticatorData ?? '',
    signature: signature ?? '',
  };
}

async function readable<T>(verify: () => Promise<T>): Promise<T> {
  try {
    return await verify();
  } catch (thrown) {
    throw new Fault('invalid-request', `the passkey could not be verified: ${messageOf(thrown)}`);
  }
}
