// The response schemas of a route: what it gives when all is well, and problem documents for everything else.

import { z } from 'zod';
import { problem } from './schemas.ts';

const problems = {
  description: 'What went wrong, as a problem document',
  content: { 'application/problem+json': { schema: problem } },
};

/** For `schema.response` of a route that answers 200 with this. */
export function gives<T extends z.ZodType>(schema: T) {
  return { 200: schema, '4xx': problems, '5xx': problems };
}

/** For a route that answers 204. */
export function givesNothing() {
  return { 204: z.null().meta({ description: 'Done' }), '4xx': problems, '5xx': problems };
}

/** For a route that a browser is sent on from. */
export function redirects(description: string) {
  return { 302: z.null().meta({ description }), '4xx': problems, '5xx': problems };
}
