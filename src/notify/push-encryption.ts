// Message encryption for Web Push (RFC 8291, with aes128gcm of RFC 8188) and the sender's proof of who it is (VAPID, RFC 8292).
// Push services carry what they cannot read.

import { createCipheriv, createECDH, createPrivateKey, hkdfSync, sign } from 'node:crypto';
import type { Random } from '../core/clock.ts';

const curve = 'prime256v1';
const recordBytes = 4096;
const publicKeyBytes = 65;
const authBytes = 16;
/** RFC 8292, section 2: at most 24 hours. */
const proofSeconds = 12 * 3_600;

/** What a browser gives out for itself: base64url without padding. */
export interface PushKeys {
  readonly p256dh: string;
  readonly auth: string;
}

/** Null when the keys are what a browser gives out; else what is wrong. */
export function pushKeysProblem({ p256dh, auth }: PushKeys): string | null {
  const [key, secret] = [Buffer.from(p256dh, 'base64url'), Buffer.from(auth, 'base64url')];
  if (key.length !== publicKeyBytes || key[0] !== 4) return 'p256dh is no public key of P-256';
  if (secret.length !== authBytes) return `auth has ${authBytes} bytes`;
  try {
    const own = createECDH(curve);
    own.generateKeys();
    own.computeSecret(key); // throws for points that are not on the curve
    return null;
  } catch {
    return 'p256dh is no point of P-256';
  }
}

/** The body of a push message. `senderKey` and `salt` are made anew for each; tests give those of the RFC's example. */
export function encryptPush(
  plaintext: Buffer,
  keys: PushKeys,
  random: Random,
  { senderKey = random.bytes(32), salt = random.bytes(16) }: { readonly senderKey?: Buffer; readonly salt?: Buffer } = {},
): Buffer {
  const receiver = Buffer.from(keys.p256dh, 'base64url');
  const own = createECDH(curve);
  own.setPrivateKey(senderKey);
  const sender = own.getPublicKey();
  const shared = own.computeSecret(receiver);
  // RFC 8291, section 3.4
  const keyInfo = Buffer.concat([Buffer.from('WebPush: info\0'), receiver, sender]);
  const input = Buffer.from(hkdfSync('sha256', shared, Buffer.from(keys.auth, 'base64url'), keyInfo, 32));
  const key = Buffer.from(hkdfSync('sha256', input, salt, 'Content-Encoding: aes128gcm\0', 16));
  const nonce = Buffer.from(hkdfSync('sha256', input, salt, 'Content-Encoding: nonce\0', 12));
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  // One record, the last: delimiter 2 and no padding (RFC 8188, section 2).
  const sealed = Buffer.concat([cipher.update(Buffer.concat([plaintext, Buffer.of(2)])), cipher.final(), cipher.getAuthTag()]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(recordBytes);
  return Buffer.concat([salt, size, Buffer.of(sender.length), sender, sealed]);
}

/** The gateway's own key pair towards push services, made of 32 secret bytes that never change. */
export class PushSender {
  /** What browsers subscribe with: base64url. */
  readonly publicKey: string;
  readonly #key: ReturnType<typeof createPrivateKey>;
  readonly #contact: string;

  constructor(secret: Buffer, contact: string) {
    const own = createECDH(curve);
    own.setPrivateKey(secret);
    const point = own.getPublicKey();
    this.publicKey = point.toString('base64url');
    const [x, y] = [point.subarray(1, 33).toString('base64url'), point.subarray(33).toString('base64url')];
    this.#key = createPrivateKey({ key: { kty: 'EC', crv: 'P-256', x, y, d: secret.toString('base64url') }, format: 'jwk' });
    this.#contact = contact;
  }

  /** The Authorization header for an endpoint (RFC 8292, section 3). */
  proof(endpoint: string, nowMs: number): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { aud: new URL(endpoint).origin, exp: Math.floor(nowMs / 1000) + proofSeconds, sub: this.#contact };
    const signed = `${part({ typ: 'JWT', alg: 'ES256' })}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
    return `vapid t=${signed}.${signature}, k=${this.publicKey}`;
  }
}
