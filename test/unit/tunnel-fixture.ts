// Two ends of a link over a real WebSocket on loopback, or one end and a hostile peer that sends whatever it likes.

import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import type { Clock } from '../../src/core/clock.ts';
import { Link } from '../../src/tunnel/link.ts';
import type { LinkOptions, OpenRequest } from '../../src/tunnel/link.ts';
import { asBuffer, linkSocket, webSocketOptions, withoutMask } from '../../src/tunnel/web-socket.ts';
import type { Teardown } from '../support/directories.ts';

export const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

interface Ends {
  readonly server: WebSocket;
  readonly serverRaw: Socket;
  readonly client: WebSocket;
  readonly clientRaw: Socket;
}

/** A connected pair of WebSockets. */
export async function webSockets(t: Teardown): Promise<Ends> {
  const http = createServer();
  const wss = new WebSocketServer({ noServer: true, ...webSocketOptions });
  const accepted = new Promise<{ ws: WebSocket; raw: Socket }>((resolve) => {
    http.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head, (ws) => resolve({ ws, raw: request.socket })));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`, {
    ...webSocketOptions,
    generateMask: withoutMask,
  });
  const clientRaw = await new Promise<Socket>((resolve, reject) => {
    client.once('upgrade', (response) => resolve(response.socket));
    client.once('error', reject);
  });
  const { ws: server, raw: serverRaw } = await accepted;
  if (client.readyState !== client.OPEN) await new Promise((resolve) => client.once('open', resolve));
  t.teardown(() => {
    client.terminate();
    server.terminate();
    http.close();
  });
  return { server, serverRaw, client, clientRaw };
}

export interface Pair {
  readonly gateway: Link;
  readonly agent: Link;
  readonly ends: Ends;
}

type Extra = Partial<Omit<LinkOptions, 'socket' | 'clock'>>;

/** A gateway's and an agent's end; `onOpen` is the agent's. */
export async function linkPair(
  t: Teardown,
  onOpen: (request: OpenRequest) => void,
  both: Extra = {},
  agentOnly: Extra = {},
): Promise<Pair> {
  const ends = await webSockets(t);
  const gateway = new Link({ version: 2, ...both, socket: linkSocket(ends.server, ends.serverRaw), clock });
  const agent = new Link({ version: 2, ...both, ...agentOnly, socket: linkSocket(ends.client, ends.clientRaw), clock, onOpen });
  t.teardown(() => {
    gateway.close('the test is over');
    agent.close('the test is over');
  });
  return { gateway, agent, ends };
}

export interface Hostile {
  readonly link: Link;
  send(...frames: Buffer[]): void;
  /** Frames that came from the link. */
  readonly got: Buffer[];
  readonly ws: WebSocket;
}

/** A link whose other end is this test. `role` is the link's. */
export async function hostilePeer(
  t: Teardown,
  role: 'gateway' | 'agent',
  onOpen: (request: OpenRequest) => void = () => {},
): Promise<Hostile> {
  const ends = await webSockets(t);
  const got: Buffer[] = [];
  ends.client.on('message', (data) => void got.push(asBuffer(data)));
  const socket = linkSocket(ends.server, ends.serverRaw);
  const link = new Link({ socket, clock, version: 2, ...(role === 'agent' ? { onOpen } : {}) });
  t.teardown(() => link.close('the test is over'));
  return { link, got, ws: ends.client, send: (...frames) => frames.forEach((frame) => ends.client.send(frame)) };
}

/** Everything that comes until the end. */
export async function readAll(duplex: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of duplex as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const never = new AbortController().signal;
