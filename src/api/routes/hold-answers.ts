// The answers to a hold besides yes and no: changes wanted, in words; and a yes that is taken back while others are waited for.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf } from '../authentication.ts';
import { gives } from '../responses.ts';
import { idParams, noBody } from '../request-schemas.ts';
import { holdView } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { answeredHold, mayAnswer } from './holds.ts';

/** As long as any other reason. */
const wordsCharsMax = 1000;

export function holdAnswerRoutes(services: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'POST',
      url: '/holds/:id/request-changes',
      schema: {
        summary: 'Ask the person for changes, in words',
        description: 'The action is refused with these words; as final as a denial.',
        tags: ['holds'],
        params: idParams,
        body: z.strictObject({ reason: z.string().max(wordsCharsMax) }),
        response: gives(holdView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { id } = request.params;
        mayAnswer(services, caller, id);
        return answeredHold(
          services,
          caller,
          id,
          await services.holds.answer(id, caller.principal, 'request-changes', request.body.reason, null, caller.via),
        );
      },
    });

    app.route({
      method: 'POST',
      url: '/holds/:id/take-back',
      schema: {
        summary: 'Take my yes back while the hold still waits for others',
        tags: ['holds'],
        params: idParams,
        body: noBody,
        response: gives(holdView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { id } = request.params;
        mayAnswer(services, caller, id);
        return answeredHold(services, caller, id, await services.holds.takeBack(id, caller.principal));
      },
    });
  };
}
