// Agents: who they are and how their links do, tokens to enrol more, and the end of those that should be no more.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf, mustHave } from '../authentication.ts';
import { notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { enrolmentTokenBody, idParams, nameParams } from '../request-schemas.ts';
import { agentView, agentsRevoked, enrolmentTokenIssued, enrolmentTokenView, pageOf } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

export function agentRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { agents, gateway } = services;

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/agents',
      schema: { summary: 'Agents and their links', tags: ['agents'], response: gives(pageOf(agentView)) },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['operate', 'audit'], 'seeing agents');
        return { items: agents.list(), next: null };
      },
    });

    app.route({
      method: 'POST',
      url: '/agents/enrolment-tokens',
      schema: {
        summary: 'Make a one-time token that enrols one agent',
        tags: ['agents'],
        body: enrolmentTokenBody,
        response: gives(enrolmentTokenIssued),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['operate'], 'enrolling agents');
        const { name, labels = {}, ttl_ms: ttlMs } = request.body;
        const { token, expiresAtMs } = agents.createToken({ name, labels, ttlMs, by: caller.principal.name });
        return {
          token,
          name,
          labels,
          expires_at: new Date(expiresAtMs).toISOString(),
          gateway: gateway.publicUrl().replace(/^http/, 'ws'),
        };
      },
    });

    app.route({
      method: 'GET',
      url: '/agents/enrolment-tokens',
      schema: { summary: 'Tokens that still enrol an agent', tags: ['agents'], response: gives(pageOf(enrolmentTokenView)) },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['operate', 'audit'], 'seeing enrolment tokens');
        return { items: agents.tokens(), next: null };
      },
    });

    app.route({
      method: 'DELETE',
      url: '/agents/enrolment-tokens/:id',
      schema: { summary: 'Revoke a token that nobody has used', tags: ['agents'], params: idParams, response: gives(agentsRevoked) },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['operate'], 'revoking enrolment tokens');
        if (!agents.revokeToken(request.params.id, caller.principal.name)) throw notFound(`open enrolment token "${request.params.id}"`);
        return { revoked: 1 };
      },
    });

    app.route({
      method: 'DELETE',
      url: '/agents/:name',
      schema: {
        summary: 'Revoke every agent of that name, or the one with that id, at once',
        tags: ['agents'],
        params: nameParams,
        response: gives(agentsRevoked),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['operate'], 'revoking agents');
        const revoked = agents.revoke(request.params.name, caller.principal.name);
        if (revoked === 0) throw notFound(`agent "${request.params.name}"`);
        return { revoked };
      },
    });
  };
}
