// The way from the agent to the gateway's HTTP server: directly, or through an HTTP proxy by CONNECT, with TLS inside. Plain
// text only to this very machine.

import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { linkPath } from '../src/tunnel/handshake.ts';
import { requestUpgrade } from '../src/tunnel/upgrade.ts';
import type { WebSocketEnd } from '../src/tunnel/web-socket.ts';

export interface GatewayRoute {
  readonly url: URL;
  /** PEM of the authorities to trust instead of the system's. */
  readonly ca: string | null;
  /** http://[user:password@]host:port */
  readonly proxy: URL | null;
}

const dialMs = 15_000;
const proxyAnswerBytesMax = 16 * 1024;

/** Reads what an operator wrote: wss://…, https://…, or plain ws:// to this machine. Throws an Error in words. */
export function gatewayUrl(text: string): URL {
  const url = URL.parse(text);
  const schemes: Readonly<Record<string, string>> = { 'wss:': 'https:', 'https:': 'https:', 'ws:': 'http:', 'http:': 'http:' };
  const scheme = url === null ? undefined : schemes[url.protocol];
  if (url === null || scheme === undefined) throw new Error(`"${text}" is not the address of a gateway: write wss://gateway.example.com`);
  if (url.username !== '' || url.password !== '' || !['/', linkPath].includes(url.pathname) || url.search !== '') {
    // Not as it was written: what is too much may be a password.
    throw new Error(`the gateway's address has more than a host and a port: write ${url.protocol}//${url.host}`);
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isLoopback = host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
  if (scheme === 'http:' && !isLoopback) throw new Error(`"${text}" is not encrypted: write wss:// (plain ws:// is for this very machine)`);
  return new URL(`${scheme}//${url.host}`);
}

/** A WebSocket to the gateway, open. Rejects with an Error in words. */
export async function dialGateway({ url, ca, proxy }: GatewayRoute, signal: AbortSignal): Promise<WebSocketEnd> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(dialMs)]);
  const secure = url.protocol === 'https:';
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const plain = proxy === null ? await tcp(host, port, deadline) : await throughProxy(proxy, url.hostname, port, deadline);
  const socket = secure ? await tls(plain, host, ca, deadline) : plain;
  return upgrade(url, socket, deadline);
}

function upgrade(url: URL, socket: Socket, signal: AbortSignal): Promise<WebSocketEnd> {
  return whenReady(
    signal,
    () => socket.destroy(),
    (opened, failed) => {
      requestUpgrade(url, socket, { opened, failed, refused: (status) => failed(new Error(responseWords(status))) });
    },
  );
}

function responseWords(status: number): string {
  if (status === 503) return 'the gateway takes no more agents at the moment';
  return `no gateway answers there (HTTP ${status}); is it the right address, and a gateway that knows agents?`;
}

function tcp(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
  return whenReady(
    signal,
    () => socket.destroy(),
    (done, failed) => {
      socket.once('error', failed).once('connect', () => {
        socket.off('error', failed);
        done(socket);
      });
    },
  );
}

function tls(plain: Socket, host: string, ca: string | null, signal: AbortSignal): Promise<Socket> {
  const name = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const socket = connectTls({
    socket: plain,
    host,
    ...name,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    ...(ca === null ? {} : { ca }),
  });
  return whenReady(
    signal,
    () => socket.destroy(),
    (done, failed) => {
      const inWords = (error: Error): void => failed(certificateWords(error));
      socket.once('error', inWords).once('secureConnect', () => {
        socket.off('error', inWords);
        done(socket);
      });
      plain.once('close', () => failed(new Error('the connection was closed during the TLS handshake')));
    },
  );
}

/** In words that an operator can act on. A certificate of the wrong time is often right, and the clock wrong. */
function certificateWords(error: Error): Error {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'CERT_NOT_YET_VALID':
      return new Error("the gateway's certificate is not valid yet by this machine's clock: is the clock behind?", { cause: error });
    case 'CERT_HAS_EXPIRED':
      return new Error("the gateway's certificate has expired by this machine's clock: renew it, or is the clock ahead?", { cause: error });
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return new Error("the gateway's certificate is of an authority that is not trusted here: name a PEM file of it with --ca", {
        cause: error,
      });
    default:
      return error;
  }
}

async function throughProxy(proxy: URL, host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = await tcp(proxy.hostname.replace(/^\[(.*)\]$/, '$1'), Number(proxy.port === '' ? 80 : proxy.port), signal).catch(
    (thrown: unknown) => {
      throw new Error(`the proxy ${proxy.host} can't be reached: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    },
  );
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const sign = credentials === ':' ? '' : `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
  socket.write(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${sign}\r\n`);
  const status = await proxyAnswer(socket, signal);
  if (status === 200) return socket;
  socket.destroy();
  if (status === 407) throw new Error(`the proxy ${proxy.host} wants other credentials (HTTP 407)`);
  throw new Error(`the proxy ${proxy.host} does not connect to ${host}:${port} (HTTP ${status})`);
}

/** The status of the proxy's answer. Bytes after it would be the gateway's, who speaks second: none may be there. */
function proxyAnswer(socket: Socket, signal: AbortSignal): Promise<number> {
  let answer = '';
  return whenReady(
    signal,
    () => socket.destroy(),
    (done, failed) => {
      const onData = (chunk: Buffer): void => {
        answer += chunk.toString('latin1');
        const end = answer.indexOf('\r\n\r\n');
        if (end < 0 && answer.length <= proxyAnswerBytesMax) return;
        socket.off('data', onData).off('error', failed).off('close', onClose);
        const status = /^HTTP\/1\.[01] (\d{3})\b/.exec(answer)?.[1];
        if (end < 0 || status === undefined || (status === '200' && answer.length > end + 4))
          failed(new Error('the proxy does not answer as one'));
        else done(Number(status));
      };
      const onClose = (): void => failed(new Error('the proxy closed the connection'));
      socket.on('data', onData).once('error', failed).once('close', onClose);
    },
  );
}

/** A promise that obeys a signal: `undo` ends what was begun. */
function whenReady<T>(
  signal: AbortSignal,
  undo: () => void,
  begin: (done: (value: T) => void, failed: (why: Error) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => failed(new Error('no answer in time'));
    const settle = (): void => signal.removeEventListener('abort', onAbort);
    const failed = (why: Error): void => {
      settle();
      undo();
      reject(why);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    begin((value) => {
      settle();
      resolve(value);
    }, failed);
    if (signal.aborted) onAbort();
  });
}
