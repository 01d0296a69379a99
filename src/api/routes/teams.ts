// Where the outgoing webhook of Microsoft Teams posts what people write to the gateway. Open, because it proves itself by its signature.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { chatDesk } from '../channel-desk.ts';
import { notFound } from '../problems.ts';
import { headerOf, takeRaw } from '../raw-body.ts';
import type { ApiServices } from '../services.ts';

/** Teams limits a message to 28 KB, and sends it as text and as HTML. */
const bodyBytesMax = 256 * 1024;

export function teamsRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const desk = chatDesk(services, 'teams');
  return async (app) => {
    takeRaw(app, ['application/json']);
    app.route({
      method: 'POST',
      url: '/teams/messages',
      config: { open: true, ownProof: true },
      bodyLimit: bodyBytesMax,
      schema: { summary: 'What people write to the gateway, from Microsoft Teams', tags: ['channels'], security: [], hide: true },
      handler: async (request, reply) => {
        const teams = services.channels?.teams ?? null;
        if (teams === null) throw notFound('Teams commands here');
        const body = typeof request.body === 'string' ? request.body : '';
        const said = await teams.handle({ authorization: headerOf(request, 'authorization'), body }, desk);
        return reply.code(said.status).type('application/json; charset=utf-8').send(JSON.stringify(said.body));
      },
    });
  };
}
