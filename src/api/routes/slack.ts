// Where Slack posts button presses and forms. Open, because Slack proves itself by its signature.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { answersInWords } from '../channel-answers.ts';
import { notFound } from '../problems.ts';
import { headerOf, takeRaw } from '../raw-body.ts';
import type { ApiServices } from '../services.ts';

export function slackRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const give = answersInWords(services, 'slack');
  return async (app) => {
    takeRaw(app, ['application/x-www-form-urlencoded']);
    app.route({
      method: 'POST',
      url: '/slack/interactions',
      config: { open: true },
      bodyLimit: 1024 * 1024, // a press carries the whole message, encoded as a form
      schema: { summary: 'Button presses and forms, from Slack', tags: ['channels'], security: [], hide: true },
      handler: async (request, reply) => {
        const slack = services.channels?.slack ?? null;
        if (slack === null) throw notFound('Slack channel here');
        const asked = {
          timestamp: headerOf(request, 'x-slack-request-timestamp'),
          signature: headerOf(request, 'x-slack-signature'),
          body: request.body as string,
        };
        const answer = await slack.handle(asked, give, new AbortController().signal);
        reply.code(answer.status);
        return answer.body === null ? reply.send() : reply.type('application/json; charset=utf-8').send(JSON.stringify(answer.body));
      },
    });
  };
}
