// Which methods an address takes, so that the wrong one is answered 405 with Allow instead of "there is nothing".

import type { FastifyInstance } from 'fastify';

export interface Methods {
  /** Those of the routes that this path matches; empty when there is nothing at it. */
  of(path: string): string[];
}

/** Called before the routes are added: it listens to them. */
export function methodsOf(app: FastifyInstance): Methods {
  const routes = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    if (url.includes('*')) return; // files of the console
    const known = routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const one of [method].flat()) known.methods.add(one);
    routes.set(url, known);
  });
  return {
    of: (path) => [...new Set([...routes.values()].filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => [...methods]))],
  };
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll(/[^\w-]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}
