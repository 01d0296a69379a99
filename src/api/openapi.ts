// The OpenAPI 3.1 document, made from the same schemas that check requests and replies.

import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { cookieName } from './authentication.ts';
import { webhookDocument } from './openapi-webhooks.ts';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

/** Registered before the routes it describes. */
export async function describe(app: FastifyInstance, version: string, publicUrl: () => string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sallyport',
        version,
        description:
          'Holds, sessions, recordings and the audit log of the gateway. Times are ISO 8601 in UTC. Errors are problem documents (RFC 9457). ' +
          'The WebSocket at /api/v1/live sends a hello and then every change of a hold or session that the caller may see.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: '/' }],
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'An access token (sp_…)' },
          cookie: {
            type: 'apiKey',
            in: 'cookie',
            name: cookieName(publicUrl()),
            description: 'The console session (__Host-sallyport over HTTPS); changes need a same-origin request',
          },
        },
      },
      security: [{ token: [] }, { cookie: [] }],
    },
    transform: withOperationId,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document)),
  });
}

/** Generated clients name their functions by it: "post-holds-by-id-approve". */
const withOperationId: typeof jsonSchemaTransform = (route) => {
  const transformed = jsonSchemaTransform(route);
  const { schema } = transformed;
  if (schema.hide === true) return transformed;
  const method = [route.route.method].flat().join('-').toLowerCase();
  const words = transformed.url
    .replace(/^\/api\/v1/, '')
    .split('/')
    .filter((part) => part !== '')
    .map((part) => part.replace(/^:/, 'by-'));
  return { ...transformed, schema: { ...schema, operationId: [method, ...words].join('-').replaceAll('.', '-') } };
};

/** Each schema with a name comes in two forms, for what goes in and what comes out. Those that nothing refers to are left out. */
function withoutUnused(document: ReturnType<typeof jsonSchemaTransformObject>): ReturnType<typeof jsonSchemaTransformObject> {
  if (!('components' in document) || document.components?.schemas === undefined) return document;
  const all = document.components.schemas;
  const used = new Set<string>();
  const look = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name)) continue;
      used.add(name);
      look(all[name] ?? null);
    }
  };
  const webhooks = webhookDocument(all);
  look([document.paths ?? {}, webhooks]);
  const schemas = Object.fromEntries(Object.entries(all).filter(([name]) => used.has(name)));
  return { ...document, webhooks, components: { ...document.components, schemas } } as typeof document;
}
