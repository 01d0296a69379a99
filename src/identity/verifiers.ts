// From an access token to what the wire protocols check a proof against. Pure; the token is not kept.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { TokenVerifier } from '../core/sign-in.ts';

/** What RFC 7677 asks for at least and PostgreSQL uses. More would slow clients, not guessers: a token has 200 random bits. */
export const scramIterations = 4096;
export const scramSaltBytes = 16;

/**
 * The verifiers of a token. SASLprep (RFC 4013) is the identity on it, because tokens are ASCII letters, digits and "_".
 */
export function verifiersOf(tokenId: string, token: string, scramSalt: Buffer): TokenVerifier {
  const salted = pbkdf2Sync(token, scramSalt, scramIterations, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const sha256 = hash('sha256', token);
  return {
    tokenId,
    scramStoredKey: hash('sha256', clientKey),
    scramServerKey: hmac(salted, 'Server Key'),
    sha256,
    sha256Twice: hash('sha256', sha256),
    sha1Twice: hash('sha1', hash('sha1', token)),
  };
}

/** The salt of a name. The same for names that exist and names that don't, so that a handshake tells nothing about either. */
export function scramSaltOf(serverSecret: KeyObject, name: string): Buffer {
  return hmac(serverSecret, `scram-salt\0${name}`).subarray(0, scramSaltBytes);
}

function hash(algorithm: 'sha256' | 'sha1', data: string | Buffer): Buffer {
  return createHash(algorithm).update(data).digest();
}

function hmac(key: Buffer | KeyObject, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
