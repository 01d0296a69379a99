// The policies in force, and those that were in force before.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { PolicyVersionText, PolicyVersionView } from '../contract.ts';
import { notFound } from '../problems.ts';
import { gives } from '../responses.ts';
import { pageOf, policyView } from '../schemas.ts';
import type { ApiServices } from '../services.ts';

const versionCharsMax = 200;
const versionParams = z.object({ version: z.string().min(1).max(versionCharsMax) });
const versionView: z.ZodType<PolicyVersionView> = z
  .object({ version: z.string(), loaded_at: z.iso.datetime(), files: z.array(z.string()) })
  .meta({ id: 'PolicyVersion' });
const versionText: z.ZodType<PolicyVersionText> = z
  .object({ version: z.string(), loaded_at: z.iso.datetime(), files: z.array(z.object({ path: z.string(), text: z.string() })) })
  .meta({ id: 'PolicyVersionText' });

export function policyRoutes({ policies }: ApiServices): FastifyPluginAsyncZod {
  return async (app) => {
    app.route({
      method: 'GET',
      url: '/policies',
      schema: { summary: 'The policies in force', tags: ['policies'], response: gives(policyView) },
      handler: async () => policies.current(),
    });

    app.route({
      method: 'GET',
      url: '/policies/versions',
      schema: { summary: 'Versions that were in force, newest first', tags: ['policies'], response: gives(pageOf(versionView)) },
      handler: async () => ({ items: policies.versions(), next: null }),
    });

    app.route({
      method: 'GET',
      url: '/policies/versions/:version',
      schema: { summary: 'The texts of a version', tags: ['policies'], params: versionParams, response: gives(versionText) },
      handler: async (request) => {
        const found = policies.version(request.params.version);
        if (found === null) throw notFound(`version ${request.params.version} of the policies`);
        return found;
      },
    });
  };
}
