// Bodies as they came, byte for byte: signatures are over those, not over what a parser made of them. Until the whole body is here nobody
// knows who has sent it, so what strangers may have the gateway keep has a limit.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './problems.ts';

/** Smaller bodies are always read: nearly all are, and connections have a limit. */
const smallBytesMax = 64 * 1024;
/** Of larger ones that are being read, together. */
export const largeBytesMax = 32 * 1024 * 1024;

type Plugin = Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser' | 'addHook'>;

/** From now on routes of this plugin get the text of such bodies. They are UTF-8, or their signature does not fit. */
export function takeRaw(app: Plugin, types: string[]): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(types, { parseAs: 'string' }, (_request, body, done) => done(null, body));
  let largeBytes = 0;
  app.addHook('onRequest', async ({ headers, routeOptions }, reply) => {
    const bytes = Math.min(Number(headers['content-length'] ?? Infinity), routeOptions.bodyLimit);
    if (bytes <= smallBytesMax) return;
    if (largeBytes + bytes > largeBytesMax)
      throw new HttpProblem(503, 'limit-reached', 'too many large requests are being read: try again later');
    largeBytes += bytes;
    reply.raw.once('close', () => (largeBytes -= bytes));
  });
}

/** A header that came once. */
export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
