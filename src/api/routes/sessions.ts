// Sessions: the list, one of them, what was said in it, and its end.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { SessionView } from '../contract.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { recordingEntry } from '../recording-entry.ts';
import { gives } from '../responses.ts';
import { filter, idParams, noBody, pageOf, paging, recordingView, sessionView } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { seesRecording, seesSession } from '../visibility.ts';

export function sessionRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const visible = (caller: Caller, id: string): SessionView => {
    const session = services.sessions.get(id);
    if (session === null || !seesSession(caller, session)) throw notFound(`session ${id}`);
    return session;
  };

  const visibleRecording = (caller: Caller, id: string): SessionView => {
    const session = visible(caller, id);
    if (seesRecording(caller, session)) return session;
    throw new HttpProblem(403, 'not-allowed', 'recordings are for auditors and for the person of the session');
  };

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/sessions',
      schema: {
        summary: 'Sessions, newest first',
        tags: ['sessions'],
        querystring: z.strictObject({ state: z.enum(['open', 'closed']).optional(), principal: filter, target: filter, ...paging }),
        response: gives(pageOf(sessionView)),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { state, principal, target, cursor, limit } = request.query;
        const seesOthers = caller.rights.includes('audit') || caller.rights.includes('operate');
        const own = caller.principal.name;
        if (!seesOthers && principal !== undefined && principal !== own) return { items: [], next: null };
        return services.sessions.list({ state, principal: seesOthers ? principal : own, target, cursor, limit });
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id',
      schema: { summary: 'One session', tags: ['sessions'], params: idParams, response: gives(sessionView) },
      handler: async (request) => visible(callerOf(request, services), request.params.id),
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id/recording',
      schema: { summary: 'What was asked in a session, in order', tags: ['sessions'], params: idParams, response: gives(recordingView) },
      handler: async (request) => {
        const session = visibleRecording(callerOf(request, services), request.params.id);
        const recording = await services.recordings.read(session.id);
        if (recording === null) throw notFound(`recording of session ${session.id}`);
        return { session, entries: recording.entries.map(recordingEntry), complete: recording.complete };
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id/terminals',
      schema: {
        summary: 'The terminals that were recorded in a session',
        tags: ['sessions'],
        params: idParams,
        response: gives(z.object({ items: z.array(z.object({ index: z.int(), url: z.string() })) })),
      },
      handler: async (request) => {
        const session = visibleRecording(callerOf(request, services), request.params.id);
        const count = services.recordings.terminals?.(session.id) ?? 0;
        const urlOf = (index: number) => `/api/v1/sessions/${session.id}/terminals/${index}`;
        return { items: Array.from({ length: count }, (_, index) => ({ index, url: urlOf(index) })) };
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id/terminals/:index',
      schema: {
        summary: 'A recorded terminal, as asciicast v3',
        description: 'Also while it runs: what has been shown so far. Any asciinema player plays it.',
        tags: ['sessions'],
        params: idParams.extend({ index: z.coerce.number().int().min(0).max(9999) }),
        response: gives(z.string()),
      },
      handler: async (request, reply) => {
        const { id, index } = request.params;
        const session = visibleRecording(callerOf(request, services), id);
        const cast = await services.recordings.terminal?.(session.id, index);
        if (cast === undefined) throw notFound(`terminal ${index} of session ${session.id}`);
        return reply.type('application/x-asciicast').send(cast.toString('utf8'));
      },
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
