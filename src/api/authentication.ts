// Who is asking: a bearer token, or the console's cookie. A cookie alone may read; to change something the browser has to say
// that our own page asked, in JSON. Never a secret in the query: those end in logs.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AnsweredVia } from '../core/answered-via.ts';
import { cliUserAgent } from './contract.ts';
import type { Right } from './contract.ts';
import { isSafeRead, saysSameOrigin } from './guard.ts';
import { HttpProblem } from './problems.ts';
import { FailureLimit } from './rate-limit.ts';
import type { SignedIn } from './identity-services.ts';
import type { ApiServices } from './services.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until somebody has proved who they are; always set in routes that are not marked open. */
    signedIn: SignedIn | null;
  }
  interface FastifyContextConfig {
    /** True for the few addresses that need no sign-in. */
    open?: boolean;
    /** Open, and its `Authorization` is not the gateway's: the route checks it. */
    ownProof?: boolean;
  }
}

export interface Caller extends SignedIn {
  readonly rights: readonly Right[];
  /** Through what answers of this request come. */
  readonly via: AnsweredVia;
}

/** `__Host-` binds the cookie to this very host and to HTTPS; browsers refuse that prefix on plain HTTP. */
export function cookieName(publicUrl: string): string {
  return publicUrl.startsWith('https:') ? '__Host-sallyport' : 'sallyport';
}

/**
 * Strict: the console is one page whose requests are its own, so links from chat and mail work without the cookie on the
 * navigation itself.
 */
export function setCookie(reply: FastifyReply, publicUrl: string, value: string, expiresAtMs: number): void {
  reply.setCookie(cookieName(publicUrl), value, { ...cookieOptions(publicUrl), expires: new Date(expiresAtMs) });
}

export function clearCookie(reply: FastifyReply, publicUrl: string): void {
  reply.clearCookie(cookieName(publicUrl), cookieOptions(publicUrl));
}

function cookieOptions(publicUrl: string) {
  return { path: '/', httpOnly: true, sameSite: 'strict', secure: publicUrl.startsWith('https:') } as const;
}

/** Finds out who asks, for every route of `app`; refuses those who did not say where somebody has to be signed in. */
export function authenticate(app: FastifyInstance, services: ApiServices): void {
  const limit = new FailureLimit(services.clock);
  app.decorateRequest('signedIn', null);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.ownProof === true) return;
    request.signedIn = provedBy(request, services);
    if (request.headers.authorization !== undefined) {
      // A wrong token is an error even where none is needed: whoever sends one believes to be somebody.
      if (request.signedIn === null) refuse(limit, request, 'that access token is wrong, expired or revoked');
      return;
    }
    if (request.signedIn !== null) checkCookieRequest(request);
    else if (request.routeOptions.config.open !== true && !request.is404) throw new HttpProblem(401, 'not-signed-in', 'sign in first');
  });
  // A body can be sent half a minute behind its headers, when the token is revoked and its person shut out.
  app.addHook('preValidation', async (request) => {
    if (request.signedIn === null || isSafeRead(request)) return;
    request.signedIn = provedBy(request, services);
    if (request.signedIn === null) throw new HttpProblem(401, 'not-signed-in', 'that sign-in ended while the request was sent');
  });
}

/** Counts a failed proof and throws 401, or 429 when there were too many. */
export function refuse(limit: FailureLimit, request: FastifyRequest, words: string): never {
  if (limit.failed(request.clientAddress)) {
    throw new HttpProblem(429, 'too-many-failures', 'too many failed sign-ins from your address; try again in a minute');
  }
  throw new HttpProblem(401, 'not-signed-in', words);
}

/** The caller of a route that needs one, with rights. */
export function callerOf(request: FastifyRequest, services: ApiServices): Caller {
  if (request.signedIn === null) throw new HttpProblem(401, 'not-signed-in', 'sign in first');
  return { ...request.signedIn, rights: services.identity.rights(request.signedIn.principal), via: viaOf(request, request.signedIn) };
}

function viaOf({ headers }: FastifyRequest, { by }: SignedIn): AnsweredVia {
  if (by === 'cookie') return 'console';
  return headers['user-agent'] === cliUserAgent ? 'cli' : 'api';
}

/** Throws 403 in words unless the caller has one of these rights. */
export function mustHave(caller: Caller, rights: readonly Right[], what: string): void {
  if (rights.some((right) => caller.rights.includes(right))) return;
  throw new HttpProblem(403, 'not-allowed', `${what} needs the right ${rights.join(' or ')}, which ${caller.principal.name} does not have`);
}

/** Whoever shuts out the last operator, themselves, is let in again by nobody. */
export function mustNotBeSelf(caller: Caller, name: string): void {
  if (caller.principal.name !== name) return;
  throw new HttpProblem(403, 'own-account', 'you cannot shut yourself out; another operator can');
}

/** Whom the request's token speaks for, or without one its cookie. */
function provedBy(request: FastifyRequest, services: ApiServices): SignedIn | null {
  const { authorization } = request.headers;
  if (authorization !== undefined) return bearer(authorization, services);
  const cookie = request.cookies[cookieName(services.gateway.publicUrl())];
  return cookie === undefined ? null : services.identity.authenticateCookie(cookie);
}

function bearer(authorization: string, services: ApiServices): SignedIn | null {
  const [scheme = '', token = ''] = authorization.split(' ', 2);
  return scheme.toLowerCase() === 'bearer' ? services.identity.authenticateBearer(token) : null;
}

function checkCookieRequest(request: FastifyRequest): void {
  if (isSafeRead(request)) return;
  if (!saysSameOrigin(request)) throw new HttpProblem(403, 'cross-site', 'the browser did not say that this comes from the console');
  if (request.method === 'GET') return; // a WebSocket handshake has no body
  if (!/^application\/json(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new HttpProblem(415, 'json-only', 'requests that change something are JSON');
  }
}
