// Access tokens: one's own, and everybody's for operators.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, mustHave } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { TokenView } from '../contract.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { gives, givesNothing } from '../responses.ts';
import { filter, idParams, loginLinkBody, tokenBody } from '../request-schemas.ts';
import { loginLinkIssued, pageOf, tokenIssued, tokenView } from '../schemas.ts';
import type { TokenInfo } from '../identity-services.ts';
import type { ApiServices } from '../services.ts';

/** A working day. */
export const tokenTtlMsDefault = 12 * 3_600_000;
export const loginLinkTtlMsDefault = 15 * 60_000;

export function tokenRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { identity, clock } = services;
  const iso = (ms: number) => new Date(ms).toISOString();

  return async (app) => {
    app.route({
      method: 'POST',
      url: '/tokens',
      schema: {
        summary: 'Make an access token',
        description:
          'It is shown once. Asked for with a token, the new one ends with that one at the latest, also when that one is revoked.',
        tags: ['tokens'],
        body: tokenBody,
        response: gives(tokenIssued),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const person = request.body.person ?? caller.principal.name;
        if (person !== caller.principal.name) mustHave(caller, ['operate'], 'making tokens for others');
        const wantedMs = request.body.ttl_ms ?? Math.min(tokenTtlMsDefault, identity.tokenTtlMsMax);
        const issued = identity.issueToken(
          person,
          {
            name: request.body.name ?? 'access token',
            ttlMs: Math.min(wantedMs, remainingMs(caller, clock.nowMs())),
            madeWith: person === caller.principal.name ? caller.tokenId : null,
          },
          caller.principal.name,
        );
        return { token: issued.token, id: issued.id, person: issued.person, expires_at: iso(issued.expiresAtMs) };
      },
    });

    app.route({
      method: 'GET',
      url: '/tokens',
      schema: {
        summary: 'Live tokens, oldest first',
        tags: ['tokens'],
        querystring: z.strictObject({ person: filter }),
        response: gives(pageOf(tokenView)),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const seesAll = caller.rights.includes('operate') || caller.rights.includes('audit');
        const { person } = request.query;
        const own = caller.principal.name;
        if (!seesAll && person !== undefined && person !== own) return { items: [], next: null };
        return { items: identity.tokens(seesAll ? (person ?? null) : own).map(viewOf), next: null };
      },
    });

    app.route({
      method: 'DELETE',
      url: '/tokens/:id',
      schema: {
        summary: 'Revoke a token at once',
        description: '`current` is the one that this is asked with.',
        tags: ['tokens'],
        params: idParams,
        response: givesNothing(),
      },
      handler: async (request, reply) => {
        const caller = callerOf(request, services);
        const id = request.params.id === 'current' ? (caller.tokenId ?? request.params.id) : request.params.id;
        const token = identity.token(id);
        const isOwn = token?.person === caller.principal.name;
        if (token === null || !(isOwn || caller.rights.includes('operate'))) throw notFound(`token ${id}`);
        identity.revokeToken(token.id, caller.principal.name);
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/login-links',
      schema: { summary: 'Make a one-time console login link', tags: ['tokens'], body: loginLinkBody, response: gives(loginLinkIssued) },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { person, ttl_ms: ttlMs = loginLinkTtlMsDefault } = request.body;
        mustHave(caller, ['operate'], 'making login links');
        const expiresAtMs = clock.nowMs() + ttlMs;
        return { url: identity.createLoginLink(person, ttlMs, caller.principal.name), person, expires_at: iso(expiresAtMs) };
      },
    });
  };

  function viewOf(token: TokenInfo): TokenView {
    return {
      id: token.id,
      person: token.person,
      name: token.name,
      created_at: iso(token.createdAtMs),
      expires_at: iso(token.expiresAtMs),
      last_used_at: token.lastUsedAtMs === null ? null : iso(token.lastUsedAtMs),
    };
  }
}

/** A stolen token must not be able to make itself a longer-lived successor. A login link's session has no such end. */
function remainingMs(caller: Caller, nowMs: number): number {
  if (caller.tokenId === null) return Infinity;
  const remaining = caller.expiresAtMs - nowMs;
  if (remaining < 1000) throw new HttpProblem(403, 'not-allowed', 'your own token ends in this second; sign in again');
  return remaining;
}
