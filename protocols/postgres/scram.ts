// SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677, channel binding tls-server-end-point of RFC 5929), both roles.
// The server side works from a stored verifier and never sees the password.

import { createHash, createHmac, pbkdf2, timingSafeEqual, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import type { Random } from '../../src/core/clock.ts';
import { Fault } from '../../src/core/errors.ts';

export interface ScramVerifier {
  readonly scramStoredKey: Buffer;
  readonly scramServerKey: Buffer;
}

const nonceBytes = 18;
/** Half a second of one core; servers in use ask for 4,096 to 100,000. */
const iterationsMax = 1_000_000;
const derive = promisify(pbkdf2); // off the main thread: other sessions go on meanwhile
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

function xor(a: Buffer, b: Buffer): Buffer {
  const out = Buffer.alloc(a.length);
  for (let i = 0; i < a.length; i++) out[i] = (a[i] as number) ^ (b[i] as number);
  return out;
}

/** RFC 5929 section 4.1: hash of the certificate by its signature's hash; MD5 and SHA-1 become SHA-256. */
export function serverEndPoint(certificate: X509Certificate): Buffer {
  const algorithm = (certificate as { signatureAlgorithm?: string }).signatureAlgorithm ?? '';
  const hash = /sha(384|512)/i.exec(algorithm)?.[0].toLowerCase() ?? 'sha256';
  return createHash(hash).update(certificate.raw).digest();
}

const bad = (why: string): Fault => new Fault('protocol-violation', `SCRAM: ${why}`);

/** The exchange towards a client. `binding` is the gateway's own end point, null without TLS. */
export class ScramServer<Verifier extends ScramVerifier> {
  readonly #salt: Buffer;
  readonly #iterations: number;
  readonly #verifiers: readonly Verifier[];
  readonly #binding: Buffer | null;
  readonly #random: Random;
  #gs2 = '';
  #plus = false;
  #nonce = '';
  #bare = '';
  #first = '';

  constructor(salt: Buffer, iterations: number, verifiers: readonly Verifier[], binding: Buffer | null, random: Random) {
    this.#salt = salt;
    this.#iterations = iterations;
    this.#verifiers = verifiers;
    this.#binding = binding;
    this.#random = random;
  }

  get mechanisms(): string[] {
    return this.#binding === null ? ['SCRAM-SHA-256'] : ['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256'];
  }

  /** client-first-message → server-first-message. */
  first(mechanism: string, clientFirst: string): string {
    if (!this.mechanisms.includes(mechanism)) throw bad(`mechanism ${mechanism} was not offered`);
    this.#plus = mechanism === 'SCRAM-SHA-256-PLUS';
    const match = /^(n|y|p=[^,]+),([^,]*),(n=[^,]*,r=([\x21-\x2b\x2d-\x7e]+))/.exec(clientFirst);
    if (match === null) throw bad('the first message is malformed');
    const flag = match[1] as string;
    if (this.#plus !== flag.startsWith('p=')) throw bad('channel binding does not fit the mechanism');
    if (this.#plus && flag !== 'p=tls-server-end-point') throw bad(`channel binding ${flag} is not supported`);
    if (flag === 'y' && this.#binding !== null) throw bad('the client thinks that channel binding was not offered: a downgrade');
    this.#gs2 = `${flag},${match[2]},`;
    this.#bare = clientFirst.slice(this.#gs2.length);
    this.#nonce = `${match[4]}${this.#random.bytes(nonceBytes).toString('base64')}`;
    this.#first = `r=${this.#nonce},s=${this.#salt.toString('base64')},i=${this.#iterations}`;
    return this.#first;
  }

  /** client-final-message → the verifier whose secret the client proved and server-final-message, or null when none fits. */
  final(clientFinal: string): { verifier: Verifier; serverFinal: string } | null {
    const match = /^c=([^,]*),r=([^,]*)(?:,.*)?,p=([^,]+)$/.exec(clientFinal);
    if (match === null) throw bad('the final message is malformed');
    const expected = Buffer.concat([Buffer.from(this.#gs2), this.#plus ? (this.#binding as Buffer) : Buffer.alloc(0)]);
    if (match[1] !== expected.toString('base64')) throw bad('the channel binding does not match');
    if (match[2] !== this.#nonce) throw bad('the nonce does not match');
    const proof = Buffer.from(match[3] as string, 'base64');
    const withoutProof = clientFinal.slice(0, clientFinal.lastIndexOf(',p='));
    const authMessage = `${this.#bare},${this.#first},${withoutProof}`;
    if (proof.length !== 32) return null;
    let found: Verifier | null = null;
    for (const verifier of this.#verifiers) {
      const clientKey = xor(proof, hmac(verifier.scramStoredKey, authMessage));
      if (timingSafeEqual(sha256(clientKey), verifier.scramStoredKey)) found = verifier;
    }
    if (found === null) return null;
    return { verifier: found, serverFinal: `v=${hmac(found.scramServerKey, authMessage).toString('base64')}` };
  }
}

/** The exchange towards a target. */
export class ScramClient {
  readonly #password: string;
  readonly #random: Random;
  readonly #binding: Buffer | null;
  readonly mechanism: string;
  readonly #gs2: string;
  #nonce = '';
  #bare = '';
  #serverSignature: Buffer | null = null;

  /** Picks -PLUS when the target offers it and the link has a certificate to bind to. */
  constructor(offered: readonly string[], password: string, binding: Buffer | null, random: Random) {
    const plus = binding !== null && offered.includes('SCRAM-SHA-256-PLUS');
    if (!plus && !offered.includes('SCRAM-SHA-256')) {
      throw new Fault('target-sign-in-failed', `the target offers only ${offered.join(', ')}`);
    }
    this.mechanism = plus ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256';
    this.#binding = plus ? binding : null;
    this.#gs2 = plus ? 'p=tls-server-end-point,,' : binding === null ? 'n,,' : 'y,,';
    this.#password = password.normalize('NFKC'); // the part of SASLprep that matters for passwords in use
    this.#random = random;
  }

  first(): string {
    this.#nonce = this.#random.bytes(nonceBytes).toString('base64');
    this.#bare = `n=*,r=${this.#nonce}`;
    return `${this.#gs2}${this.#bare}`;
  }

  async final(serverFirst: string): Promise<string> {
    const match = /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(serverFirst);
    if (match === null || !(match[1] as string).startsWith(this.#nonce)) throw bad('the target answered with a bad first message');
    const iterations = Number(match[3]);
    if (iterations < 1 || iterations > iterationsMax) throw bad(`the target asks for ${iterations} iterations`);
    const salted = await derive(this.#password, Buffer.from(match[2] as string, 'base64'), iterations, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const bound = Buffer.concat([Buffer.from(this.#gs2), this.#binding ?? Buffer.alloc(0)]).toString('base64');
    const withoutProof = `c=${bound},r=${match[1]}`;
    const authMessage = `${this.#bare},${serverFirst},${withoutProof}`;
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), authMessage);
    return `${withoutProof},p=${xor(clientKey, hmac(sha256(clientKey), authMessage)).toString('base64')}`;
  }

  /** The target must prove that it knows the password too. */
  verify(serverFinal: string): void {
    const match = /^v=([^,]+)/.exec(serverFinal);
    const signature = Buffer.from(match?.[1] ?? '', 'base64');
    if (this.#serverSignature === null || signature.length !== 32 || !timingSafeEqual(signature, this.#serverSignature)) {
      throw new Fault('target-sign-in-failed', 'the target could not prove that it knows the password');
    }
  }
}
