// Serves the built console. Its addresses are the console's own business, so every page that is no file gets index.html.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Methods } from './methods.ts';
import { sendProblem } from './problems.ts';

/** Built names carry a hash of their content. */
const assetCache = 'public, max-age=31536000, immutable';

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sallyport</title>
<h1>The console is not built yet</h1>
<p>Run <code>npm run build:console</code> and restart the gateway. The API at <code>/api/v1</code> works without it.</p>
</html>
`;

/** Serves files of `dir` and answers everything that no route is for. Called last. */
export async function serveConsole(app: FastifyInstance, dir: string, methods: Methods): Promise<void> {
  const built = existsSync(join(dir, 'index.html'));
  if (built) {
    await app.register(fastifyStatic, {
      root: dir,
      index: ['index.html'],
      dotfiles: 'ignore',
      cacheControl: false,
      setHeaders: (reply, path) => void reply.header('cache-control', path.startsWith(join(dir, 'assets')) ? assetCache : 'no-store'),
    });
  }
  app.setNotFoundHandler((request, reply) => {
    const allowed = methods.of(request.url.split('?', 1)[0] ?? '');
    if (allowed.length > 0) {
      const detail = `this address takes ${allowed.join(', ')}, not ${request.method}`;
      return sendProblem(reply.header('allow', allowed.join(', ')), 405, { detail, code: 'wrong-method' });
    }
    if (!isPage(request)) return sendProblem(reply, 404, { detail: 'there is nothing at that address', code: 'not-found' });
    return built ? sendIndex(reply) : reply.type('text/html; charset=utf-8').send(notBuilt);
  });
}

function sendIndex(reply: FastifyReply): FastifyReply {
  return reply.type('text/html; charset=utf-8').sendFile('index.html');
}

function isPage(request: FastifyRequest): boolean {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const isApi = request.url === '/api' || request.url.startsWith('/api/') || request.url.startsWith('/assets/');
  return isRead && !isApi && (request.headers.accept ?? '').includes('text/html');
}
