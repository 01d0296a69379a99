// Browsers that want to be told of holds when the console is closed: subscribe, list, unsubscribe; each person their own.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { callerOf } from '../authentication.ts';
import type { ApiPush } from '../channel-services.ts';
import { pushSubscriptionBody, pushView } from '../channel-schemas.ts';
import type { PushView } from '../contract.ts';
import { notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { idParams } from '../request-schemas.ts';
import type { ApiServices } from '../services.ts';

export function pushRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const given = (): ApiPush => {
    const push = services.channels?.push ?? null;
    if (push === null) throw notFound('Web Push here (channels.push of the configuration)');
    return push;
  };
  const viewFor = (person: string): PushView => {
    const push = services.channels?.push ?? null;
    const browsers = push?.subscriptions(person) ?? [];
    return {
      public_key: push?.publicKey ?? null,
      browsers: browsers.map(({ id, name, createdAtMs }) => ({ id, name, created_at: new Date(createdAtMs).toISOString() })),
    };
  };

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/push',
      schema: { summary: 'My browsers that are told of holds', tags: ['channels'], response: gives(pushView) },
      handler: async (request) => viewFor(callerOf(request, services).principal.name),
    });
    app.route({
      method: 'POST',
      url: '/push/subscriptions',
      schema: { summary: 'Tell this browser too', tags: ['channels'], body: pushSubscriptionBody, response: gives(pushView) },
      handler: async (request) => {
        const { name } = callerOf(request, services).principal;
        const { endpoint, keys, name: browser = 'browser' } = request.body;
        given().subscribe(name, { name: browser, endpoint, ...keys });
        return viewFor(name);
      },
    });
    app.route({
      method: 'DELETE',
      url: '/push/subscriptions/:id',
      schema: { summary: 'Tell that browser no more', tags: ['channels'], params: idParams, response: gives(pushView) },
      handler: async (request) => {
        const { name } = callerOf(request, services).principal;
        if (!given().unsubscribe(name, request.params.id)) throw notFound('such browser');
        return viewFor(name);
      },
    });
  };
}
