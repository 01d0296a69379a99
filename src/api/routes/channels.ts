// Channels as operators see them, and signed answers that other systems post.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, mustHave, refuse } from '../authentication.ts';
import { answerMatter, callerNamed } from '../channel-answers.ts';
import { channelView, inboundAnswer, inboundResult } from '../channel-schemas.ts';
import { HttpProblem } from '../problems.ts';
import { FailureLimit } from '../rate-limit.ts';
import { headerOf, takeRaw } from '../raw-body.ts';
import { gives } from '../responses.ts';
import { nameParams } from '../request-schemas.ts';
import { pageOf } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

export function channelRoutes(services: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/channels',
      schema: {
        summary: 'Webhooks and channels, and what became of the newest delivery of each',
        tags: ['channels'],
        response: gives(pageOf(channelView)),
      },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['operate', 'audit'], 'seeing channels');
        return { items: [...(services.channels?.list() ?? [])], next: null };
      },
    });
    await app.register(inboundRoute(services));
  };
}

function inboundRoute(services: ApiServices): FastifyPluginAsyncZod {
  const limit = new FailureLimit(services.clock);
  return async (app) => {
    takeRaw(app, ['application/json']);
    app.route({
      method: 'POST',
      url: '/inbound/:name',
      config: { open: true },
      schema: {
        summary: 'A signed answer of another system (Standard Webhooks)',
        description: 'JSON {"id": "h-… or r-…", "answer": "approve" or "deny", "reason": …}, signed with the secret of channels.inbound.',
        tags: ['channels'],
        security: [],
        params: nameParams,
        response: gives(inboundResult),
      },
      handler: async (request) => {
        const headers = {
          id: headerOf(request, 'webhook-id'),
          timestamp: headerOf(request, 'webhook-timestamp'),
          signature: headerOf(request, 'webhook-signature'),
        };
        const body = typeof request.body === 'string' ? request.body : '';
        const person = services.channels?.inbound.personOf(request.params.name, headers, body) ?? null;
        if (person === null) refuse(limit, request, 'the signature is not good, is older than five minutes, or was used before');
        const { id, answer, reason } = answerOf(body);
        const now = await answerMatter(
          services,
          callerNamed(services, person, `inbound ${request.params.name}`),
          id,
          answer,
          reason ?? null,
        );
        return { id: now.id, state: now.state, answered_as: person };
      },
    });
  };
}

function answerOf(body: string): z.output<typeof inboundAnswer> {
  try {
    return inboundAnswer.parse(JSON.parse(body));
  } catch {
    throw new HttpProblem(400, 'invalid-request', 'the body is JSON: {"id": "h-…", "answer": "approve", "reason": "…"}');
  }
}
