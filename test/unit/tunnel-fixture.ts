// Two ends of a link over a real WebSocket on loopback, or one end and a hostile peer that sends whatever it likes.

import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import type { Clock } from '../../src/core/clock.ts';
import { subprotocol } from '../../src/tunnel/handshake.ts';
import { Link } from '../../src/tunnel/link.ts';
import type { LinkOptions, OpenRequest } from '../../src/tunnel/link.ts';
import { StreamDuplex } from '../../src/tunnel/stream-duplex.ts';
import { acceptUpgrade, refusalOfUpgrade, requestUpgrade } from '../../src/tunnel/upgrade.ts';
import type { WebSocketEnd } from '../../src/tunnel/web-socket.ts';
import type { Teardown } from '../support/directories.ts';

export const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

interface Door {
  readonly url: URL;
  readonly accepted: Promise<WebSocketEnd>;
}

/** A server that takes one WebSocket. */
export async function door(t: Teardown): Promise<Door> {
  const http = createServer();
  const accepted = new Promise<WebSocketEnd>((resolve) => {
    http.on('upgrade', (request, socket, head) => {
      if (refusalOfUpgrade(request) === null) resolve(acceptUpgrade(request, request.socket, head));
      else socket.destroy();
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  t.teardown(() => http.close());
  void accepted.then((end) => t.teardown(() => end.terminate()));
  return { url: new URL(`http://127.0.0.1:${(http.address() as AddressInfo).port}`), accepted };
}

interface Ends {
  readonly server: WebSocketEnd;
  readonly client: WebSocketEnd;
  readonly clientRaw: Socket;
}

/** A connected pair of own ends. */
export async function webSockets(t: Teardown): Promise<Ends> {
  const { url, accepted } = await door(t);
  const clientRaw = connect(Number(url.port), '127.0.0.1');
  const client = await new Promise<WebSocketEnd>((opened, failed) => {
    requestUpgrade(url, clientRaw, { opened, failed, refused: (status) => failed(new Error(`HTTP ${status}`)) });
  });
  t.teardown(() => client.terminate());
  return { server: await accepted, client, clientRaw };
}

/** One own end, and a client of another making (the library ws). */
export async function strangeClient(t: Teardown): Promise<{ readonly server: WebSocketEnd; readonly ws: WebSocket }> {
  const { url, accepted } = await door(t);
  const ws = new WebSocket(`ws://${url.host}`, subprotocol);
  t.teardown(() => ws.terminate());
  await new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject));
  return { server: await accepted, ws };
}

export function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Takes what is asked for, as a stream of Node's. */
export const acceptDuplex = (request: OpenRequest): Duplex => new StreamDuplex(request.accept());

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
  const gateway = new Link({ version: 2, ...both, socket: ends.server, clock });
  const agent = new Link({ version: 2, ...both, ...agentOnly, socket: ends.client, clock, onOpen });
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
  const { server, ws } = await strangeClient(t);
  const got: Buffer[] = [];
  ws.on('message', (data) => void got.push(asBuffer(data)));
  const link = new Link({ socket: server, clock, version: 2, ...(role === 'agent' ? { onOpen } : {}) });
  t.teardown(() => link.close('the test is over'));
  return { link, got, ws, send: (...frames) => frames.forEach((frame) => ws.send(frame)) };
}

/** Everything that comes until the end. */
export async function readAll(duplex: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of duplex as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export const never = new AbortController().signal;
