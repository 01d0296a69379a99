// One-time decision links: what a link is about, and the answer it gives. GET decides nothing. A link that is bound to a person
// answers for that person, who must still be allowed to; one that is not asks for a signed-in person.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { accessRequestView } from '../access-schemas.ts';
import { callerOf } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import { answerMatter, callerNamed } from '../channel-answers.ts';
import { decisionView } from '../channel-schemas.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { decisionBody, secretParams } from '../request-schemas.ts';
import { holdView } from '../schemas.ts';
import type { DecisionLinkInfo } from '../identity-services.ts';
import type { ApiServices } from '../services.ts';
import { visibleRequest } from './access.ts';
import { visibleHold } from './holds.ts';

export function decisionRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { identity } = services;

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/decisions/:secret',
      config: { open: true },
      schema: {
        summary: 'What a decision link is about',
        tags: ['holds'],
        security: [],
        params: secretParams,
        response: gives(decisionView),
      },
      handler: async (request) => {
        const link = goodLink(request.params.secret);
        const actor = actorOf(link, request);
        const isAccess = link.holdId.startsWith('r-');
        return {
          answer: link.answer,
          person: link.person,
          answers_as: { name: actor.principal.name, display_name: actor.principal.displayName },
          expires_at: new Date(link.expiresAtMs).toISOString(),
          hold: isAccess ? null : visibleHold(services, actor, link.holdId),
          request: isAccess ? visibleRequest(services, actor, link.holdId) : null,
        };
      },
    });

    app.route({
      method: 'POST',
      url: '/decisions/:secret',
      config: { open: true },
      schema: {
        summary: 'Answer a hold or a request for access by its decision link, once',
        tags: ['holds'],
        security: [],
        params: secretParams,
        body: decisionBody,
        response: gives(z.union([holdView, accessRequestView])),
      },
      handler: async (request) => {
        const link = goodLink(request.params.secret);
        const { answer, reason } = request.body;
        if (answer === 'approve' && link.answer !== 'approve') {
          throw new HttpProblem(403, 'not-allowed', 'this link can only deny');
        }
        const answered = await answerMatter(services, actorOf(link, request), link.holdId, answer, reason ?? null);
        // After the answer: one that was refused (no reason given, say) leaves the link good. Two at the same time answer as
        // the same person, who counts once.
        identity.decisionLinks.use(link);
        return answered;
      },
    });
  };

  function goodLink(token: string): DecisionLinkInfo {
    const read = identity.decisionLinks.read(token);
    switch (read.kind) {
      case 'good':
        return read.link;
      case 'used':
        throw new HttpProblem(409, 'link-used', 'this decision link was used already');
      case 'expired':
        throw new HttpProblem(410, 'link-expired', 'this decision link has expired; answer in the console');
      case 'unknown':
        throw notFound('such decision link');
    }
  }

  function actorOf(link: DecisionLinkInfo, request: FastifyRequest): Caller {
    return link.person === null ? { ...callerOf(request, services), via: link.via } : callerNamed(services, link.person, link.via);
  }
}
