// Signing in to the console, signing out, and confirming a sign-in that a terminal waits for.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf, clearCookie, cookieName, refuse, setCookie } from '../authentication.ts';
import type { PendingSignInView } from '../contract.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { FailureLimit } from '../rate-limit.ts';
import { gives, givesNothing } from '../responses.ts';
import { confirmBody, loginBody, noBody, secretParams } from '../request-schemas.ts';
import { me, pageOf, pendingSignInView } from '../schemas.ts';
import type { PendingSignIn } from '../identity-services.ts';
import type { ApiServices } from '../services.ts';
import { meOf } from './catalogue.ts';

export function signInRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { identity, gateway } = services;
  const limit = new FailureLimit(services.clock);

  return async (app) => {
    app.route({
      method: 'POST',
      url: '/login',
      config: { open: true },
      schema: { summary: 'Sign in to the console', tags: ['sign-in'], security: [], body: loginBody, response: gives(me) },
      handler: async (request, reply) => {
        const opened = identity.signIn(request.body, request.clientAddress);
        const principal = opened === null ? null : identity.person(opened.person);
        if (opened === null || principal === null) {
          const words =
            'secret' in request.body ? 'that link was used already or has expired' : 'that access token is wrong, expired or revoked';
          refuse(limit, request, words);
        }
        const old = request.cookies[cookieName(gateway.publicUrl())];
        if (old !== undefined) identity.signOut(old); // nobody else has its value: the browser forgets it now
        setCookie(reply, gateway.publicUrl(), opened.cookie, opened.expiresAtMs);
        const by = { by: 'cookie', tokenId: null, via: 'console', expiresAtMs: opened.expiresAtMs } as const;
        return meOf({ principal, rights: identity.rights(principal), ...by });
      },
    });

    app.route({
      method: 'POST',
      url: '/logout',
      config: { open: true },
      schema: { summary: 'Sign this browser out', tags: ['sign-in'], security: [], body: noBody, response: givesNothing() },
      handler: async (request, reply) => {
        const cookie = request.cookies[cookieName(gateway.publicUrl())];
        if (cookie !== undefined) identity.signOut(cookie);
        clearCookie(reply, gateway.publicUrl());
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/logout-everywhere',
      schema: { summary: 'Sign all of my browsers out', tags: ['sign-in'], body: noBody, response: givesNothing() },
      handler: async (request, reply) => {
        identity.signOutEverywhere(callerOf(request, services).principal.name);
        clearCookie(reply, gateway.publicUrl());
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'GET',
      url: '/sign-ins',
      schema: { summary: 'Terminals that wait for me to confirm', tags: ['sign-in'], response: gives(pageOf(pendingSignInView)) },
      handler: async (request) => {
        const { principal } = callerOf(request, services);
        return { items: identity.browserSignIns.list(principal).map(viewOf), next: null };
      },
    });

    app.route({
      method: 'GET',
      url: '/sign-ins/:secret',
      schema: { summary: 'A terminal that waits for me', tags: ['sign-in'], params: secretParams, response: gives(pendingSignInView) },
      handler: async (request) => {
        const pending = identity.browserSignIns.get(request.params.secret, callerOf(request, services).principal);
        if (pending === null) throw notFound('such sign-in, it has run out');
        return viewOf(pending);
      },
    });

    app.route({
      method: 'POST',
      url: '/sign-ins/:secret/confirm',
      schema: { summary: 'It is me', tags: ['sign-in'], params: secretParams, body: confirmBody, response: givesNothing() },
      handler: async (request, reply) => {
        const { principal, tokenId } = callerOf(request, services);
        const result = identity.browserSignIns.confirm(request.params.secret, principal, request.body.code ?? null, tokenId);
        switch (result) {
          case 'confirmed':
            return reply.code(204).send(null);
          case 'wrong-code':
            throw new HttpProblem(400, 'wrong-code', 'that is not the code on the terminal; if you did not start it, refuse');
          case 'unknown':
            throw notFound('such sign-in, it has run out');
        }
      },
    });

    app.route({
      method: 'POST',
      url: '/sign-ins/:secret/refuse',
      schema: { summary: 'It is not me', tags: ['sign-in'], params: secretParams, body: noBody, response: givesNothing() },
      handler: async (request, reply) => {
        const { principal } = callerOf(request, services);
        if (!identity.browserSignIns.refuse(request.params.secret, principal)) throw notFound('such sign-in, it has run out');
        return reply.code(204).send(null);
      },
    });
  };
}

function viewOf(pending: PendingSignIn): PendingSignInView {
  return {
    code: pending.code,
    name: pending.name,
    target: pending.target,
    protocol: pending.protocol,
    client_address: pending.clientAddress,
    expires_at: new Date(pending.expiresAtMs).toISOString(),
  };
}
