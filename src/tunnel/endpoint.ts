// Where agents come in: an upgrade to WebSocket on the gateway's own HTTP server. Everything else goes on to whoever listened
// before. Challenge, hello, answer; then the link is the registry's.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock, Random } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import { bidFarewell } from '../core/farewell.ts';
import { inRounds } from '../core/rounds.ts';
import type { Agents } from './agents.ts';
import type { Enrolment } from './enrolment.ts';
import {
  commonVersion,
  exporterBytes,
  exporterLabel,
  linkPath,
  linkVersions,
  readHello,
  readSignedHello,
  signedBytes,
} from './handshake.ts';
import type { Answer, Challenge, VersionRange } from './handshake.ts';
import type { KeepAliveTimes } from './keep-alive.ts';
import { Link, defaultTimes } from './link.ts';
import { TextExchange } from './text-exchange.ts';
import { acceptUpgrade, refusalOfUpgrade } from './upgrade.ts';
import { closeCode } from './web-socket.ts';
import type { WebSocketEnd } from './web-socket.ts';

export interface EndpointOptions {
  readonly agents: Agents;
  readonly enrolment: Enrolment;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Is that how this gateway is reached? Asked when something on the way ends TLS. */
  readonly isOwnOrigin: (origin: string) => boolean;
  /** From where a request comes: a reverse proxy may say so. */
  readonly addressOf: (request: IncomingMessage) => string;
  readonly versions?: VersionRange;
  readonly times?: KeepAliveTimes;
}

/** Sign-ins at the same time. When thousands of agents come back at once, the others are told to try again. */
const signingInMax = 256;
const retryAfterSeconds = 5;

/** Takes over the upgrades to the link's path. The function that is returned stops that. */
export function acceptLinks(server: Server, options: EndpointOptions): () => void {
  const others = server.listeners('upgrade') as ((request: IncomingMessage, socket: Duplex, head: Buffer) => void)[];
  let signingIn = 0;
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (request.url !== linkPath) return others.forEach((listener) => listener.call(server, request, socket, head));
    socket.on('error', () => socket.destroy());
    // Browsers always say where a page comes from; agents are no pages.
    if (request.headers.origin !== undefined) return refuseHttp(request.socket, '403 Forbidden', 'agents only');
    if (signingIn >= signingInMax || options.agents.isFull)
      return refuseHttp(request.socket, '503 Service Unavailable', 'too many agents at once');
    const refusal = refusalOfUpgrade(request);
    if (refusal !== null) return refuseHttp(request.socket, '400 Bad Request', refusal);
    signingIn += 1;
    socket.once('close', () => release());
    let released = false;
    const release = (): void => {
      if (!released) signingIn -= 1;
      released = true;
    };
    const address = options.addressOf(request);
    void signIn(acceptUpgrade(request, request.socket, head), address, options).finally(release);
  };
  server.removeAllListeners('upgrade');
  server.on('upgrade', onUpgrade);
  return () => {
    server.off('upgrade', onUpgrade);
    for (const listener of others) server.on('upgrade', listener);
  };
}

/** Upgraded connections count for no limit any more, and a client may leave its side open: this one is closed. */
function refuseHttp(socket: Socket, status: string, words: string): void {
  socket.write(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nRetry-After: ${retryAfterSeconds}\r\nContent-Type: text/plain\r\nContent-Length: ${words.length}\r\n\r\n${words}`,
  );
  bidFarewell(socket);
}

/** Never rejects. */
async function signIn(end: WebSocketEnd, address: string, options: EndpointOptions): Promise<void> {
  const { agents, enrolment, clock, random, log, versions = linkVersions, times = defaultTimes } = options;
  const { raw } = end;
  const exchange = new TextExchange(end);
  const refuse = (code: Extract<Answer, { kind: 'refused' }>['code'], message: string): void => {
    exchange.send({ kind: 'refused', code, message } satisfies Answer);
    exchange.release();
    end.close(code === 'revoked' ? closeCode.revoked : closeCode.refused, message);
  };
  try {
    const secure = raw instanceof TLSSocket;
    const challenge: Challenge = {
      kind: 'challenge',
      nonce: random.bytes(32).toString('base64url'),
      versions,
      binding: secure ? 'exporter' : 'origin',
    };
    const challengeText = JSON.stringify(challenge);
    end.sendText(challengeText);
    const signed = readSignedHello(await exchange.next());
    const hello = readHello(signed.hello);
    const version = commonVersion(versions, hello.versions);
    if (version === null) {
      return refuse(
        'version',
        `this gateway speaks the link's versions ${rangeWords(versions)}, the agent ${rangeWords(hello.versions)}: upgrade the older one`,
      );
    }
    if (!secure && !options.isOwnOrigin(hello.origin)) {
      return refuse('credential', `this gateway is not reached at ${hello.origin}: give the agent the gateway's public_url`);
    }
    const channel = secure ? raw.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)) : Buffer.alloc(0);
    const admission = enrolment.admit(
      hello,
      signedBytes(challengeText, signed.hello, channel),
      Buffer.from(signed.signature, 'base64'),
      address,
    );
    if (admission.kind === 'refused') {
      log.warn({ address, code: admission.code }, `an agent was refused: ${admission.message}`);
      return refuse(admission.code, admission.message);
    }
    if (agents.isFull) return refuse('limit', 'the gateway has as many agents linked as it takes');
    exchange.send({
      kind: 'welcome',
      version,
      name: admission.agent.name,
      credential: admission.credential,
      ping_interval_ms: times.pingIntervalMs,
      dead_after_ms: times.deadAfterMs,
    } satisfies Answer);
    const agent = { ...admission.agent, hostname: hello.hostname, software: hello.software, allow: hello.allow, address };
    exchange.release();
    const link = new Link({ socket: end, clock, version, times });
    agents.linked(agent, link);
    if (admission.enrolledNow) inRounds(() => agents.inPlaceOfFormer(agent))();
    log.info({ agent: agent.name, id: agent.id, address, version }, admission.enrolledNow ? 'an agent enrolled' : 'an agent is linked');
  } catch (thrown) {
    const reference = randomUUID();
    log.warn({ address, err: messageOf(thrown), reference }, 'the sign-in of an agent failed');
    exchange.release();
    end.close(closeCode.protocol, thrown instanceof Error && thrown.name === 'ProtocolError' ? thrown.message : `failed (${reference})`);
  }
}

function rangeWords({ min, max }: VersionRange): string {
  return min === max ? String(min) : `${min} to ${max}`;
}
