// The upgrade of an HTTP connection to a WebSocket (RFC 6455, 4), the gateway's half and the agent's. No extensions: compression of
// what is encrypted anyway would cost time and tell lengths.

import { createHash, randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { linkPath, subprotocol } from './handshake.ts';
import { WebSocketEnd } from './web-socket.ts';

/** RFC 6455, 1.3. */
const acceptSalt = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const keyBytes = 16;
const version = '13';

/** Why a request is no upgrade to the link's protocol; null when it is. */
export function refusalOfUpgrade({ method, headers }: IncomingMessage): string | null {
  if (method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket') return 'this address is for WebSockets';
  if (headers['sec-websocket-version'] !== version) return `the WebSocket protocol's version has to be ${version}`;
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) return 'the WebSocket key is missing or wrong';
  const offered = headers['sec-websocket-protocol']?.split(',').map((it) => it.trim()) ?? [];
  return offered.includes(subprotocol) ? null : `the subprotocol has to be ${subprotocol}`;
}

/** Answers a request that `refusalOfUpgrade` found nothing wrong with. */
export function acceptUpgrade({ headers }: IncomingMessage, socket: Socket, head: Buffer): WebSocketEnd {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptOf(headers['sec-websocket-key'] ?? '')}`,
    `Sec-WebSocket-Protocol: ${subprotocol}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  return new WebSocketEnd(socket, 'server', head);
}

export interface Upgrading {
  readonly opened: (end: WebSocketEnd) => void;
  readonly failed: (why: Error) => void;
  /** The server answered with something else than an upgrade. */
  readonly refused: (status: number) => void;
}

/** Asks the server at the other end of `socket` for the link. */
export function requestUpgrade(url: URL, socket: Socket, { opened, failed, refused }: Upgrading): void {
  const key = randomBytes(keyBytes).toString('base64');
  const request = httpRequest({
    createConnection: () => socket,
    path: linkPath,
    headers: {
      Host: url.host,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': version,
      'Sec-WebSocket-Key': key,
      'Sec-WebSocket-Protocol': subprotocol,
    },
  });
  request.on('error', failed);
  request.on('response', (response) => {
    response.destroy();
    refused(response.statusCode ?? 0);
  });
  request.on('upgrade', (response, _socket, head) => {
    const { upgrade, 'sec-websocket-accept': accept, 'sec-websocket-protocol': chosen } = response.headers;
    const isRight = response.statusCode === 101 && upgrade?.toLowerCase() === 'websocket' && accept === acceptOf(key);
    if (isRight && chosen === subprotocol) return opened(new WebSocketEnd(socket, 'client', head));
    socket.destroy();
    failed(new Error('the answer to the WebSocket upgrade is not one'));
  });
  request.end();
}

function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + acceptSalt)
    .digest('base64');
}
