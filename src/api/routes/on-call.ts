// Whose turn it is in the on-call schedules, for everybody who answers, watches or runs the gateway.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, mustHave } from '../authentication.ts';
import type { OnCallView } from '../contract.ts';
import { gives } from '../responses.ts';
import { pageOf } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const onCallView: z.ZodType<OnCallView> = z
  .object({
    group: z.string(),
    zone: z.string(),
    person: z.string().nullable(),
    may_act: z.boolean(),
    until: z.string(),
    next: z.object({ person: z.string().nullable(), until: z.string() }),
  })
  .meta({ id: 'OnCall' });

export function onCallRoutes(services: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/on-call',
      schema: { summary: 'Whose turn it is', tags: ['holds'], response: gives(pageOf(onCallView)) },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['approve', 'audit', 'operate'], 'seeing who is on call');
        return { items: [...(services.onCall?.list() ?? [])], next: null };
      },
    });
  };
}
