// The WebSocket of a running terminal: bytes of its recording from a place on, as they are written. Each watcher is served from
// the file at its own pace, so a slow one costs nothing but a place. Who watches is written down first, and rights are asked again.

import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { WebSocket } from 'ws';
import { callerOf } from './authentication.ts';
import { proofOf } from './live.ts';
import { HttpProblem, notFound } from './problems.ts';
import { maySeeRecording, seenRecording } from './seen-sessions.ts';
import type { ApiServices } from './services.ts';
import { followQuery, terminalParams } from './terminal-schemas.ts';

export const watchersMax = 200;
export const watchersPerPersonMax = 10;
/** Sent and not yet taken by the watcher's network; nothing more is read until it is less. */
export const unsentBytesMax = 1024 * 1024;
const readBytesMax = 256 * 1024;
/** How long somebody who may no longer watch goes on seeing, at most; also finds watchers that are gone. */
const checkIntervalMs = 5_000;
const closeSignedOut = 4401;
const closeNotAllowed = 4403;
/** The recording could not be read. */
const closeFailed = 1011;

/** Adds the route to `app`, which has the WebSocket plugin, the guard and the authentication. */
export function terminalLive(app: FastifyInstance, services: ApiServices): void {
  const watchers = new Set<Watcher>();
  const timer = setInterval(() => watchers.forEach((watcher) => watcher.check()), checkIntervalMs);
  timer.unref();
  const stopIdentity = services.identity.onChange(() => watchers.forEach((watcher) => watcher.mayStill()));
  app.addHook('onClose', async () => {
    clearInterval(timer);
    stopIdentity();
  });

  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'GET',
    url: '/sessions/:id/terminals/:index/live',
    schema: { hide: true, params: terminalParams, querystring: followQuery },
    preHandler: async (request) => {
      const caller = callerOf(request, services);
      const { id, index } = request.params;
      const session = seenRecording(services, caller, id);
      const by = caller.principal.name;
      const own = [...watchers].filter((watcher) => watcher.name === by).length;
      if (watchers.size >= watchersMax || own >= watchersPerPersonMax) {
        throw new HttpProblem(429, 'limit-reached', 'too many terminals are being watched');
      }
      if ((await services.recordings.terminals.index(session.id, index)) === undefined)
        throw notFound(`terminal ${index} of session ${id}`);
      await services.recordings.noteLook({ sessionId: session.id, target: session.target, by, terminal: index, live: true });
    },
    handler: async () => {
      throw new HttpProblem(400, 'invalid-request', 'this address speaks WebSocket');
    },
    wsHandler: (socket, request) => {
      const { id, index } = request.params as { id: string; index: number };
      const { from } = request.query as { from: number };
      const { name } = callerOf(request, services).principal;
      const proven = proofOf(request, services);
      const may = (): 'yes' | 'signed-out' | 'no' => {
        const signedIn = proven();
        if (signedIn === null) return 'signed-out';
        const session = services.sessions.get(id);
        const viewer = { principal: signedIn.principal, rights: services.identity.rights(signedIn.principal) };
        return session !== null && maySeeRecording(services, viewer, session) ? 'yes' : 'no';
      };
      const watcher = new Watcher({ socket, services, sessionId: id, terminal: index, from, name, may });
      watchers.add(watcher);
      socket.on('close', () => {
        watcher.stop();
        watchers.delete(watcher);
      });
      socket.on('error', () => socket.terminate());
      watcher.start();
    },
  });
}

interface WatcherParts {
  readonly socket: WebSocket;
  readonly services: ApiServices;
  readonly sessionId: string;
  readonly terminal: number;
  readonly from: number;
  readonly name: string;
  readonly may: () => 'yes' | 'signed-out' | 'no';
}

class Watcher {
  readonly name: string;
  readonly #parts: WatcherParts;
  #offset: number;
  #stop: (() => void) | undefined;
  #ended = false;
  #pumping = false;
  #again = false;
  #alive = true;

  constructor(parts: WatcherParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.#offset = parts.from;
    parts.socket.on('pong', () => (this.#alive = true));
  }

  start(): void {
    const { services, sessionId, terminal } = this.#parts;
    this.#stop = services.recordings.terminals.follow(sessionId, terminal, (ended) => {
      this.#ended ||= ended;
      this.#wake();
    });
    if (this.#stop === undefined) this.#ended = true;
    this.#wake();
  }

  stop(): void {
    this.#stop?.();
  }

  /** Closes the watch of somebody who may no longer see it. */
  mayStill(): void {
    const may = this.#parts.may();
    if (may === 'signed-out') this.#parts.socket.close(closeSignedOut, 'signed out');
    else if (may === 'no') this.#parts.socket.close(closeNotAllowed, 'you may no longer watch this');
  }

  check(): void {
    const { socket } = this.#parts;
    if (!this.#alive) return socket.terminate();
    this.#alive = false;
    socket.ping();
    this.mayStill();
  }

  #wake(): void {
    this.#again = true;
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#pump().catch(() => this.#parts.socket.close(closeFailed, 'the recording could not be read'));
  }

  /** Sends what there is; goes on when the watcher has taken it. */
  async #pump(): Promise<void> {
    const { socket, services, sessionId, terminal } = this.#parts;
    while (this.#again && socket.readyState === socket.OPEN) {
      this.#again = false;
      const part = await services.recordings.terminals.read(sessionId, terminal, this.#offset, this.#offset + readBytesMax);
      const bytes = part?.bytes ?? Buffer.alloc(0);
      if (bytes.length > 0) {
        this.#offset += bytes.length;
        this.#again = true;
        const taken = new Promise<void>((resolve) => socket.send(bytes, { binary: true }, () => resolve()));
        if (socket.bufferedAmount > unsentBytesMax) await taken;
      } else if (this.#ended) socket.close(1000, 'ended');
    }
    this.#pumping = false;
    if (this.#again && socket.readyState === socket.OPEN) this.#wake();
  }
}
