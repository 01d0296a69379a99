// The OpenAPI 3.1 document, made from the same schemas that check requests and replies.

import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { cookieName } from './authentication.ts';
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
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
}
