// A gateway's agent side on a real HTTP(S) server with a store in memory, agents that dial it, and a target that echoes.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startAgent } from '../../agent/start-agent.ts';
import type { AgentOptions, RunningAgent } from '../../agent/start-agent.ts';
import type { AuditEvent, AuditLog } from '../../src/core/audit.ts';
import type { Clock, Random } from '../../src/core/clock.ts';
import type { Log } from '../../src/core/driver.ts';
import { Secret } from '../../src/core/secret.ts';
import type { AgentSelector, Target } from '../../src/core/target.ts';
import { agentMigrations, openAgentStore } from '../../src/store/agents.ts';
import { openDatabase } from '../../src/store/database.ts';
import { Agents } from '../../src/tunnel/agents.ts';
import { acceptLinks } from '../../src/tunnel/endpoint.ts';
import type { EndpointOptions } from '../../src/tunnel/endpoint.ts';
import { Enrolment } from '../../src/tunnel/enrolment.ts';
import { eventually } from '../support/eventually.ts';
import { tool } from '../support/tools.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { inTurnBy } from './audit-fixtures/in-turn.ts';

/** Wall clock that tests can move; the monotonic one is real. */
export class SkewClock implements Clock {
  skewMs = 0;
  nowMs(): number {
    return Date.now() + this.skewMs;
  }
  monotonicMs(): number {
    return performance.now();
  }
}

export const random: Random = { bytes: (count) => randomBytes(count) };

export interface Line {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

export function keepLog(lines: Line[]): Log {
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export interface AgentSide {
  readonly agents: Agents;
  readonly enrolment: Enrolment;
  readonly events: AuditEvent[];
  readonly log: Line[];
  readonly clock: SkewClock;
  readonly url: string;
  readonly port: number;
  token(name: string, labels?: Readonly<Record<string, string>>): string;
  /** Every TCP connection is cut, as when the network fails. */
  cut(): void;
  /** Stops listening and comes back on the same port. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export interface SideOptions extends Partial<Pick<EndpointOptions, 'versions' | 'times' | 'isOwnOrigin' | 'addressOf'>> {
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly credentialLifetimeMs?: number;
  readonly linksMax?: number;
}

export async function startSide(t: Teardown, options: SideOptions = {}): Promise<AgentSide> {
  const db = openDatabase(':memory:', agentMigrations);
  const clock = new SkewClock();
  const events: AuditEvent[] = [];
  const lines: Line[] = [];
  const append = (event: AuditEvent) => void events.push(event);
  const audit: AuditLog = { append, appendSoon: append, appendInTurn: inTurnBy(append) };
  const store = openAgentStore(db);
  const credentialLifetimeMs = options.credentialLifetimeMs ?? 86_400_000;
  const enrolment = new Enrolment({
    store,
    secret: new Secret(randomBytes(32).toString('base64')),
    clock,
    random,
    audit,
    credentialLifetimeMs,
  });
  const log = keepLog(lines);
  const agents = new Agents({ store, enrolment, clock, audit, log, credentialLifetimeMs, linksMax: options.linksMax ?? 20_000 });
  const server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
  const sockets = new Set<import('node:net').Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const own = () => `http://127.0.0.1:${port}`;
  acceptLinks(server, {
    agents,
    enrolment,
    clock,
    random,
    log,
    addressOf: options.addressOf ?? (({ socket }) => socket.remoteAddress ?? ''),
    isOwnOrigin: options.isOwnOrigin ?? ((origin) => origin === own()),
    ...(options.versions === undefined ? {} : { versions: options.versions }),
    ...(options.times === undefined ? {} : { times: options.times }),
  });
  const listen = (at: number) => new Promise<void>((resolve) => server.listen(at, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = () => sockets.forEach((socket) => socket.destroy());
  t.teardown(() => {
    agents.close();
    server.close();
    cut();
  });
  return {
    agents,
    enrolment,
    events,
    log: lines,
    clock,
    port,
    url: `${options.tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}`,
    token: (name, labels = {}) => enrolment.createToken({ name, labels, by: 'erin' }).token,
    cut,
    down: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
    },
    up: () => listen(port),
  };
}

export interface TestAgent extends RunningAgent {
  readonly log: Line[];
}

export const quickly = { firstMs: 20, maxMs: 100 };

/** An agent that ends with the test. */
export function agentOf(t: Teardown, options: Partial<AgentOptions> & Pick<AgentOptions, 'gateway'>): TestAgent {
  const lines: Line[] = [];
  const clock = new SkewClock();
  const running = startAgent({
    allow: ['127.0.0.1:*'],
    hostname: 'test-host',
    software: '0.1.0',
    clock,
    random,
    log: keepLog(lines),
    backOff: quickly,
    ...options,
  });
  t.teardown(() => running.close());
  return Object.assign(Object.create(running) as RunningAgent, { log: lines });
}

export async function linked(agent: RunningAgent): Promise<void> {
  await eventually('the agent is linked', () => agent.isLinked);
}

export interface EchoServer {
  readonly port: number;
  readonly connections: () => number;
}

/** Echoes; the line "greet" is answered with `name`. */
export async function echoServer(t: Teardown, name = 'echo'): Promise<EchoServer> {
  const sockets = new Set<import('node:net').Socket>();
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => socket.write(chunk.toString() === 'greet' ? name : chunk));
    socket.on('end', () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  });
  return { port: (server.address() as AddressInfo).port, connections: () => sockets.size };
}

export function targetAt(port: number, agent: AgentSelector, host = '127.0.0.1'): Target {
  return {
    name: 'orders' as Target['name'],
    protocol: 'postgres',
    labels: {},
    host,
    port,
    user: 'u',
    password: null,
    database: null,
    tls: { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
    agent,
  };
}

export const byName = (name: string): AgentSelector => ({ kind: 'name', name });

/** PEM texts of a certificate for 127.0.0.1 of its own authority. */
export function certificate(t: Teardown): { readonly cert: string; readonly key: string } {
  const { cert, key } = certificateFiles(t);
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

/** Files of one for 127.0.0.1 and another address. */
export function certificateFiles(t: Teardown, address = '127.0.0.1'): { readonly cert: string; readonly key: string } {
  const dir = temporaryDirectory(t, 'agent-tls');
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const made = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=gateway'.split(' ');
  const names = ['-addext', `subjectAltName=IP:${address},IP:127.0.0.1`];
  execFileSync(tool('openssl', 'openssl'), [...made, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { cert, key };
}
