// MariaDB's two methods on Ed25519, as a client: client_ed25519 signs with the hash of the password itself (a secret of any
// length, which RFC 8032 and node:crypto don't know), parsec with a key that PBKDF2 makes of it.

import { createHash, createPrivateKey, pbkdf2Sync, sign } from 'node:crypto';
import { Point } from '@noble/ed25519';
import { Fault } from '../../src/core/errors.ts';

const order = 2n ** 252n + 27742317777372353535851937790883648493n;

function sha512(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha512');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

/** RFC 8032, 5.1.6, with the password in the place of the 32 bytes of the secret. 64 bytes. */
export function ed25519Answer(password: string, nonce: Buffer): Buffer {
  const expanded = sha512(Buffer.from(password, 'utf8'));
  const clamped = Buffer.from(expanded.subarray(0, 32));
  clamped[0] = (clamped[0] as number) & 0xf8;
  clamped[31] = ((clamped[31] as number) & 0x3f) | 0x40;
  const secret = littleEndian(clamped) % order;
  const key = Point.BASE.multiply(secret).toBytes();
  const r = littleEndian(sha512(expanded.subarray(32), nonce)) % order;
  const commitment = Point.BASE.multiply(r).toBytes();
  const challenge = littleEndian(sha512(commitment, key, nonce)) % order;
  const proof = (r + challenge * secret) % order;
  return Buffer.concat([commitment, Buffer.from(proof.toString(16).padStart(64, '0'), 'hex').reverse()]);
}

/** 2^10 rounds times 2 to the factor; servers know factors up to 3, and more would let a target keep the gateway busy. */
const factorMax = 3;
const saltBytesMax = 64;
export const parsecScrambleBytes = 32;
/** PKCS #8 around a bare Ed25519 secret of 32 bytes. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

/** `settings` is what the server keeps of the account: 'P', factor, salt. Own nonce and signature over both nonces. */
export function parsecAnswer(password: string, settings: Buffer, serverNonce: Buffer, ownNonce: Buffer): Buffer {
  const factor = settings[1] ?? 0;
  const salt = settings.subarray(2);
  if (settings[0] !== 0x50 || factor > factorMax || salt.length === 0 || salt.length > saltBytesMax)
    throw new Fault('protocol-violation', 'the target asks for a form of parsec that is not known');
  const secret = pbkdf2Sync(password, salt, 1024 << factor, 32, 'sha512');
  const key = createPrivateKey({ key: Buffer.concat([pkcs8Head, secret]), format: 'der', type: 'pkcs8' });
  return Buffer.concat([ownNonce, sign(null, Buffer.concat([serverNonce, ownNonce]), key)]);
}
