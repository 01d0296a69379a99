// What monitoring reads: the figures follow what happens, the page is Prometheus' text format, and a gateway that can't write its
// audit log says that it is not ready.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import t from 'tap';
import { Meter } from '../../src/composition/meter.ts';
import { listenMetrics } from '../../src/composition/metrics-listener.ts';
import { Metrics } from '../../src/composition/metrics.ts';
import { loadConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';
import type { RegisteredSession, SessionBook } from '../../src/sessions/registry.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';

function metricsOf(meter: Meter): Metrics {
  return new Metrics({
    version: '1.2.3',
    dataDir: '/',
    protocols: ['postgres', 'ssh'],
    meter,
    agentsLinked: () => 2,
    auditSeq: () => 40,
    policyVersion: () => 'a"b\\c',
    policiesRejected: () => false,
    certificateEndMs: () => 1_900_000_000_000,
    nowMs: () => 100_000,
  });
}

function session(
  id: string,
  protocol: 'postgres' | 'ssh',
): RegisteredSession & { counts: { statements: number; held: number; denied: number } } {
  return { id, target: { protocol }, counts: { statements: 0, held: 0, denied: 0 } } as never;
}

t.test('sessions and what is asked in them are counted as the book is written', async (t) => {
  const meter = new Meter();
  const written: string[] = [];
  const book: SessionBook = {
    opened: ({ id }) => void written.push(`opened ${id}`),
    counted: (sessions) => void written.push(...sessions.map(({ id }) => `counted ${id}`)),
    closed: ({ id }, _atMs, reason) => void written.push(`closed ${id}: ${reason}`),
  };
  const read = meter.reading(book);
  const [a, b] = [session('a', 'postgres'), session('b', 'ssh')];
  read.opened(a, 1);
  read.opened(b, 1);
  a.counts.statements = 5;
  read.counted([a]);
  a.counts.statements = 7;
  a.counts.denied = 1;
  read.counted([a]);
  a.counts.statements = 9;
  read.closed(a, 2, 'bye');
  read.closed(a, 2, 'twice');
  t.same(written, ['opened a', 'opened b', 'counted a', 'counted a', 'closed a: bye', 'closed a: twice'], 'the book hears all of it');
  t.same(meter.sessions('postgres'), { open: 0, opened: 1, statements: 9, denied: 1 });
  t.same(meter.sessions('ssh'), { open: 1, opened: 1, statements: 0, denied: 0 });
});

t.test('holds that wait, and how they ended', async (t) => {
  const meter = new Meter();
  const hold = (id: string, state: 'pending' | 'denied' | 'approved') => ({ id, state, createdAtMs: 40_000 }) as never;
  meter.hold(hold('h-old', 'pending'), false);
  meter.hold(hold('h-1', 'pending'), true);
  meter.hold(hold('h-1', 'pending'), false);
  t.equal(meter.placed, 1, 'one that an earlier run left was placed then');
  const metrics = metricsOf(meter);
  t.teardown(() => metrics.close());
  t.match(metrics.text(), 'sallyport_holds_pending 2\n');
  t.match(metrics.text(), 'sallyport_hold_oldest_pending_seconds 60\n');
  t.match(metrics.text(), 'sallyport_certificate_end_time_seconds 1900000000\n');
  meter.hold(hold('h-1', 'denied'), false);
  meter.hold(hold('h-1', 'denied'), false);
  meter.hold(hold('h-old', 'approved'), false);
  t.match(metrics.text(), 'sallyport_holds_settled_total{state="denied"} 1\n');
  t.match(metrics.text(), 'sallyport_holds_settled_total{state="approved"} 1\n');
  t.match(metrics.text(), 'sallyport_holds_pending 0\n');
});

t.test('each family is told once, with help and type, and every line can be read', async (t) => {
  const metrics = metricsOf(new Meter());
  t.teardown(() => metrics.close());
  const told = new Set<string>();
  let family = '';
  for (const line of metrics.text().trimEnd().split('\n')) {
    const [, name] = /^# HELP (\S+) \S/.exec(line) ?? [];
    if (name !== undefined) {
      t.notOk(told.has(name), name);
      told.add(name);
      family = name;
    } else if (line.startsWith('#')) t.match(line, new RegExp(`^# TYPE ${family} (gauge|counter)$`));
    else t.match(line, new RegExp(`^${family}(\\{[a-z]+="([^"\\\\]|\\\\.)*"(,[a-z]+="([^"\\\\]|\\\\.)*")*\\})? [0-9.e+-]+$`));
  }
  t.match(metrics.text(), String.raw`policies="a\"b\\c"`);
  for (const name of told) if (metrics.text().includes(`# TYPE ${name} counter`)) t.match(name, /_total$/);
});

t.test('not ready while the audit log takes nothing', async (t) => {
  const meter = new Meter();
  const metrics = metricsOf(meter);
  t.teardown(() => metrics.close());
  const { port, close } = await listenMetrics({ host: '127.0.0.1', port: 0 }, metrics);
  t.teardown(close);
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return `${response.status} ${await response.text()}`;
  };
  t.match(await get('/readyz'), /^200 ready/);
  meter.auditRefuses('no space left on device');
  t.match(await get('/readyz'), /^503 statements are refused: no space left/);
  t.match(await get('/metrics?x=1'), /^sallyport_ready 0$/m);
  meter.auditRefuses(null);
  t.match(await get('/readyz'), /^200 /);
  t.match(await get('/'), /^404 /);
  t.match(await get('/metrics', 'POST'), /^405 /);
  t.equal(await get('/metrics', 'HEAD'), '200 ');
});

t.test('a gateway serves them where its configuration says, and nowhere else', async (t) => {
  const dir = temporaryDirectory(t, 'metrics');
  mkdirSync(`${dir}/policies`);
  const pack = fileURLToPath(new URL('../../policies/packs/development-database.yaml', import.meta.url));
  copyFileSync(pack, `${dir}/policies/p.yaml`);
  const start = async (listen: string) => {
    writeFileSync(
      `${dir}/sallyport.yaml`,
      `data_dir: data
listen: { http: { port: 0 }, postgres: { port: 0 }${listen} }
policies: { dir: policies }
people: [{ name: bob, groups: [dba] }]
targets: [{ name: orders, protocol: postgres, host: 127.0.0.1, port: 1, user: x }]
`,
    );
    return startGateway(loadConfig(`${dir}/sallyport.yaml`), { log: pino({ level: 'silent' }) });
  };
  const without = await start('');
  t.equal(without.addresses.metrics, undefined);
  t.not((await fetch(`${without.addresses.http}/metrics`)).headers.get('content-type')?.includes('version=0.0.4'), true);
  await without.close();
  const gateway = await start(', metrics: { port: 0 }');
  t.teardown(() => gateway.close());
  const at = `http://127.0.0.1:${gateway.addresses.metrics?.port}`;
  const text = await (await fetch(`${at}/metrics`)).text();
  t.match(text, /^sallyport_info\{version="0\.1\.0",policies="[0-9a-f]{12}"\} 1$/m);
  t.match(text, /^sallyport_sessions_open\{protocol="postgres"\} 0$/m);
  t.notMatch(text, /mysql|certificate/, 'only what is served');
  t.match(text, /^sallyport_data_free_bytes [1-9]/m);
  t.equal((await fetch(`${at}/readyz`)).status, 200);
  const saysRejected = async (value: 0 | 1) => {
    const found = await (await fetch(`${at}/metrics`)).text();
    return found.includes(`\nsallyport_policies_rejected ${value}\n`) || null;
  };
  const good = readFileSync(`${dir}/policies/p.yaml`, 'utf8');
  writeFileSync(`${dir}/policies/p.yaml`, `${good}\nbogus: 1\n`);
  await eventually('the wrong version is told', () => saysRejected(1));
  writeFileSync(`${dir}/policies/p.yaml`, good);
  await eventually('put back, it is over', () => saysRejected(0));
});
