// Tokens of CI jobs (RFC 8693), and what was asked with a token.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf, refuse } from '../authentication.ts';
import { tokenActivity, tokenExchangeBody, tokenExchanged } from '../account-schemas.ts';
import { Fault } from '../../core/errors.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { FailureLimit } from '../rate-limit.ts';
import { gives } from '../responses.ts';
import { idParams } from '../request-schemas.ts';
import type { ApiServices } from '../services.ts';
import { asSeenBy } from '../visibility.ts';

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
const subjectTypes = ['urn:ietf:params:oauth:token-type:jwt', 'urn:ietf:params:oauth:token-type:id_token'];
/** Holds told of one token. */
const holdsMax = 50;

export function machineTokenRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { accounts, clock, identity } = services;
  const limit = new FailureLimit(clock);

  return async (app) => {
    // RFC 8693, 2.1: clients send a form. In this plugin alone, where no cookie speaks for anybody.
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(body as string))),
    );

    app.route({
      method: 'POST',
      url: '/token-exchange',
      config: { open: true },
      schema: {
        summary: "Exchange a CI job's OIDC token for an access token",
        tags: ['tokens'],
        security: [],
        body: tokenExchangeBody,
        response: gives(tokenExchanged),
      },
      handler: async (request) => {
        const { grant_type: grant, subject_token: token, subject_token_type: type } = request.body;
        if (grant !== exchangeGrant) throw new HttpProblem(400, 'invalid-request', `grant_type must be ${exchangeGrant}`);
        if (!subjectTypes.includes(type)) throw new HttpProblem(400, 'invalid-request', `subject_token_type must be ${subjectTypes[0]}`);
        try {
          const issued = await accounts.machines.exchange(token);
          return {
            access_token: issued.token,
            issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
            token_type: 'Bearer' as const,
            expires_in: Math.floor((issued.expiresAtMs - clock.nowMs()) / 1000),
            person: issued.person,
            token_id: issued.id,
          };
        } catch (thrown) {
          if (thrown instanceof Fault && thrown.code === 'sign-in-failed') return refuse(limit, request, thrown.message);
          throw thrown;
        }
      },
    });

    app.route({
      method: 'GET',
      url: '/tokens/:id/activity',
      schema: { summary: 'What was asked with a token of mine', tags: ['tokens'], params: idParams, response: gives(tokenActivity) },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const token = identity.token(request.params.id);
        if (token === null || token.person !== caller.principal.name) throw notFound(`token ${request.params.id}`);
        const { sessions, denied, holdIds } = services.tokenActivity(token.id);
        const holds = holdIds.slice(0, holdsMax).flatMap((id) => {
          const hold = services.holds.get(id, caller.principal);
          return hold === null ? [] : [asSeenBy(caller, hold)];
        });
        return { sessions, denied, holds };
      },
    });
  };
}
