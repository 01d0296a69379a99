// Which page a request came from, for what is bound to it (passkeys), and which browser or program sent it.

import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

/** The guard has checked that it is our own; programs send none and count as the public address. */
export function originOf(request: FastifyRequest, publicUrl: string): string {
  return request.headers.origin ?? publicUrl;
}

/** Stands for this signed-in browser or token: a hash of what it proves itself with. */
export function browserOf(request: FastifyRequest, cookieName: string): string {
  const proof = request.headers.authorization ?? request.cookies[cookieName] ?? '';
  return createHash('sha256').update(proof).digest('hex');
}
