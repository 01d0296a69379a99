// What an agent shows besides its key: who it is, which turn this is and until when, under the gateway's MAC. It lives for days
// and is renewed on every link; the turn tells a copied state folder from the original, because only one of them has the next.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../core/secret.ts';

export interface Credential {
  readonly agentId: string;
  /** Counts the links of this agent. */
  readonly turn: number;
  readonly expiresAtMs: number;
  /** SHA-256 of the public key it belongs to. */
  readonly keyHash: string;
}

export function mintCredential(secret: Secret, credential: Credential): string {
  const body = Buffer.from(JSON.stringify([credential.agentId, credential.turn, credential.expiresAtMs, credential.keyHash])).toString(
    'base64url',
  );
  return `${body}.${mac(secret, body).toString('base64url')}`;
}

/** Null when the gateway never said that. Expiry is the caller's to judge. */
export function readCredential(secret: Secret, text: string): Credential | null {
  const [body = '', tag = '', ...rest] = text.split('.');
  const given = Buffer.from(tag, 'base64url');
  const right = mac(secret, body);
  if (rest.length > 0 || given.length !== right.length || !timingSafeEqual(given, right)) return null;
  // Under our own MAC, so it has the shape that we gave it.
  const [agentId, turn, expiresAtMs, keyHash] = JSON.parse(Buffer.from(body, 'base64url').toString()) as [string, number, number, string];
  return { agentId, turn, expiresAtMs, keyHash };
}

export function keyHashOf(publicKey: string): string {
  return createHash('sha256').update(publicKey).digest('base64url');
}

function mac(secret: Secret, body: string): Buffer {
  return createHmac('sha256', Buffer.from(secret.reveal(), 'base64')).update('agent credential\0').update(body).digest();
}
