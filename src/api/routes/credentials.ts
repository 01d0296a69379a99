// Credentials of targets: where each is kept, setting those that the gateway keeps, trying whether they can be read. No value ever
// comes out here.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf, mustHave } from '../authentication.ts';
import { gives } from '../responses.ts';
import { credentialBody, nameParams, noBody } from '../request-schemas.ts';
import { credentialChecked, credentialSet, credentialView, credentialsRemoved, credentialsRewrapped, pageOf } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

export function credentialRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { credentials } = services;
  const tags = ['credentials'];

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/credentials',
      schema: { summary: 'Where the credential of each target is kept', tags, response: gives(pageOf(credentialView)) },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['operate', 'audit'], 'seeing where credentials are kept');
        return { items: credentials.list(), next: null };
      },
    });

    app.route({
      method: 'POST',
      url: '/credentials/:name/versions',
      schema: {
        summary: 'Keep a new credential of this target, encrypted; new sessions sign in with it',
        tags,
        params: nameParams,
        body: credentialBody,
        response: gives(credentialSet),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['operate'], 'setting credentials');
        const { password = null, private_key: privateKey = null } = request.body;
        return credentials.set(request.params.name, { password, privateKey }, caller.principal.name);
      },
    });

    app.route({
      method: 'DELETE',
      url: '/credentials/:name',
      schema: {
        summary: 'Forget every version that is kept for this target',
        tags,
        params: nameParams,
        response: gives(credentialsRemoved),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['operate'], 'removing credentials');
        return credentials.remove(request.params.name, caller.principal.name);
      },
    });

    app.route({
      method: 'POST',
      url: '/credentials/:name/check',
      schema: {
        summary: 'Read the credential of this target now, without using it',
        tags,
        params: nameParams,
        body: noBody,
        response: gives(credentialChecked),
      },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['operate'], 'checking credentials');
        return credentials.check(request.params.name);
      },
    });

    app.route({
      method: 'POST',
      url: '/credentials/rewrap',
      schema: {
        summary: 'Put every stored credential under the present master key',
        tags,
        body: noBody,
        response: gives(credentialsRewrapped),
      },
      handler: async (request) => {
        const caller = callerOf(request, services);
        mustHave(caller, ['operate'], 'changing the master key');
        return credentials.rewrap(caller.principal.name);
      },
    });
  };
}
