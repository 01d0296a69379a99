// Where Slack posts button presses, forms and slash commands. Open, because Slack proves itself by its signature.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { chatDesk } from '../channel-desk.ts';
import { notFound } from '../problems.ts';
import { headerOf, takeRaw } from '../raw-body.ts';
import type { ApiServices } from '../services.ts';

/** A press carries the whole message, encoded as a form. */
const bodyBytesMax = 1024 * 1024;

export function slackRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const desk = chatDesk(services, 'slack');
  return async (app) => {
    takeRaw(app, ['application/x-www-form-urlencoded']);
    const posted = (url: string, summary: string, method: 'handle' | 'command') =>
      app.route({
        method: 'POST',
        url,
        config: { open: true },
        bodyLimit: bodyBytesMax,
        schema: { summary, tags: ['channels'], security: [], hide: true },
        handler: (request, reply) => answer(request, reply, method),
      });
    posted('/slack/interactions', 'Button presses and forms, from Slack', 'handle');
    posted('/slack/commands', 'Slash commands, from Slack', 'command');
  };

  async function answer(request: FastifyRequest, reply: FastifyReply, method: 'handle' | 'command'): Promise<unknown> {
    const slack = services.channels?.slack ?? null;
    if (slack === null) throw notFound('Slack channel here');
    const asked = {
      timestamp: headerOf(request, 'x-slack-request-timestamp'),
      signature: headerOf(request, 'x-slack-signature'),
      body: typeof request.body === 'string' ? request.body : '',
    };
    const { status, body } = await slack[method](asked, desk, new AbortController().signal);
    reply.code(status);
    return body === null ? reply.send() : reply.type('application/json; charset=utf-8').send(JSON.stringify(body));
  }
}
