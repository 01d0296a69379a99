// Where GitHub and GitLab post their webhooks. Open, because they prove themselves by a signature or a token.

import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { refuse } from '../authentication.ts';
import { chatDesk } from '../channel-desk.ts';
import { notFound } from '../problems.ts';
import { FailureLimit } from '../rate-limit.ts';
import { headerOf, takeRaw } from '../raw-body.ts';
import type { ApiServices } from '../services.ts';

/** Payloads carry whole repositories and deployments. */
const bodyBytesMax = 1024 * 1024;

export function forgeRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const desks = { github: chatDesk(services, 'github'), gitlab: chatDesk(services, 'gitlab') };
  const limit = new FailureLimit(services.clock);
  const open = { config: { open: true }, bodyLimit: bodyBytesMax };
  const said = (reply: FastifyReply, { status, words }: { readonly status: number; readonly words: string }) =>
    reply.code(status).type('text/plain; charset=utf-8').send(words);
  return async (app) => {
    takeRaw(app, ['application/json']);
    app.route({
      ...open,
      method: 'POST',
      url: '/github/webhook',
      schema: { summary: 'Deployments that wait and comments, from GitHub', tags: ['channels'], security: [], hide: true },
      handler: async (request, reply) => {
        const github = services.channels?.github ?? null;
        if (github === null) throw notFound('GitHub channel here');
        const asked = {
          event: headerOf(request, 'x-github-event'),
          signature: headerOf(request, 'x-hub-signature-256'),
          body: typeof request.body === 'string' ? request.body : '',
        };
        return said(reply, await github.handle(asked, desks.github));
      },
    });
    app.route({
      ...open,
      method: 'POST',
      url: '/gitlab/webhook',
      schema: { summary: 'Deployments that wait and comments, from GitLab', tags: ['channels'], security: [], hide: true },
      handler: async (request, reply) => {
        const gitlab = services.channels?.gitlab ?? null;
        if (gitlab === null) throw notFound('GitLab channel here');
        const asked = {
          id: headerOf(request, 'webhook-id'),
          timestamp: headerOf(request, 'webhook-timestamp'),
          signature: headerOf(request, 'webhook-signature'),
          token: headerOf(request, 'x-gitlab-token'),
          body: typeof request.body === 'string' ? request.body : '',
        };
        const handled = await gitlab.handle(asked, desks.gitlab);
        // A secret token can be guessed at, a signature can't.
        if (handled.status === 401) refuse(limit, request, handled.words);
        return said(reply, handled);
      },
    });
  };
}
