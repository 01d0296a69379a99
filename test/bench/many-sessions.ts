// Many sessions at once: what an idle one costs, and how fast an approval reaches the target when all of them wait for one.
// Open files are what limits the number: each session takes two of the gateway, and one each of the benchmark and of the server that
// does nothing, which is a process of its own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import * as wire from '../../protocols/postgres/messages.ts';
import type { Teardown } from '../support/directories.ts';
import { WireClient } from '../support/postgres-wire.ts';
import { start } from '../support/processes.ts';
import { person, startBenchGateway, targetName, type StartedGateway } from './gateway.ts';
import type { Probe } from './probe.ts';
import { residentBytes } from './process-usage.ts';
import { median, quantile } from './statistics.ts';

const filesOfSession = 2;
/** Recordings that are being written are open, too. */
const filesBesides = 400;
const openedAtOnce = 16;
/** The limits of the sign-in run out, and the collector comes by. */
const settleMs = 20_000;
/** Sessions that come and go before anything is measured: code is compiled and caches are filled by then. */
const warmingSessions = 200;
/** Approvals under way at once, as of several people with a script each. */
const approvedAtOnce = 4;
const holdId = /^hold (\S+): /;

export const idleSessions: Probe = {
  name: 'idle-sessions',
  title: 'memory of an idle session, of 10,000 or what open files allow',
  unit: 'kB',
  must: 40,
  run: async (t, { sessions }) => {
    const { gateway } = await stage(t);
    for (const client of await openMany(t, gateway, warmingSessions)) client.socket.destroy();
    const beforeBytes = residentBytes(gateway.pid);
    const count = Math.min(sessions, sessionsByFiles());
    const startMs = performance.now();
    await openMany(t, gateway, count);
    const openedMs = performance.now() - startMs;
    const openedBytes = residentBytes(gateway.pid);
    await pause(settleMs);
    const afterBytes = residentBytes(gateway.pid);
    return {
      value: (afterBytes - beforeBytes) / count / 1024,
      details: {
        sessions: count,
        'opened per second': (1000 * count) / openedMs,
        'gateway MB': afterBytes / 2 ** 20,
        'kB at once': (openedBytes - beforeBytes) / count / 1024,
      },
    };
  },
};

export const manyHolds: Probe = {
  name: 'many-holds',
  title: 'approve until the bytes are at the target, 99th percentile, all of them waiting',
  unit: 'ms',
  must: 50,
  run: async (t, { sessions }) => {
    const count = Math.min(sessions, sessionsByFiles());
    const { gateway, arrivals } = await stage(t);
    const clients = await openMany(t, gateway, count);
    const holds = new Map<string, string>();
    for (const [index, client] of clients.entries()) {
      const text = `TRUNCATE public.bench_${index}`;
      client.send(wire.query(text));
      const notice = (await client.until('N')).at(-1);
      holds.set(text, holdId.exec(wire.readDiagnostic(notice?.bytes ?? Buffer.alloc(0)).message)?.[1] ?? 'none');
    }
    const times: number[] = [];
    const waiting = [...holds];
    const approver = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [text, id] = next;
        const arrived = new Promise<number>((resolve) => arrivals.set(text, resolve));
        const askedMs = Number(process.hrtime.bigint()) / 1e6;
        await approve(gateway, id);
        times.push((await arrived) - askedMs);
        arrivals.delete(text);
      }
    };
    await Promise.all(Array.from({ length: approvedAtOnce }, approver));
    return {
      value: quantile(times, 0.99),
      details: { holds: times.length, 'median ms': median(times), 'gateway MB': residentBytes(gateway.pid) / 2 ** 20 },
    };
  },
};

/** `arrivals` are told when a text is at the server, by the machine's monotonic clock in ms. */
async function stage(t: Teardown): Promise<{ gateway: StartedGateway; arrivals: Map<string, (atMs: number) => void> }> {
  const stub = start(t, process.execPath, ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'stub-process.ts')]);
  const [port] = await stub.waitFor(/^\d+$/m);
  const arrivals = new Map<string, (atMs: number) => void>();
  createInterface(stub.child.stdout).on('line', (line) => {
    if (!line.startsWith('[')) return;
    const [text, atMs] = JSON.parse(line) as [string, number];
    arrivals.get(text)?.(atMs);
  });
  const target = { host: '127.0.0.1', port: Number(port), user: 'stub', password: 'stub', database: 'stub' };
  return { arrivals, gateway: await startBenchGateway(t, { protocol: 'postgres', target, nodeFlags: [] }) };
}

async function openMany(t: Teardown, { endpoint }: StartedGateway, count: number): Promise<WireClient[]> {
  const clients: WireClient[] = [];
  let left = count;
  const opener = async () => {
    while (left > 0) {
      left -= 1;
      clients.push(await WireClient.open(t, { ...endpoint, user: person, database: targetName }));
    }
  };
  await Promise.all(Array.from({ length: openedAtOnce }, opener));
  return clients;
}

async function approve({ http, approverToken }: StartedGateway, id: string): Promise<void> {
  const headers = { authorization: `Bearer ${approverToken}`, 'content-type': 'application/json' };
  const response = await fetch(`${http}/api/v1/holds/${id}/approve`, { method: 'POST', headers, body: '{"reason":"bench"}' });
  if (!response.ok) throw new Error(`approving ${id}: ${response.status} ${await response.text()}`);
}

function sessionsByFiles(): number {
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return Math.max(1, Math.floor((Number(limit ?? 1024) - filesBesides) / filesOfSession));
}
