// Where GitHub posts its webhooks. Open, because GitHub proves itself by its signature.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { notFound } from '../problems.ts';
import { headerOf, takeRaw } from '../raw-body.ts';
import type { ApiServices } from '../services.ts';

/** Payloads carry whole repositories and deployments. */
const bodyBytesMax = 1024 * 1024;

export function githubRoutes(services: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    takeRaw(app, ['application/json']);
    app.route({
      method: 'POST',
      url: '/github/webhook',
      config: { open: true },
      bodyLimit: bodyBytesMax,
      schema: { summary: 'Deployments that wait, from GitHub', tags: ['channels'], security: [], hide: true },
      handler: async (request, reply) => {
        const github = services.channels?.github ?? null;
        if (github === null) throw notFound('GitHub channel here');
        const { status, words } = await github.handle({
          event: headerOf(request, 'x-github-event'),
          delivery: headerOf(request, 'x-github-delivery'),
          signature: headerOf(request, 'x-hub-signature-256'),
          body: typeof request.body === 'string' ? request.body : '',
        });
        return reply.code(status).type('text/plain; charset=utf-8').send(words);
      },
    });
  };
}
