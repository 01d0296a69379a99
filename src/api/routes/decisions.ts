// One-time decision links: what a link is about, and the answer it gives. GET decides nothing. A link that is bound to a person
// answers for that person, who must still be allowed to; one that is not asks for a signed-in person.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import { callerOf } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { decisionBody, decisionView, holdView, secretParams } from '../schemas.ts';
import type { ApiServices, DecisionLinkInfo } from '../services.ts';
import { answerHold, visibleHold } from './holds.ts';

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
        const hold = visibleHold(services, actorOf(link, request), link.holdId);
        return { answer: link.answer, person: link.person, expires_at: new Date(link.expiresAtMs).toISOString(), hold };
      },
    });

    app.route({
      method: 'POST',
      url: '/decisions/:secret',
      config: { open: true },
      schema: {
        summary: 'Answer a hold by its decision link, once',
        tags: ['holds'],
        security: [],
        params: secretParams,
        body: decisionBody,
        response: gives(holdView),
      },
      handler: async (request) => {
        const link = goodLink(request.params.secret);
        const { answer, reason } = request.body;
        if (answer === 'approve' && link.answer !== 'approve') {
          throw new HttpProblem(403, 'not-allowed', 'this link can only deny');
        }
        const hold = await answerHold(services, actorOf(link, request), link.holdId, answer, reason ?? null);
        // After the answer: one that was refused (no reason given, say) leaves the link good. Two at the same time answer as
        // the same person, who counts once.
        identity.decisionLinks.use(link);
        return hold;
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
    if (link.person === null) return callerOf(request, services);
    const principal = identity.person(link.person);
    if (principal === null) throw new HttpProblem(403, 'not-allowed', `${link.person} may not act any more`);
    return { principal, rights: identity.rights(principal), by: 'token', tokenId: null, expiresAtMs: link.expiresAtMs };
  }
}
