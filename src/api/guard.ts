// What every request meets before anything else: headers that keep browsers strict, and checks that it was meant for this
// gateway. Host: a page of another site whose name was rebound to our address sends its own name. Origin: a page of another
// site can make a browser send our cookie, and says where it comes from.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { clientAddressOf } from './client-address.ts';
import { HttpProblem } from './problems.ts';

const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "object-src 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ');

/** What keeps browsers strict; every answer carries them. */
export const strictHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=()',
  'cache-control': 'no-store',
};

/** Half a year: long enough to count, short enough to take a name back to plain HTTP on a test machine. */
const strictTransportSeconds = 180 * 86_400;

const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

/** Origins that are this gateway: its public address, and loopback names on the port it listens on. */
export function ownOrigins(app: FastifyInstance, publicUrl: string, tls: boolean): Set<string> {
  const scheme = tls ? 'https' : 'http';
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : null;
  const own = new Set(publicUrl === '' ? [] : [new URL(publicUrl).origin]); // '' until the gateway knows its port
  for (const name of loopbackNames) if (port !== null) own.add(new URL(`${scheme}://${name}:${port}`).origin);
  return own;
}

/** How requests come here. */
interface Standing {
  readonly tls: boolean;
  /** By a reverse proxy of this machine. */
  readonly behindProxy: boolean;
}

/** Adds the headers and the checks of Host and Origin to everything that `app` serves. */
export function guard(app: FastifyInstance, publicUrl: () => string, { tls, behindProxy }: Standing): void {
  app.decorateRequest('clientAddress', '');
  app.addHook('onRequest', async (request, reply) => {
    request.clientAddress = clientAddressOf(request, behindProxy);
    reply.headers(strictHeaders);
    const url = publicUrl();
    if (url.startsWith('https:')) reply.header('strict-transport-security', `max-age=${strictTransportSeconds}`);
    if (request.url === '/healthz' || request.url === '/readyz') return; // load balancers ask by address; they say nothing
    const own = ownOrigins(app, url, tls);
    checkHost(request, own);
    checkOrigin(request, own);
  });
}

function checkHost(request: FastifyRequest, own: ReadonlySet<string>): void {
  const host = (request.headers.host ?? '').toLowerCase();
  for (const origin of own) if (new URL(origin).host === host) return;
  throw new HttpProblem(421, 'wrong-host', 'this gateway is not reached under that name; its public_url says which to use');
}

/**
 * Browsers send Origin with every WebSocket handshake and every request that could change something, and Sec-Fetch-Site with
 * all. There is no CORS here: whatever says that it comes from elsewhere is refused, with a cookie or without.
 */
function checkOrigin(request: FastifyRequest, own: ReadonlySet<string>): void {
  if (isSafeRead(request)) return;
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  const sameHost = origin === undefined || (own.has(origin) && new URL(origin).host === (request.headers.host ?? '').toLowerCase());
  if (sameHost && (site === undefined || site === 'same-origin' || site === 'none')) return;
  throw new HttpProblem(403, 'cross-site', 'requests from pages of other sites are refused');
}

/** A read that is no WebSocket handshake: it changes nothing, and the same-origin policy keeps the answer from other sites. */
export function isSafeRead(request: FastifyRequest): boolean {
  return (request.method === 'GET' || request.method === 'HEAD') && request.headers.upgrade === undefined;
}

/** True when the browser said that the request comes from our own page. Asked of requests that a cookie speaks for. */
export function saysSameOrigin(request: FastifyRequest): boolean {
  return request.headers.origin !== undefined || request.headers['sec-fetch-site'] === 'same-origin';
}
