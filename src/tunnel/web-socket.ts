// A `ws` socket as the link sees it: whole binary messages, a count of what is not sent yet, one end. Compression is off, and
// clients mask with zeros, which both ends of ws skip: masking protects old proxies from scripts in browsers, and inside TLS
// there are neither. It cost half of the throughput.

import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { frameBytesMax } from './limits.ts';

export interface LinkSocket {
  /** `sent` is called when the kernel took it. */
  send(bytes: Buffer, sent: () => void): void;
  readonly unsentBytes: number;
  /** Holds back small writes until the callback has returned, so that they leave together. */
  batch(body: () => void): void;
  /** Says why and closes; ends it by force when the other end does not answer. */
  close(code: number, words: string): void;
  /** One listener each. `words` say why it closed. */
  listen(listener: { message(bytes: Buffer): void; text(): void; closed(words: string): void }): void;
}

/** Options of both ends. */
export const webSocketOptions = {
  maxPayload: frameBytesMax,
  perMessageDeflate: false,
  autoPong: false,
  skipUTF8Validation: false,
} as const;

export const withoutMask = (mask: Buffer): void => void mask.fill(0);

/** RFC 6455, 7.4.2: 4000 to 4999 are for private use. */
export const closeCode = { done: 1000, protocol: 4400, refused: 4401, revoked: 4403, dead: 4408, replaced: 4409, stopping: 4503 } as const;

const closeWaitMs = 2_000;
const closeWordsBytesMax = 120;

/** `early` are messages that came before anybody listened. */
export function linkSocket(ws: WebSocket, raw: Socket, early: readonly Buffer[] = []): LinkSocket {
  return {
    send: (bytes, sent) => {
      if (ws.readyState !== ws.OPEN) return;
      ws.send(bytes, { binary: true }, sent);
    },
    get unsentBytes() {
      return ws.bufferedAmount;
    },
    batch: (body) => {
      raw.cork();
      try {
        body();
      } finally {
        raw.uncork();
      }
    },
    close: (code, words) => closeWebSocket(ws, code, words),
    listen: ({ message, text, closed }) => {
      ws.on('message', (data: RawData, isBinary: boolean) => (isBinary ? message(asBuffer(data)) : text()));
      // Own ends never send these; answering a flood of them would fill our memory.
      ws.on('ping', () => closeWebSocket(ws, closeCode.protocol, 'WebSocket pings are not part of this protocol'));
      let failure: string | null = null;
      ws.on('error', (error) => {
        failure = error.message;
        ws.terminate();
      });
      ws.on('close', (code, reason) => closed(closeWords(code, reason, failure)));
      for (const bytes of early) message(bytes);
      if (ws.readyState === ws.CLOSED) closed('the connection was lost');
    },
  };
}

export function closeWebSocket(ws: WebSocket, code: number, words: string): void {
  if (ws.readyState === ws.CLOSED) return;
  if (ws.readyState === ws.OPEN) ws.close(code, Buffer.from(words).subarray(0, closeWordsBytesMax).toString());
  const timer = setTimeout(() => ws.terminate(), closeWaitMs);
  ws.once('close', () => clearTimeout(timer));
}

/** Whatever form ws gives a message in. */
export function asBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function closeWords(code: number, reason: Buffer, failure: string | null): string {
  const said = reason.toString('utf8').replace(/\p{C}/gu, '?');
  if (said !== '') return said;
  if (failure !== null) return failure;
  return code === 1006 ? 'the connection was lost' : `closed (${code})`;
}
