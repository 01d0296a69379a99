// The PostgreSQL rows: pgbench's SELECT, statements that are all new, bulk in both directions, and connecting.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from './contender.ts';
import { readPgbench, runTool } from './tools-output.ts';
import type { LoadResult } from './tools-output.ts';
import type { Criterion, Load, Workload } from './workload.ts';

/** On top of what a run should take. */
const graceMs = 30_000;
const bulkTimeoutMs = 300_000;
const megabyte = 1024 * 1024;
/** Above idle, for streams of any length. */
const bulkMemoryBytesMax = 64 * megabyte;

const proxies: Workload['contenders'] = ['direct', 'haproxy', 'pgbouncer', 'sallyport'];

export const postgresWorkloads: readonly Workload[] = [
  selects('simple', 1),
  selects('simple', 16),
  selects('simple', 64),
  selects('prepared', 1),
  selects('prepared', 16),
  selects('prepared', 64),
  {
    name: 'pg-new-c16',
    title: 'every text new, 2 kB, 16 clients',
    protocol: 'postgres',
    unit: 'transactions',
    contenders: ['direct', 'haproxy', 'sallyport'],
    criteria: [{ metric: 'rate', against: 'direct', must: 0.5, aim: 0.7 }],
    run: (endpoint, load) => pgbench(endpoint, load, 16, ['-M', 'simple'], newTexts()),
  },
  {
    name: 'pg-connect',
    title: 'connect, sign in, one query, close',
    protocol: 'postgres',
    unit: 'connections',
    contenders: proxies,
    criteria: [
      { metric: 'rate', against: 'direct', must: 1, aim: 2 },
      { metric: 'rate', against: 'pgbouncer', must: 0.5, aim: 1 },
    ],
    run: (endpoint, load) => pgbench(endpoint, load, 4, ['-M', 'simple', '-C', '-S']),
  },
  bulk('pg-copy-out', 'COPY TO STDOUT', (endpoint, load) => psql(endpoint, load, `COPY (${wideRows(load)}) TO STDOUT`)),
  bulk('pg-copy-in', 'COPY FROM STDIN', copyIn),
  bulk('pg-result', 'one large result', (endpoint, load) => psql(endpoint, load, wideRows(load))),
];

function selects(mode: 'simple' | 'prepared', clients: number): Workload {
  const criteria: Criterion[] = [];
  if (clients === 1) criteria.push({ metric: 'added', against: 'haproxy', must: 1.5, aim: 1.1 });
  else for (const against of ['haproxy', 'pgbouncer'] as const) criteria.push({ metric: 'rate', against, must: 0.85, aim: 1 });
  if (clients === 16) criteria.push({ metric: 'cpu', against: 'haproxy', must: 1.6, aim: 1.2 });
  return {
    name: `pg-${mode}-c${clients}`,
    title: `pgbench -S ${mode}, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
    protocol: 'postgres',
    unit: 'transactions',
    contenders: proxies,
    criteria,
    run: (endpoint, load) => pgbench(endpoint, load, clients, ['-M', mode, '-S']),
  };
}

function bulk(name: string, title: string, run: Workload['run']): Workload {
  const criteria: Criterion[] = [
    { metric: 'rate', against: 'haproxy', must: 0.9, aim: 1 },
    { metric: 'memory', against: 'idle', must: bulkMemoryBytesMax, aim: bulkMemoryBytesMax },
  ];
  return { name, title, protocol: 'postgres', unit: 'MB', contenders: proxies, criteria, run };
}

async function pgbench(
  endpoint: Endpoint,
  { seconds }: Load,
  clients: number,
  mode: readonly string[],
  script?: string,
): Promise<LoadResult> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-pgbench-'));
  try {
    const file = join(directory, 'script.sql');
    if (script !== undefined) writeFileSync(file, script);
    const { host, port, user, database } = endpoint;
    const where = ['-h', host, '-p', String(port), '-U', user, '-n', '-T', String(seconds), '-c', String(clients), '-j', '1'];
    const args = [...where, ...mode, ...(script === undefined ? [] : ['-f', file]), database];
    const output = await runTool({ command: 'pgbench', args, env: environment(endpoint), timeoutMs: seconds * 1000 + graceMs });
    return readPgbench(output, clients);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What an object-relational mapper writes: quoted names, an alias for each column, 2 kB, and never the same text twice. */
function newTexts(): string {
  const columns = ['aid', 'bid', 'abalance', 'filler'];
  const selected = Array.from({ length: 32 }, (_, index) => {
    const column = columns[index % columns.length] as string;
    return `"t${index % 2}"."${column}" AS "account_${index}_${column}__value"`;
  });
  const join = 'INNER JOIN "pgbench_accounts" "t1" ON "t1"."aid" = "t0"."aid"';
  const where = '"t0"."aid" = :aid AND "t0"."bid" < :number AND ("t1"."abalance" IS NULL OR "t1"."abalance" <> :number)';
  return `\\set aid random(1, 100000)\n\\set number random(1, 2000000000)\nSELECT ${selected.join(', ')} FROM "pgbench_accounts" "t0" ${join} WHERE ${where} ORDER BY "t0"."aid" ASC LIMIT 10;\n`;
}

const rowBytes = 1000;

function wideRows({ megabytes }: Load): string {
  const rows = Math.round((megabytes * megabyte) / rowBytes);
  return `SELECT repeat('x', ${rowBytes - 1}) FROM generate_series(1, ${rows})`;
}

async function psql(endpoint: Endpoint, load: Load, text: string): Promise<LoadResult> {
  const args = [...psqlPlace(endpoint), '-Atq', '-v', 'FETCH_COUNT=0', '-c', text];
  return timed(load, () => runTool({ command: 'psql', args, env: environment(endpoint), timeoutMs: bulkTimeoutMs, discardOutput: true }));
}

async function copyIn(endpoint: Endpoint, load: Load): Promise<LoadResult> {
  const chunk = Buffer.from(`${'x'.repeat(rowBytes - 1)}\n`.repeat(64));
  const chunks = Math.round((load.megabytes * megabyte) / chunk.length);
  const args = [...psqlPlace(endpoint), '-q', '-c', 'COPY bench_rows FROM STDIN'];
  return timed(load, () =>
    runTool({
      command: 'psql',
      args,
      env: environment(endpoint),
      timeoutMs: bulkTimeoutMs,
      input: async (write) => {
        for (let sent = 0; sent < chunks; sent += 1) await write(chunk);
      },
    }),
  );
}

async function timed({ megabytes }: Load, run: () => Promise<unknown>): Promise<LoadResult> {
  const startedMs = performance.now();
  await run();
  return { amount: megabytes, perSecond: megabytes / ((performance.now() - startedMs) / 1000), latencyMicros: null };
}

function psqlPlace({ host, port, user, database }: Endpoint): string[] {
  return ['-X', '-h', host, '-p', String(port), '-U', user, '-d', database];
}

function environment({ password }: Endpoint): Record<string, string> {
  return { PGPASSWORD: password, PGSSLMODE: 'disable', PGGSSENCMODE: 'disable' };
}
