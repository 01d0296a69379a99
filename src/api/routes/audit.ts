// The audit log: search and verification. Without the right to audit one sees one's own events.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf, mustHave } from '../authentication.ts';
import { gives } from '../responses.ts';
import { filter, paging, timeFilter } from '../request-schemas.ts';
import { auditEventView, auditVerification, pageOf } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

export function auditRoutes(services: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/audit',
      schema: {
        summary: 'Audit events, newest first',
        tags: ['audit'],
        querystring: z.strictObject({
          type: filter,
          principal: filter,
          target: filter,
          session: filter,
          hold: filter,
          since: timeFilter,
          until: timeFilter,
          from: timeFilter.meta({ description: 'The same as since' }),
          to: timeFilter.meta({ description: 'The same as until' }),
          text: filter,
          ...paging,
        }),
        response: gives(pageOf(auditEventView)),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { type, principal, target, session, hold, since, until, from, to, text, cursor, limit } = request.query;
        const own = caller.principal.name;
        const isAuditor = caller.rights.includes('audit');
        if (!isAuditor && principal !== undefined && principal !== own) return { items: [], next: null };
        return services.audit.search({
          type: type,
          principal: isAuditor ? principal : own,
          target: target,
          session: session,
          hold: hold,
          fromMs: since ?? from,
          toMs: until ?? to,
          text: text,
          cursor,
          limit,
        });
      },
    });

    app.route({
      method: 'GET',
      url: '/audit/verify',
      schema: { summary: 'Check the whole hash chain', tags: ['audit'], response: gives(auditVerification) },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['audit'], 'verifying the audit log');
        const found = await services.audit.verify();
        if (found.ok) return { ok: true, events: found.events, head: found.head, problem: null, problem_seq: null };
        const { seq, problem } = found;
        // Whatever stands before the first bad event is good.
        return { ok: false, events: Math.max(0, seq - 1), head: null, problem, problem_seq: seq > 0 ? seq : null };
      },
    });
  };
}
