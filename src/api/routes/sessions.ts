// Sessions: the list, one of them, and its end.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { SessionView } from '../contract.ts';
import { HttpProblem } from '../problems.ts';
import { gives } from '../responses.ts';
import { filter, idParams, noBody, paging, timeFilter } from '../request-schemas.ts';
import { pageOf, sessionView } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { seenSession } from '../seen-sessions.ts';

export function sessionRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const visible = (caller: Caller, id: string): SessionView => seenSession(services, caller, id);

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/sessions',
      schema: {
        summary: 'Sessions, newest first',
        description:
          'With `text`: those in which each of its words stands, in person, target, protocol, address, database, way of sign-in, end or id. ' +
          'With `since` and `until`: those that ran in that time, or a part of it. A page of these may be empty though `next` leads to others.',
        tags: ['sessions'],
        querystring: z.strictObject({
          state: z.enum(['open', 'closed']).optional(),
          principal: filter,
          target: filter,
          text: filter,
          since: timeFilter,
          until: timeFilter,
          ...paging,
        }),
        response: gives(pageOf(sessionView)),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { principal, since: sinceMs, until: untilMs, ...others } = request.query;
        const seesOthers = caller.rights.includes('audit') || caller.rights.includes('operate');
        const own = caller.principal.name;
        if (!seesOthers && principal !== undefined && principal !== own) return { items: [], next: null };
        return services.sessions.list({ ...others, principal: seesOthers ? principal : own, sinceMs, untilMs });
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id',
      schema: { summary: 'One session', tags: ['sessions'], params: idParams, response: gives(sessionView) },
      handler: async (request) => visible(callerOf(request, services), request.params.id),
    });

    app.route({
      method: 'POST',
      url: '/sessions/:id/kill',
      schema: {
        summary: 'End a session now',
        description: 'For its own person, auditors and operators. The client is told who ended it.',
        tags: ['sessions'],
        params: idParams,
        body: noBody,
        response: gives(sessionView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { id } = visible(caller, request.params.id);
        if (!services.sessions.kill(id, caller.principal)) {
          throw new HttpProblem(409, 'not-open', `session ${id} is closed already`);
        }
        return visible(caller, id);
      },
    });
  };
}
