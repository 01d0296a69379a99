// Lending one's right to answer holds, and taking it back. Everybody who may answer, watch or run the gateway sees all of them.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, mustHave } from '../authentication.ts';
import type { DelegateView, DelegationView } from '../contract.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { idParams } from '../request-schemas.ts';
import { pageOf } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const delegationView: z.ZodType<DelegationView> = z
  .object({
    id: z.string(),
    from: z.string(),
    to: z.string(),
    reason: z.string().nullable(),
    created_at: z.string(),
    ends_at: z.string(),
  })
  .meta({ id: 'Delegation' });

const delegateView: z.ZodType<DelegateView> = z.object({ name: z.string(), display_name: z.string() }).meta({ id: 'Delegate' });

const delegationBody = z.strictObject({
  to: z.string().min(1).max(200),
  for_ms: z.number().int().positive(),
  reason: z.string().max(1000).optional(),
});

export function delegationRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const kept = () => {
    if (services.delegations === undefined) throw new HttpProblem(404, 'not-found', 'this gateway keeps no delegations');
    return services.delegations;
  };
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/delegations',
      schema: { summary: 'Who answers for whom now', tags: ['holds'], response: gives(pageOf(delegationView)) },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['approve', 'audit', 'operate'], 'seeing delegations');
        return { items: [...kept().list()], next: null };
      },
    });

    app.route({
      method: 'GET',
      url: '/delegations/candidates',
      schema: { summary: 'To whom I could lend my right', tags: ['holds'], response: gives(pageOf(delegateView)) },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['approve'], 'lending the right to answer');
        return { items: [...kept().candidates(caller.principal)], next: null };
      },
    });

    app.route({
      method: 'POST',
      url: '/delegations',
      schema: {
        summary: 'Lend my right to answer holds',
        description: 'Until then that person may answer what I may. One right stays one voice, and never answers my own holds.',
        tags: ['holds'],
        body: delegationBody,
        response: gives(delegationView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['approve'], 'lending the right to answer');
        const { to, for_ms: durationMs, reason } = request.body;
        return kept().give(caller.principal, to, durationMs, reason ?? null);
      },
    });

    app.route({
      method: 'POST',
      url: '/delegations/:id/end',
      schema: { summary: 'End a delegation now', tags: ['holds'], params: idParams, response: gives(delegationView) },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const ended = await kept().end(request.params.id, caller.principal, caller.rights.includes('operate'));
        if (ended === null) throw notFound(`delegation ${request.params.id}`);
        return ended;
      },
    });
  };
}
