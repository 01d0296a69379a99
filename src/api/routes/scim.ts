// SCIM 2.0 (RFC 7644) under /scim/v2, for the systems that provision people. A bearer token for each client; no cookie counts.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Fault } from '../../core/errors.ts';
import { HttpProblem } from '../problems.ts';
import { FailureLimit } from '../rate-limit.ts';
import type { ApiServices } from '../services.ts';
import { filterOf } from '../scim-filter.ts';
import { errorSchema, groupFrom, groupSchema, listSchema, patched, userFrom, userSchema } from '../scim-messages.ts';
import type { Attributes, GroupAttributes, UserAttributes } from '../scim-messages.ts';
import { resourceTypes, schemas, serviceProviderConfig } from '../scim-schemas.ts';
import { selected } from '../scim-selection.ts';
import type { Selection } from '../scim-selection.ts';
import type { Stored, StoredGroup, StoredUser } from '../scim-service.ts';

export const scimBase = '/scim/v2';
const pageMax = 200;

interface Resource<T extends Stored, W> {
  readonly path: string;
  readonly filters: readonly string[];
  list(client: string): readonly T[];
  get(client: string, id: string): T | null;
  put(client: string, id: string | null, wanted: W): T;
  remove(client: string, id: string): void;
  from(body: Attributes): W;
  view(stored: T): Attributes;
}

export async function scimRoutes(app: FastifyInstance, services: ApiServices): Promise<void> {
  const { scim, gateway } = services;
  const limit = new FailureLimit(services.clock);
  const clients = new WeakMap<FastifyRequest, string>();
  const base = () => `${gateway.publicUrl()}${scimBase}`;

  app.addContentTypeParser(['application/scim+json'], { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  app.addHook('onRequest', async (request) => {
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ', 2);
    const client = scheme.toLowerCase() === 'bearer' && token !== '' ? scim.clientOf(token) : null;
    if (client !== null) return void clients.set(request, client);
    const many = limit.failed(request.clientAddress);
    throw new HttpProblem(many ? 429 : 401, many ? 'too-many-failures' : 'not-signed-in', 'that is not the token of a SCIM client');
  });
  app.setErrorHandler<Error>((error, _request, reply) => sendScimError(error, reply, services));

  const clientOf = (request: FastifyRequest): string => clients.get(request) ?? '';
  const send = (reply: FastifyReply, status: number, body: Attributes) =>
    reply.code(status).type('application/scim+json; charset=utf-8').send(JSON.stringify(body));
  const meta = (type: string, { id, changedAtMs }: Stored) => ({
    resourceType: type,
    lastModified: new Date(changedAtMs).toISOString(),
    location: `${base()}/${type}s/${id}`,
  });
  const hidden = { schema: { hide: true } };

  serve<StoredUser, UserAttributes>({
    path: '/Users',
    filters: ['userName', 'externalId', 'id', 'displayName', 'active', 'emails', 'emails.value', 'name.givenName', 'name.familyName'],
    list: (client) => scim.users(client),
    get: (client, id) => scim.user(client, id),
    put: (client, id, wanted) => scim.putUser(client, id, wanted),
    remove: (client, id) => scim.removeUser(client, id),
    from: userFrom,
    view: (user) => ({
      schemas: [userSchema],
      id: user.id,
      ...(user.externalId === null ? {} : { externalId: user.externalId }),
      userName: user.userName,
      ...(Object.keys(user.name).length === 0 ? {} : { name: user.name }),
      displayName: user.displayName,
      ...(user.emails.length === 0 ? {} : { emails: user.emails }),
      active: user.active,
      groups: scim
        .groups(user.client)
        .filter(({ members }) => members.includes(user.id))
        .map(({ id, displayName }) => ({ value: id, display: displayName, $ref: `${base()}/Groups/${id}` })),
      meta: meta('User', user),
    }),
  });

  serve<StoredGroup, GroupAttributes>({
    path: '/Groups',
    filters: ['displayName', 'externalId', 'id', 'members', 'members.value'],
    list: (client) => scim.groups(client),
    get: (client, id) => scim.group(client, id),
    put: (client, id, wanted) => scim.putGroup(client, id, wanted),
    remove: (client, id) => scim.removeGroup(client, id),
    from: groupFrom,
    view: (group) => ({
      schemas: [groupSchema],
      id: group.id,
      ...(group.externalId === null ? {} : { externalId: group.externalId }),
      displayName: group.displayName,
      members: group.members.map((id) => ({ value: id, $ref: `${base()}/Users/${id}` })),
      meta: meta('Group', group),
    }),
  });

  app.get('/ServiceProviderConfig', hidden, async (_request, reply) =>
    send(reply, 200, serviceProviderConfig(pageMax, `${base()}/ServiceProviderConfig`)),
  );
  for (const [path, all] of [
    ['/ResourceTypes', resourceTypes],
    ['/Schemas', schemas],
  ] as const) {
    app.get(path, hidden, async (_request, reply) => {
      const items = all(base());
      return send(reply, 200, page(items, 1, items.length));
    });
    app.get<{ Params: { id: string } }>(`${path}/:id`, hidden, async (request, reply) => {
      const found = all(base()).find(({ id }) => id === request.params.id);
      if (found === undefined) throw new HttpProblem(404, 'not-found', `there is no ${request.params.id} in ${path}`);
      return send(reply, 200, found);
    });
  }

  function serve<T extends (Stored & UserAttributes) | (Stored & GroupAttributes), W>(resource: Resource<T, W>): void {
    type WithId = { Params: { id: string }; Querystring: Selection };
    type Listed = { Querystring: Selection & Readonly<Partial<Record<'filter' | 'startIndex' | 'count', string>>> };
    const answer = (reply: FastifyReply, status: number, stored: T, wanted: Selection) =>
      send(reply, status, selected(resource.view(stored), wanted));
    const { path } = resource;
    const one = (request: FastifyRequest<WithId>): T => {
      const found = resource.get(clientOf(request), request.params.id);
      if (found === null) throw new HttpProblem(404, 'not-found', `there is no ${request.params.id} in ${path}`);
      return found;
    };
    app.get<Listed>(path, hidden, async (request, reply) => {
      const { filter, startIndex, count } = request.query;
      const matches = filterOf(filter, resource.filters);
      const all = resource.list(clientOf(request)).filter((item) => matches === null || matches(item as unknown as Attributes));
      // RFC 7644, 3.4.2.4: from 1; less counts as 1; a negative count as 0.
      const from = Math.max(1, Math.trunc(Number(startIndex ?? 1)) || 1);
      const many = Math.min(pageMax, Math.max(0, Math.trunc(Number(count ?? pageMax)) || 0));
      const items = all.slice(from - 1, from - 1 + many).map((item) => selected(resource.view(item), request.query));
      return send(reply, 200, page(items, from, all.length));
    });
    app.get<WithId>(`${path}/:id`, hidden, async (request, reply) => answer(reply, 200, one(request), request.query));
    app.post<{ Body: Attributes; Querystring: Selection }>(path, hidden, async (request, reply) =>
      answer(reply, 201, resource.put(clientOf(request), null, resource.from(request.body)), request.query),
    );
    app.put<WithId & { Body: Attributes }>(`${path}/:id`, hidden, async (request, reply) => {
      const before = one(request);
      // What a PUT leaves out is cleared, but for `active`: half a user must not let somebody in again who was shut out.
      const kept = 'active' in before ? { active: before.active } : {};
      return answer(reply, 200, resource.put(clientOf(request), before.id, resource.from({ ...kept, ...request.body })), request.query);
    });
    app.patch<WithId & { Body: Attributes }>(`${path}/:id`, hidden, async (request, reply) => {
      const before = one(request);
      const wanted = resource.from(patched(before as unknown as Attributes, request.body));
      return answer(reply, 200, resource.put(clientOf(request), before.id, wanted), request.query);
    });
    app.delete<WithId>(`${path}/:id`, hidden, async (request, reply) => {
      resource.remove(clientOf(request), one(request).id);
      return reply.code(204).send();
    });
  }
}

function page(items: readonly Attributes[], startIndex: number, totalResults: number): Attributes {
  return { schemas: [listSchema], totalResults, startIndex, itemsPerPage: items.length, Resources: items };
}

/** RFC 7644, 3.12. */
function sendScimError(error: Error & { statusCode?: number }, reply: FastifyReply, { log }: ApiServices): FastifyReply {
  const { status, code } = statusOf(error);
  if (status === 500) log.error({ error: error.message, stack: error.stack }, 'a SCIM request failed');
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="sallyport-scim"');
  const detail = status === 500 ? 'something in the gateway failed; its log says what' : error.message;
  const body = { schemas: [errorSchema], status: String(status), ...(code === null ? {} : { scimType: code }), detail };
  return reply.code(status).type('application/scim+json; charset=utf-8').send(JSON.stringify(body));
}

function statusOf(error: Error & { statusCode?: number }): { status: number; code: string | null } {
  if (error instanceof HttpProblem) return { status: error.status, code: error.status === 400 ? error.code : null };
  if (error instanceof Fault) {
    switch (error.code) {
      case 'not-found':
        return { status: 404, code: null };
      case 'conflict':
        return { status: 409, code: 'uniqueness' };
      case 'invalid-request':
        return { status: 400, code: 'invalidValue' };
      case 'limit-reached':
        return { status: 429, code: null };
      default:
        return { status: 500, code: null };
    }
  }
  const status = error.statusCode ?? 500;
  return { status: status >= 400 && status < 500 ? status : 500, code: null };
}
