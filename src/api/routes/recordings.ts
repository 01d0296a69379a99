// What was said and shown in a session: the statement log, in parts; the terminals, in byte ranges, with an index and a search.
// Who looks is written down first.

import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { callerOf } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { SessionView, TerminalView } from '../contract.ts';
import { HttpProblem, notFound } from '../problems.ts';
import { recordingEntry } from '../recording-entry.ts';
import { gives } from '../responses.ts';
import { filter, idParams } from '../request-schemas.ts';
import { pageOf, recordingView } from '../schemas.ts';
import { seenRecording } from '../seen-sessions.ts';
import type { TerminalIndex } from '../recording-services.ts';
import type { ApiServices } from '../services.ts';
import { searchQuery, terminalIndexView, terminalParams, terminalSearchView, terminalView } from '../terminal-schemas.ts';

/** Entries of one part. */
const partEntriesMax = 5_000;
/** Terminals listed; a session may have a thousand, and each of them an index to read. */
const listedMax = 200;
/** Sent at once of a recording that is asked for without a range. */
const chunkBytes = 1024 * 1024;

export function recordingRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { recordings } = services;
  const { terminals } = recordings;

  const look = async (caller: Caller, id: string, terminal: number | null): Promise<SessionView> => {
    const session = seenRecording(services, caller, id);
    const by = caller.principal.name;
    await recordings.noteLook({ sessionId: session.id, target: session.target, by, terminal, live: false });
    return session;
  };
  const indexOf = async (session: SessionView, terminal: number): Promise<TerminalIndex> => {
    const index = await terminals.index(session.id, terminal);
    if (index === undefined) throw notFound(`terminal ${terminal} of session ${session.id}`);
    return index;
  };

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/sessions/:id/recording',
      schema: {
        summary: 'What was asked in a session, in order',
        description:
          'In parts with `limit` or `text`; then `next` is the cursor of the next part, also of what will be asked while it runs. ' +
          'With `text`: what has it in its statement, parameters, effects, rule, outcome, error or recorded result. A part may be empty ' +
          'though others follow; the log is read to its end when `next` stays the same.',
        tags: ['sessions'],
        params: idParams,
        querystring: z.strictObject({
          cursor: filter.pipe(
            z
              .string()
              .regex(/^\d{1,15}$/, 'not a cursor')
              .optional(),
          ),
          limit: z.coerce.number().int().min(1).max(partEntriesMax).optional(),
          text: filter,
        }),
        response: gives(recordingView),
      },
      handler: async (request) => {
        const session = await look(callerOf(request, services), request.params.id, null);
        const { cursor, limit, text } = request.query;
        const inParts = limit !== undefined || text !== undefined;
        const part = inParts ? { from: Number(cursor ?? 0), entriesMax: limit ?? partEntriesMax, text } : undefined;
        const recording = await recordings.read(session.id, part);
        if (recording === null) throw notFound(`recording of session ${session.id}`);
        const { entries, complete, next } = recording;
        const more = part === undefined ? {} : { next: complete ? null : String(next) };
        return { session, entries: entries.map(recordingEntry), complete, ...more };
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id/terminals',
      schema: {
        summary: 'The terminals that were recorded in a session',
        description: `The first ${listedMax}; those after them are reached by their number.`,
        tags: ['sessions'],
        params: idParams,
        response: gives(pageOf(terminalView)),
      },
      handler: async (request) => {
        const session = seenRecording(services, callerOf(request, services), request.params.id);
        const count = Math.min(listedMax, terminals.count(session.id));
        const items: TerminalView[] = [];
        for (let number = 0; number < count; number += 1) {
          const index = await terminals.index(session.id, number);
          if (index !== undefined) items.push(viewOf(session, number, index));
        }
        return { items, next: null };
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id/terminals/:index',
      schema: {
        summary: 'A recorded terminal, as asciicast v3',
        description: 'Also while it runs: what has been shown so far. Any asciinema player plays it. Takes one byte range.',
        tags: ['sessions'],
        params: terminalParams,
        response: { ...gives(z.string()), 206: z.string().meta({ description: 'The range that was asked for, or its beginning' }) },
      },
      handler: async (request, reply) => {
        const { id, index } = request.params;
        const session = await look(callerOf(request, services), id, index);
        reply.type('application/x-asciicast').header('accept-ranges', 'bytes');
        const range = /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(request.headers.range ?? '');
        if (range === null) return sendAll(reply, session, index);
        const from = Number(range[1]);
        const part = await terminals.read(session.id, index, from, range[2] === undefined ? Infinity : Number(range[2]) + 1);
        if (part === undefined) throw notFound(`terminal ${index} of session ${id}`);
        if (part.bytes.length === 0) {
          reply.header('content-range', `bytes */${part.size}`);
          throw new HttpProblem(416, 'invalid-request', `the recording has ${part.size} bytes so far`);
        }
        reply.code(206).header('content-range', `bytes ${from}-${from + part.bytes.length - 1}/${part.size}`);
        return reply.send(part.bytes as unknown as string);
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id/terminals/:index/index',
      schema: {
        summary: 'Where in a recorded terminal each moment and each command stands',
        tags: ['sessions'],
        params: terminalParams,
        response: gives(terminalIndexView),
      },
      handler: async (request) => {
        const session = await look(callerOf(request, services), request.params.id, request.params.index);
        const index = await indexOf(session, request.params.index);
        return {
          terminal: viewOf(session, request.params.index, index),
          points: index.points.map(({ atMs, ...point }) => ({ at_ms: atMs, ...point })),
          marks: index.marks.map(({ atMs, text }) => ({ at_ms: atMs, text })),
          marks_left_out: index.marksLeftOut,
        };
      },
    });

    app.route({
      method: 'GET',
      url: '/sessions/:id/terminals/:index/search',
      schema: {
        summary: 'Where a text was shown in a recorded terminal',
        description: 'In lines as they were sent, without control sequences. Upper and lower case count the same.',
        tags: ['sessions'],
        params: terminalParams,
        querystring: searchQuery,
        response: gives(terminalSearchView),
      },
      handler: async (request) => {
        const session = await look(callerOf(request, services), request.params.id, request.params.index);
        const found = await terminals.search(session.id, request.params.index, request.query.q);
        if (found === undefined) throw notFound(`terminal ${request.params.index} of session ${session.id}`);
        return { hits: found.hits.map(({ atMs, line }) => ({ at_ms: atMs, line })), more: found.more };
      },
    });
  };

  /** Piece by piece, as it was when it was asked for: a recording can be larger than what should be in memory. */
  async function sendAll(reply: FastifyReply, session: SessionView, terminal: number): Promise<FastifyReply> {
    const { bytes: size } = await indexOf(session, terminal);
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let from = 0; from < size;) {
        const part = await terminals.read(session.id, terminal, from, Math.min(size, from + chunkBytes));
        if (part === undefined || part.bytes.length === 0) return;
        yield part.bytes;
        from += part.bytes.length;
      }
    }
    return reply.send(Readable.from(pieces()));
  }
}

function viewOf(session: SessionView, number: number, index: TerminalIndex): TerminalView {
  return {
    index: number,
    url: `/api/v1/sessions/${session.id}/terminals/${number}`,
    started_at: new Date(index.startedAtMs).toISOString(),
    command: index.command,
    duration_ms: index.durationMs,
    busy_ms: index.busyMs,
    bytes: index.bytes,
    commands: index.marks.length + index.marksLeftOut,
    live: index.live,
  };
}
