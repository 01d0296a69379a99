// One's own account: passkeys, authenticator app, password. Second factors are registered in a browser that was not opened by an
// access token: whoever has only a token must not be able to make themselves an approver's second factor.

import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf, cookieName } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import { accountView, changePasswordBody, passkeyBody, passkeyOptions, proveBody, totpConfirmBody, totpSetup } from '../account-schemas.ts';
import type { AccountView, PasskeyOptions } from '../contract.ts';
import { browserOf, originOf } from '../origin.ts';
import { HttpProblem } from '../problems.ts';
import { gives, givesNothing } from '../responses.ts';
import { noBody, secretParams } from '../request-schemas.ts';
import type { ApiServices } from '../services.ts';

export function accountRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { accounts, gateway } = services;
  const { factors } = accounts;
  const iso = (ms: number) => new Date(ms).toISOString();

  return async (app) => {
    const tags = ['account'];

    app.route({
      method: 'GET',
      url: '/account',
      schema: { summary: 'How I prove who I am', tags, response: gives(accountView) },
      handler: async (request) => viewOf(callerOf(request, services).principal.name),
    });

    app.route({
      method: 'POST',
      url: '/account/prove/options',
      schema: { summary: 'What my passkey signs to prove that it is me', tags, body: noBody, response: gives(passkeyOptions) },
      handler: async (request) => {
        const { name } = callerOf(request, services).principal;
        return factors.passkeys.requestOptions(name, null, originOf(request, gateway.publicUrl())) as PasskeyOptions;
      },
    });

    app.route({
      method: 'POST',
      url: '/account/prove',
      schema: { summary: 'Show a second factor', tags, body: proveBody, response: gives(accountView) },
      handler: async (request) => {
        const { name } = callerOf(request, services).principal;
        await factors.prove(name, request.body, originOf(request, gateway.publicUrl()), browser(request));
        return viewOf(name);
      },
    });

    app.route({
      method: 'POST',
      url: '/account/passkeys/options',
      schema: { summary: 'What a new passkey is made with', tags, body: noBody, response: gives(passkeyOptions) },
      handler: async (request) => {
        const { principal } = ownBrowser(request);
        return factors.registrationOptions(principal, originOf(request, gateway.publicUrl()), browser(request)) as PasskeyOptions;
      },
    });

    app.route({
      method: 'POST',
      url: '/account/passkeys',
      schema: { summary: 'Register a passkey', tags, body: passkeyBody, response: gives(accountView) },
      handler: async (request) => {
        const { name } = ownBrowser(request).principal;
        const origin = originOf(request, gateway.publicUrl());
        await factors.registerPasskey(name, request.body.name, request.body.answer, origin, browser(request));
        return viewOf(name);
      },
    });

    app.route({
      method: 'DELETE',
      url: '/account/passkeys/:secret',
      schema: { summary: 'Remove a passkey', tags, params: secretParams, response: givesNothing() },
      handler: async (request, reply) => {
        factors.removePasskey(ownBrowser(request).principal.name, request.params.secret, browser(request));
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/account/totp',
      schema: { summary: 'A secret for an authenticator app', tags, body: noBody, response: gives(totpSetup) },
      handler: async (request) => {
        const { name } = ownBrowser(request).principal;
        return factors.beginTotp(name, new URL(gateway.publicUrl()).hostname, browser(request));
      },
    });

    app.route({
      method: 'POST',
      url: '/account/totp/confirm',
      schema: { summary: "The app's first code: from now on it counts", tags, body: totpConfirmBody, response: gives(accountView) },
      handler: async (request) => {
        const { name } = ownBrowser(request).principal;
        factors.confirmTotp(name, request.body.code, browser(request));
        return viewOf(name);
      },
    });

    app.route({
      method: 'DELETE',
      url: '/account/totp',
      schema: { summary: 'Remove the authenticator app', tags, response: givesNothing() },
      handler: async (request, reply) => {
        factors.removeTotp(ownBrowser(request).principal.name, browser(request));
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/account/password',
      schema: { summary: 'Set or change my password', tags, body: changePasswordBody, response: gives(accountView) },
      handler: async (request) => {
        const { name } = ownBrowser(request).principal;
        const { old, password } = request.body;
        if (!(await accounts.changePassword(name, old, password, { address: request.clientAddress, browser: browser(request) }))) {
          throw new HttpProblem(403, 'wrong-password', 'your present password is not the one that you typed');
        }
        return viewOf(name);
      },
    });
  };

  function browser(request: FastifyRequest): string {
    return browserOf(request, cookieName(gateway.publicUrl()));
  }

  function ownBrowser(request: FastifyRequest): Caller {
    const caller = callerOf(request, services);
    if (caller.by === 'cookie' && caller.tokenId === null) return caller;
    throw new HttpProblem(
      403,
      'sign-in-too-weak',
      'this needs a browser that was signed in by a link, a password, a passkey or your sign-in service; an access token is not enough',
    );
  }

  function viewOf(person: string): AccountView {
    const { passkeys, hasTotp, isTotpLocked, provedAtMs } = factors.view(person);
    return {
      passkeys: passkeys.map((row) => ({
        id: row.id,
        name: row.name,
        host: row.rp_id,
        created_at: iso(row.created_at_ms),
        last_used_at: row.last_used_at_ms === null ? null : iso(row.last_used_at_ms),
      })),
      totp: hasTotp,
      totp_locked: isTotpLocked,
      has_password: accounts.hasPassword(person),
      passwords: accounts.hasPasswords,
      second_factor_at: provedAtMs === null ? null : iso(provedAtMs),
    };
  }
}
