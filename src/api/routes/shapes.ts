// Shapes of statements that are approved for a while: what a hold offers, what is in force, and ending one.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { accessAnswerBody } from '../access-schemas.ts';
import { callerOf } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { ShapeView } from '../contract.ts';
import { notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { filter, idParams, paging } from '../request-schemas.ts';
import { pageOf } from '../schemas.ts';
import type { ApiServices } from '../services.ts';
import { shapeProblem } from '../shape-problem.ts';
import { holdShapeView, shapeState, shapeView } from '../shape-schemas.ts';
import { visibleHold } from './holds.ts';

export function shapeRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { shapes } = services;
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/holds/:id/shape',
      schema: {
        summary: 'The shape of what waits, where its rule lets one be approved for a while',
        tags: ['holds'],
        params: idParams,
        response: gives(holdShapeView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        return shapes.ofHold(visibleHold(services, caller, request.params.id).id, caller.principal);
      },
    });

    app.route({
      method: 'GET',
      url: '/shapes',
      schema: {
        summary: 'Shapes that were approved, newest first',
        tags: ['shapes'],
        querystring: z.strictObject({ state: shapeState.optional(), principal: filter, target: filter, ...paging }),
        response: gives(pageOf(shapeView)),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const query = seesOthers(caller) ? request.query : { ...request.query, principal: caller.principal.name };
        return shapes.list(query, caller.principal);
      },
    });

    app.route({
      method: 'GET',
      url: '/shapes/:id',
      schema: { summary: 'One approved shape', tags: ['shapes'], params: idParams, response: gives(shapeView) },
      handler: async (request) => visibleShape(services, callerOf(request, services), request.params.id),
    });

    app.route({
      method: 'POST',
      url: '/shapes/:id/revoke',
      schema: {
        summary: 'End it at once: the next statement of this shape waits again',
        tags: ['shapes'],
        params: idParams,
        body: accessAnswerBody,
        response: gives(shapeView),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        const { id } = visibleShape(services, caller, request.params.id);
        const result = shapes.revoke(id, caller.principal, request.body.reason ?? null);
        if (result.kind === 'refused') throw shapeProblem(result.because, result.why);
        return visibleShape(services, caller, id);
      },
    });
  };
}

function seesOthers({ rights }: Caller): boolean {
  return (['audit', 'approve', 'operate'] as const).some((right) => rights.includes(right));
}

function visibleShape({ shapes }: ApiServices, caller: Caller, id: string): ShapeView {
  const shape = shapes.named(id, caller.principal);
  if (shape === null || (shape.principal !== caller.principal.name && !seesOthers(caller))) throw notFound(`shape ${id}`);
  return shape;
}
