// People that operators add at run time, and what operators do for people who lost something.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { FastifyRequest } from 'fastify';
import { callerOf, mustHave, mustNotBeSelf } from '../authentication.ts';
import { personBody, setPasswordBody } from '../account-schemas.ts';
import { notFound } from '../problems.ts';
import { gives, givesNothing } from '../responses.ts';
import { nameParams, noBody } from '../request-schemas.ts';
import { personView } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

export function peopleRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { accounts, identity } = services;

  return async (app) => {
    const tags = ['people'];

    app.route({
      method: 'POST',
      url: '/people',
      schema: { summary: 'Add somebody, or change somebody added so', tags, body: personBody, response: gives(personView) },
      handler: async (request) => {
        const { name, display_name: displayName = name, groups } = request.body;
        accounts.addPerson({ name, displayName, groups }, operator(request));
        const person = identity.people().find((it) => it.name === name);
        if (person === undefined) throw notFound(`person "${name}"`);
        return { name, display_name: person.displayName, kind: person.kind, groups: person.groups, disabled: person.disabled };
      },
    });

    app.route({
      method: 'DELETE',
      url: '/people/:name',
      schema: { summary: 'Remove somebody who was added at run time', tags, params: nameParams, response: givesNothing() },
      handler: async (request, reply) => {
        const by = operator(request);
        mustNotBeSelf(callerOf(request, services), request.params.name);
        accounts.removePerson(request.params.name, by);
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/people/:name/password',
      schema: { summary: 'Set the password of somebody', tags, params: nameParams, body: setPasswordBody, response: givesNothing() },
      handler: async (request, reply) => {
        await accounts.setPassword(request.params.name, request.body.password, operator(request));
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/people/:name/reset-factors',
      schema: { summary: 'Take all second factors of somebody away', tags, params: nameParams, body: noBody, response: givesNothing() },
      handler: async (request, reply) => {
        if (!identity.people().some(({ name }) => name === request.params.name)) throw notFound(`person "${request.params.name}"`);
        accounts.factors.reset(request.params.name, operator(request));
        return reply.code(204).send(null);
      },
    });

    app.route({
      method: 'POST',
      url: '/people/:name/unlink',
      schema: {
        summary: 'Forget which account of a sign-in service somebody is',
        tags,
        params: nameParams,
        body: noBody,
        response: givesNothing(),
      },
      handler: async (request, reply) => {
        if (!accounts.unlink(request.params.name, operator(request))) throw notFound(`linked person "${request.params.name}"`);
        return reply.code(204).send(null);
      },
    });
  };

  function operator(request: FastifyRequest): string {
    const caller = callerOf(request, services);
    mustHave(caller, ['operate'], 'changing people');
    return caller.principal.name;
  }
}
