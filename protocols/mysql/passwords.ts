// The arithmetic of sign-in: mysql_native_password and caching_sha2_password, as a server with verifiers only and as a client
// with the password.

import { constants, createHash, privateDecrypt, publicEncrypt, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { TokenVerifier } from '../../src/core/sign-in.ts';

const sha1 = (...parts: Buffer[]): Buffer => digest('sha1', parts);
const sha256 = (...parts: Buffer[]): Buffer => digest('sha256', parts);

function digest(name: 'sha1' | 'sha256', parts: readonly Buffer[]): Buffer {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index % right.length] as number)));
}

// ---- as a server ----

/** SHA1(password) XOR SHA1(nonce, SHA1(SHA1(password))): the verifier proves it without knowing the password. */
export function provesNative(verifier: TokenVerifier, nonce: Buffer, answer: Buffer): boolean {
  if (answer.length !== 20) return false;
  const once = xor(answer, sha1(nonce, verifier.sha1Twice));
  return timingSafeEqual(sha1(once), verifier.sha1Twice);
}

/** SHA256(password) XOR SHA256(SHA256(SHA256(password)), nonce). */
export function provesSha2(verifier: TokenVerifier, nonce: Buffer, answer: Buffer): boolean {
  if (answer.length !== 32) return false;
  const once = xor(answer, sha256(verifier.sha256Twice, nonce));
  return timingSafeEqual(sha256(once), verifier.sha256Twice);
}

/** A password in clear (inside TLS, or decrypted). */
export function provesClear(verifier: TokenVerifier, password: Buffer): boolean {
  return timingSafeEqual(sha256(password), verifier.sha256);
}

/** What the client encrypted with the gateway's RSA key: password and NUL, XOR nonce, OAEP. Null when it is none. */
export function decryptPassword(key: KeyObject, nonce: Buffer, encrypted: Buffer): Buffer | null {
  try {
    const padded = privateDecrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING }, encrypted);
    const clear = xor(padded, nonce);
    return clear.at(-1) === 0 ? clear.subarray(0, -1) : null;
  } catch {
    return null; // bytes that this key did not encrypt: a wrong password like any other
  }
}

/**
 * What MariaDB 11.4 and newer say in the OK after mysql_native_password inside TLS: 0x01 and, in capital hexadecimal digits,
 * SHA256(SHA1(SHA1(password)), nonce, SHA256(certificate)).
 */
export function vouchesFor(fingerprint: Buffer, verifier: TokenVerifier, nonce: Buffer): string {
  return `\x01${sha256(verifier.sha1Twice, nonce, fingerprint).toString('hex').toUpperCase()}`;
}

// ---- as a client ----

export function nativeAnswer(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = sha1(Buffer.from(password, 'utf8'));
  return xor(once, sha1(nonce, sha1(once)));
}

export function sha2Answer(password: string, nonce: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const once = sha256(Buffer.from(password, 'utf8'));
  return xor(once, sha256(sha256(once), nonce));
}

export function encryptPassword(publicKey: string, password: string, nonce: Buffer): Buffer {
  const clear = xor(Buffer.from(`${password}\0`, 'utf8'), nonce);
  return publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING }, clear);
}
