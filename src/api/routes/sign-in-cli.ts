// `sallyport login`: a command line begins and asks again and again; its person confirms in the console.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf } from '../authentication.ts';
import { cliLoginBegun, cliLoginBody, cliLoginPollBody, cliLoginPolled, cliLoginView } from '../account-schemas.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { gives, givesNothing } from '../responses.ts';
import { confirmBody, noBody, secretParams } from '../request-schemas.ts';
import type { ApiServices } from '../services.ts';

export function cliLoginRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { accounts, gateway } = services;
  const iso = (ms: number) => new Date(ms).toISOString();
  const gone = () => notFound('such sign-in, it has run out');

  return async (app) => {
    app.route({
      method: 'POST',
      url: '/cli-logins',
      config: { open: true },
      schema: {
        summary: 'A command line begins to sign in',
        tags: ['sign-in'],
        security: [],
        body: cliLoginBody,
        response: gives(cliLoginBegun),
      },
      handler: async (request) => {
        const begun = accounts.cliLogins.begin(request.body.machine, request.clientAddress);
        const url = `${gateway.publicUrl()}/cli-login/${begun.linkSecret}`;
        return { poll_secret: begun.pollSecret, url, code: begun.code, expires_at: iso(begun.expiresAtMs) };
      },
    });

    app.route({
      method: 'POST',
      url: '/cli-logins/poll',
      config: { open: true },
      schema: {
        summary: 'Has it been confirmed?',
        tags: ['sign-in'],
        security: [],
        body: cliLoginPollBody,
        response: gives(cliLoginPolled),
      },
      handler: async (request) => {
        const polled = accounts.pollCliLogin(request.body.poll_secret, request.body.machine);
        if (polled.kind !== 'token') return { state: polled.kind };
        const { token, person, expiresAtMs } = polled.issued;
        return { state: 'confirmed' as const, token, person, expires_at: iso(expiresAtMs) };
      },
    });

    app.route({
      method: 'GET',
      url: '/cli-logins/:secret',
      schema: { summary: 'A command line that waits', tags: ['sign-in'], params: secretParams, response: gives(cliLoginView) },
      handler: async (request) => {
        callerOf(request, services);
        const pending = accounts.cliLogins.get(request.params.secret);
        if (pending === null) throw gone();
        const { code, clientAddress, machine, expiresAtMs } = pending;
        return { code, client_address: clientAddress, machine, expires_at: iso(expiresAtMs) };
      },
    });

    app.route({
      method: 'POST',
      url: '/cli-logins/:secret/confirm',
      schema: {
        summary: 'It is mine: sign it in as me',
        tags: ['sign-in'],
        params: secretParams,
        body: confirmBody,
        response: givesNothing(),
      },
      handler: async (request, reply) => {
        const caller = callerOf(request, services);
        // A token must not make itself a successor that outlives it.
        if (caller.tokenId !== null) throw new HttpProblem(403, 'not-allowed', 'sign in to the console without a token to confirm this');
        const pending = accounts.cliLogins.get(request.params.secret);
        if (pending === null) throw gone();
        if (request.body.code !== undefined && request.body.code.toUpperCase() !== pending.code) {
          throw new HttpProblem(400, 'wrong-code', 'that is not the code of the command line; if you did not start it, refuse');
        }
        if (!accounts.cliLogins.answer(request.params.secret, caller.principal.name, 'confirm')) throw gone();
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/cli-logins/:secret/refuse',
      schema: { summary: 'It is not mine', tags: ['sign-in'], params: secretParams, body: noBody, response: givesNothing() },
      handler: async (request, reply) => {
        if (!accounts.cliLogins.answer(request.params.secret, callerOf(request, services).principal.name, 'refuse')) throw gone();
        return reply.code(204).send(null);
      },
    });
  };
}
