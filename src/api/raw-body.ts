// Bodies as they came, byte for byte: signatures are over those, not over what a parser made of them.

import type { FastifyInstance, FastifyRequest } from 'fastify';

/** From now on routes of this plugin get the text of such bodies. They are UTF-8, or their signature does not fit. */
export function takeRaw(app: Pick<FastifyInstance, 'removeAllContentTypeParsers' | 'addContentTypeParser'>, types: string[]): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(types, { parseAs: 'string' }, (_request, body, done) => done(null, body));
}

/** A header that came once. */
export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
