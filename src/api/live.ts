// The WebSocket at /api/v1/live: hello, then each change of a hold or session that the person may see. One way; what a client
// says is ignored. Who may see what is asked again at every message, because rights change while it is open.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { callerOf, cookieName } from './authentication.ts';
import { liveBeatMs } from './contract.ts';
import type { LiveMessage } from './contract.ts';
import { LiveChange } from './live-change.ts';
import type { MessageFor, Viewer } from './live-change.ts';
import { HttpProblem } from './problems.ts';
import { meOf } from './routes/catalogue.ts';
import type { SignedIn } from './identity-services.ts';
import type { ApiServices } from './services.ts';
import { accessAsSeenBy, asSeenBy, hearsOfHold, seesAccess, seesSession } from './visibility.ts';

export const liveClientsMax = 1000;
export const liveClientsPerPersonMax = 50;
/** A browser that doesn't read is cut off: it reconnects and asks for the list again. */
export const unsentBytesMax = 4 * 1024 * 1024;
/** RFC 6455, 7.4.2: 4000–4999 are private use. Tells the console to ask for a sign-in. */
const closeSignedOut = 4401;
const closeTryAgain = 1013;

interface Client {
  readonly socket: WebSocket;
  /** Looks the proof up again; null when it is no longer good. */
  readonly proven: () => SignedIn | null;
  readonly name: string;
  alive: boolean;
}

/** Adds the route to `app`, which has the WebSocket plugin, the guard and the authentication. */
export function live(app: FastifyInstance, services: ApiServices): void {
  const clients = new Set<Client>();
  const { identity, holds, sessions, access, clock } = services;

  app.route({
    method: 'GET',
    url: '/live',
    schema: { hide: true },
    preValidation: async (request) => {
      const { name } = callerOf(request, services).principal;
      const own = [...clients].filter((client) => client.name === name).length;
      if (clients.size >= liveClientsMax || own >= liveClientsPerPersonMax) {
        throw new HttpProblem(429, 'limit-reached', 'too many live connections are open');
      }
    },
    handler: async () => {
      throw new HttpProblem(400, 'invalid-request', 'this address speaks WebSocket');
    },
    wsHandler: (socket, request) => {
      const caller = callerOf(request, services);
      const client: Client = { socket, proven: proofOf(request, services), name: caller.principal.name, alive: true };
      clients.add(client);
      socket.on('close', () => clients.delete(client));
      socket.on('error', () => socket.terminate());
      socket.on('pong', () => (client.alive = true));
      send(client, bytesOf({ kind: 'hello', me: meOf(caller), server_time: new Date(clock.nowMs()).toISOString() }));
    },
  });

  const stopHolds = holds.on((id) =>
    tellAll((viewer) => {
      const hold = holds.get(id, viewer.principal);
      return hold !== null && hearsOfHold(viewer, hold) ? { kind: 'hold', hold: asSeenBy(viewer, hold) } : null;
    }),
  );
  const stopSessions = sessions.on((sessionNow) => {
    const session = clients.size === 0 ? null : sessionNow();
    if (session === null) return;
    tellAll((viewer) => (seesSession(viewer, session) ? { kind: 'session', session } : null));
  });
  const stopAccess = access.on((requestId, grantId) =>
    tellAll((viewer) => {
      const request = access.requestNamed(requestId, viewer.principal);
      if (request === null || !seesAccess(viewer, request)) return null;
      const grant = grantId === null ? null : access.grantNamed(grantId, viewer.principal);
      return { kind: 'access', request: accessAsSeenBy(viewer, request), grant };
    }),
  );
  const stopIdentity = identity.onChange(({ name }) => {
    for (const client of clients) if (client.name === name) viewerOf(client);
  });
  // Also finds expired tokens and cookies, so it is how long a dead sign-in can go on listening.
  const timer = setInterval(() => clients.forEach(beat), liveBeatMs);
  timer.unref();

  app.addHook('onClose', async () => {
    clearInterval(timer);
    stopHolds();
    stopSessions();
    stopAccess();
    stopIdentity();
  });

  function tellAll(messageFor: MessageFor): void {
    const change = new LiveChange(messageFor);
    for (const client of clients) {
      const viewer = viewerOf(client);
      const bytes = viewer === null ? null : change.bytesFor(viewer);
      if (bytes !== null) send(client, bytes);
    }
  }

  /** Null: it is no longer signed in, and is told. */
  function viewerOf({ proven, socket }: Client): Viewer | null {
    const signedIn = proven();
    if (signedIn !== null) return { principal: signedIn.principal, rights: identity.rights(signedIn.principal) };
    socket.close(closeSignedOut, 'signed out');
    return null;
  }

  function beat(client: Client): void {
    if (!client.alive) return client.socket.terminate();
    client.alive = false;
    client.socket.ping();
    // A page sees no ping.
    if (viewerOf(client) !== null) send(client, bytesOf({ kind: 'beat', server_time: new Date(clock.nowMs()).toISOString() }));
  }
}

function bytesOf(message: LiveMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}

function send({ socket }: Client, message: Buffer): void {
  if (socket.readyState !== socket.OPEN) return;
  if (socket.bufferedAmount > unsentBytesMax) return socket.close(closeTryAgain, 'too slow');
  socket.send(message, { binary: false });
}

/** Looks the proof of a request up again; null when it is no longer good. */
export function proofOf(request: FastifyRequest, { identity, gateway }: ApiServices): () => SignedIn | null {
  const token = request.headers.authorization?.split(' ', 2)[1];
  if (token !== undefined) return () => identity.authenticateBearer(token);
  const cookie = request.cookies[cookieName(gateway.publicUrl())] ?? '';
  return () => identity.authenticateCookie(cookie);
}
