// Sign-in to the console by password and by passkey, and what the sign-in page offers.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { cookieName, refuse, setCookie } from '../authentication.ts';
import { passkeyLoginBody, passkeyOptions, passwordLoginBody, signInMethods } from '../account-schemas.ts';
import type { Me, PasskeyOptions } from '../contract.ts';
import { originOf } from '../origin.ts';
import { HttpProblem } from '../problems.ts';
import { FailureLimit } from '../rate-limit.ts';
import { gives } from '../responses.ts';
import { noBody } from '../request-schemas.ts';
import { me } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { meOf } from './catalogue.ts';

export function signInMethodRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { accounts, identity, gateway } = services;
  const limit = new FailureLimit(services.clock);

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/sign-in-methods',
      config: { open: true },
      schema: { summary: 'How people sign in to the console', tags: ['sign-in'], security: [], response: gives(signInMethods) },
      handler: async () => ({
        passwords: accounts.hasPasswords,
        oidc: accounts.oidc.list().map(({ name, displayName }) => ({ name, display_name: displayName })),
      }),
    });

    app.route({
      method: 'POST',
      url: '/login/password',
      config: { open: true },
      schema: { summary: 'Sign in by password', tags: ['sign-in'], security: [], body: passwordLoginBody, response: gives(me) },
      handler: async (request, reply) => {
        const { name, password, totp } = request.body;
        const result = await accounts.signInByPassword(name, password, totp ?? null, request.clientAddress);
        switch (result.kind) {
          case 'opened':
            return enter(request, reply, result.opened);
          case 'code-needed':
            throw new HttpProblem(403, 'code-needed', 'type the code that your authenticator app shows now');
          case 'wait':
            throw new HttpProblem(429, 'too-many-failures', 'too many wrong passwords for this name from your address; wait half a minute');
          case 'wrong':
            return refuse(limit, request, 'name or password is wrong');
        }
      },
    });

    app.route({
      method: 'POST',
      url: '/login/passkey/options',
      config: { open: true },
      schema: {
        summary: 'What a passkey signs to sign in',
        tags: ['sign-in'],
        security: [],
        body: noBody,
        response: gives(passkeyOptions),
      },
      handler: async (request) =>
        accounts.factors.passkeys.requestOptions(null, null, originOf(request, gateway.publicUrl())) as PasskeyOptions,
    });

    app.route({
      method: 'POST',
      url: '/login/passkey',
      config: { open: true },
      schema: { summary: 'Sign in by passkey', tags: ['sign-in'], security: [], body: passkeyLoginBody, response: gives(me) },
      handler: async (request, reply) => {
        const opened = await accounts.signInByPasskey(request.body.answer, originOf(request, gateway.publicUrl()), request.clientAddress);
        if (opened === null) return refuse(limit, request, 'that passkey is not registered here, or was answered too late');
        return enter(request, reply, opened);
      },
    });
  };

  function enter(request: FastifyRequest, reply: FastifyReply, opened: { cookie: string; person: string; expiresAtMs: number }): Me {
    const principal = identity.person(opened.person);
    if (principal === null) throw new HttpProblem(401, 'not-signed-in', 'this account may not sign in');
    const old = request.cookies[cookieName(gateway.publicUrl())];
    if (old !== undefined) identity.signOut(old);
    setCookie(reply, gateway.publicUrl(), opened.cookie, opened.expiresAtMs);
    return meOf({
      principal,
      rights: identity.rights(principal),
      by: 'cookie',
      tokenId: null,
      via: 'console',
      expiresAtMs: opened.expiresAtMs,
    });
  }
}
