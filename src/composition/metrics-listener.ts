// The small HTTP server beside the API for monitoring: /metrics, and /readyz for whoever asks whether to send people here. Plain HTTP
// without a sign-in, on an address of its own, off unless the configuration names one; it gives numbers and takes nothing.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OpenedAuditLog } from '../audit/log.ts';
import type { HoldDesk } from '../approvals/hold-desk.ts';
import type { Config } from '../config/config.ts';
import { cannotListen } from '../core/cannot-listen.ts';
import type { Clock } from '../core/clock.ts';
import { limitPipelining } from '../core/pipelining.ts';
import type { ServerTls } from '../core/server-tls.ts';
import type { Meter } from './meter.ts';
import { Metrics } from './metrics.ts';
import type { Teardown } from './teardown.ts';

/** A scraper asks every few seconds, a load balancer as often; more than so many connections are refused. */
const connectionsMax = 64;
const requestTimeoutMs = 5_000;

export interface MetricsListener {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

interface MeasuredParts {
  readonly version: string;
  readonly meter: Meter;
  readonly holds: Pick<HoldDesk, 'lasting' | 'get'>;
  readonly audit: Pick<OpenedAuditLog, 'head'>;
  readonly policies: { current(): { readonly version: string }; rejected(): readonly string[] };
  readonly agents: { list(): readonly { readonly isConnected: boolean }[] };
  readonly tls: ServerTls | null;
  readonly clock: Clock;
}

/** Serves the figures when the configuration says where, and writes into `addresses` where that is. Throws Fault listen-failed. */
export async function serveMetrics(
  config: Config,
  { version, meter, holds, audit, policies, agents, tls, clock }: MeasuredParts,
  addresses: { metrics?: { host: string; port: number } },
  down: Teardown,
): Promise<void> {
  if (config.listen.metrics === undefined) return;
  for (const { hold } of holds.lasting()) {
    const record = holds.get(hold.id);
    if (record !== undefined) meter.hold(record, false);
  }
  const metrics = new Metrics({
    version,
    dataDir: config.dataDir,
    protocols: (['postgres', 'mysql', 'ssh'] as const).filter((protocol) => config.listen[protocol] !== null),
    meter,
    agentsLinked: () => agents.list().filter(({ isConnected }) => isConnected).length,
    auditSeq: () => audit.head().seq,
    policyVersion: () => policies.current().version,
    policiesRejected: () => policies.rejected().length > 0,
    certificateEndMs: () => tls?.current.certificate.validToDate.getTime() ?? null,
    nowMs: () => clock.nowMs(),
  });
  down.add(() => metrics.close());
  const listener = await listenMetrics(config.listen.metrics, metrics);
  down.add(() => listener.close());
  addresses.metrics = { host: listener.host, port: listener.port };
}

/** Throws Fault listen-failed. */
export async function listenMetrics(at: { readonly host: string; readonly port: number }, metrics: Metrics): Promise<MetricsListener> {
  const server = createServer();
  limitPipelining(server);
  server.on('request', (request, response) => {
    if (request.socket.destroyed) return;
    const { status, type, text } = answer(request.method ?? '', (request.url ?? '').split('?')[0] ?? '', metrics);
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    response.end(request.method === 'HEAD' ? '' : text);
  });
  server.maxConnections = connectionsMax;
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = requestTimeoutMs;
  server.listen(at.port, at.host);
  try {
    await once(server, 'listening');
  } catch (thrown) {
    throw cannotListen('metrics', at, thrown);
  }
  return {
    host: at.host,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

const plain = 'text/plain; charset=utf-8';

function answer(method: string, path: string, metrics: Metrics): { readonly status: number; readonly type: string; readonly text: string } {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, type: plain, text: 'only GET\n' };
  switch (path) {
    case '/metrics':
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', text: metrics.text() };
    case '/readyz': {
      const why = metrics.notReady();
      return why === null
        ? { status: 200, type: plain, text: 'ready\n' }
        : { status: 503, type: plain, text: `statements are refused: ${why}\n` };
    }
    default:
      return { status: 404, type: plain, text: 'there are /metrics and /readyz\n' };
  }
}
