// The PostgreSQL rows: pgbench's SELECT, statements that are all new, bulk in both directions, and connecting.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContenderName, Endpoint } from './contender.ts';
import { newFormScripts, queriesOfScript } from './new-forms.ts';
import { readPgbench, runTool } from './tools-output.ts';
import type { LoadResult } from './tools-output.ts';
import { throughAgent } from './workload.ts';
import type { Criterion, Load, Workload } from './workload.ts';

/** On top of what a run should take. */
const graceMs = 30_000;
const bulkTimeoutMs = 300_000;
const megabyte = 1024 * 1024;
/** Above idle, for streams of any length. */
const bulkMemoryBytesMax = 64 * megabyte;

type Encryption = 'plain' | 'tls';

export const postgresWorkloads: readonly Workload[] = [
  ...([1, 16, 64] as const).map((clients) => selects('simple', clients)),
  ...([1, 16, 64] as const).map((clients) => selects('prepared', clients)),
  {
    name: 'pg-new-c16',
    title: 'every text new, 2 kB, 16 clients',
    protocol: 'postgres',
    unit: 'transactions',
    contenders: ['direct', 'haproxy', 'sallyport', 'agent'],
    criteria: [{ metric: 'rate', against: 'direct', must: 0.5, aim: 0.7 }, throughAgent],
    run: (endpoint, load) => pgbench(endpoint, load, 16, ['-M', 'simple'], [newTexts()]),
  },
  {
    name: 'pg-new-forms-c16',
    title: 'every text of a new form, 2 kB, 16 clients',
    protocol: 'postgres',
    unit: 'transactions',
    contenders: ['direct', 'haproxy', 'sallyport', 'agent'],
    criteria: [{ metric: 'rate', against: 'direct', must: 0.5, aim: 0.7 }, throughAgent],
    run: async (endpoint, load) => perQuery(await pgbench(endpoint, load, 16, ['-M', 'simple'], newFormScripts())),
  },
  connecting(),
  bulk('pg-copy-out', 'COPY TO STDOUT', 1000, (endpoint, load) => psql(endpoint, load, `COPY (${wideRows(load)}) TO STDOUT`)),
  bulk('pg-copy-in', 'COPY FROM STDIN', 1000, copyIn),
  bulk('pg-result', 'one large result', 500, (endpoint, load) => psql(endpoint, load, wideRows(load))),
];

/** The same with TLS on both sides; HAProxy passes it through, PgBouncer ends and begins it as the gateway does. */
export const postgresTlsWorkloads: readonly Workload[] = [
  selects('simple', 1, 'tls'),
  selects('simple', 16, 'tls'),
  selects('prepared', 16, 'tls'),
  connecting('tls'),
  bulk('pg-copy-out', 'COPY TO STDOUT', 1000, (endpoint, load) => psql(endpoint, load, `COPY (${wideRows(load)}) TO STDOUT`), 'tls'),
];

function named(name: string, encryption: Encryption): string {
  return encryption === 'tls' ? `tls-${name}` : name;
}

function titled(title: string, encryption: Encryption): string {
  return encryption === 'tls' ? `${title}, TLS` : title;
}

/** Who takes part; the way through an agent is measured without TLS, its own link has it in any event. */
function contenders(encryption: Encryption, ...more: readonly ContenderName[]): ContenderName[] {
  return ['direct', 'haproxy', ...more, 'sallyport', ...(encryption === 'tls' ? [] : (['agent'] as const))];
}

function selects(mode: 'simple' | 'prepared', clients: number, encryption: Encryption = 'plain'): Workload {
  const criteria: Criterion[] = [];
  if (clients === 1) criteria.push({ metric: 'added', against: 'haproxy', must: 1.5, aim: 1.1 });
  else for (const against of ['haproxy', 'pgbouncer'] as const) criteria.push({ metric: 'rate', against, must: 0.85, aim: 1 });
  if (clients === 16) criteria.push({ metric: 'cpu', against: 'haproxy', must: 1.6, aim: 1.2 });
  return {
    name: named(`pg-${mode}-c${clients}`, encryption),
    title: titled(`pgbench -S ${mode}, ${clients} ${clients === 1 ? 'client' : 'clients'}`, encryption),
    protocol: encryption === 'tls' ? 'postgres-tls' : 'postgres',
    unit: 'transactions',
    contenders: contenders(encryption, ...(clients === 1 ? [] : (['pgbouncer'] as const))),
    criteria: [...criteria, throughAgent],
    run: (endpoint, load) => pgbench(endpoint, load, clients, ['-M', mode, '-S']),
  };
}

function connecting(encryption: Encryption = 'plain'): Workload {
  return {
    name: named('pg-connect', encryption),
    title: titled('connect, sign in, one query, close', encryption),
    protocol: encryption === 'tls' ? 'postgres-tls' : 'postgres',
    unit: 'connections',
    contenders: contenders(encryption, 'pgbouncer'),
    criteria: [
      { metric: 'rate', against: 'direct', must: 1, aim: 2 },
      { metric: 'rate', against: 'pgbouncer', must: null, aim: 1 },
      throughAgent,
    ],
    run: (endpoint, load) => pgbench(endpoint, load, 4, ['-M', 'simple', '-C', '-S']),
  };
}

function bulk(name: string, title: string, megabytes: number, run: Workload['run'], encryption: Encryption = 'plain'): Workload {
  const criteria: Criterion[] = [
    { metric: 'rate', against: 'haproxy', must: 0.9, aim: 1 },
    { metric: 'memory', against: 'idle', must: bulkMemoryBytesMax, aim: bulkMemoryBytesMax },
    throughAgent,
  ];
  return {
    name: named(name, encryption),
    title: titled(title, encryption),
    protocol: encryption === 'tls' ? 'postgres-tls' : 'postgres',
    unit: 'MB',
    megabytes,
    contenders: contenders(encryption),
    criteria,
    run,
  };
}

async function pgbench(
  endpoint: Endpoint,
  { seconds }: Load,
  clients: number,
  mode: readonly string[],
  scripts: readonly string[] = [],
): Promise<LoadResult> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-pgbench-'));
  try {
    const files = scripts.flatMap((script, index) => {
      const file = join(directory, `script-${index}.sql`);
      writeFileSync(file, script);
      return ['-f', file];
    });
    const { host, port, user, database } = endpoint;
    // Connecting blocks a thread of pgbench: with one thread, four clients would connect one after the other.
    const threads = mode.includes('-C') ? clients : 1;
    const where = ['-h', host, '-p', String(port), '-U', user, '-n', '-T', String(seconds), '-c', String(clients), '-j', String(threads)];
    const args = [...where, ...mode, ...files, database];
    const output = await runTool({ command: 'pgbench', args, env: environment(endpoint), timeoutMs: seconds * 1000 + graceMs });
    return readPgbench(output, clients);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A script has several queries. */
function perQuery({ amount, perSecond, latencyMicros }: LoadResult): LoadResult {
  const latency = latencyMicros === null ? null : latencyMicros / queriesOfScript;
  return { amount: amount * queriesOfScript, perSecond: perSecond * queriesOfScript, latencyMicros: latency };
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

function environment({ password, tls = false }: Endpoint): Record<string, string> {
  return { PGPASSWORD: password, PGSSLMODE: tls ? 'require' : 'disable', PGGSSENCMODE: 'disable' };
}
