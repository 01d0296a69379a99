// The MySQL rows: sysbench's point selects (as prepared statements and as text), its read-only transactions, and connecting.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Endpoint } from './contender.ts';
import { readSysbench, runTool } from './tools-output.ts';
import { throughAgent } from './workload.ts';
import type { Workload } from './workload.ts';

const graceMs = 30_000;
const tableRows = 10_000;

export const mysqlWorkloads: readonly Workload[] = [
  row('point', 'oltp_point_select', 1, []),
  row('point', 'oltp_point_select', 16, []),
  row('point-text', 'oltp_point_select', 16, ['--db-ps-mode=disable']),
  row('readonly', 'oltp_read_only', 1, []),
  row('readonly', 'oltp_read_only', 16, []),
  connecting(false),
];

/** With TLS on both sides; HAProxy passes it through. The way through an agent is measured without: its link has TLS in any event. */
export const mysqlTlsWorkloads: readonly Workload[] = [
  row('point', 'oltp_point_select', 1, [], true),
  row('point', 'oltp_point_select', 16, [], true),
  connecting(true),
];

function row(name: string, test: string, clients: number, flags: readonly string[], tls = false): Workload {
  const count = `${clients} ${clients === 1 ? 'client' : 'clients'}`;
  return {
    name: `${tls ? 'tls-' : ''}my-${name}-c${clients}`,
    title: `sysbench ${test}${flags.length > 0 ? ' as text' : ''}, ${count}${tls ? ', TLS' : ''}`,
    protocol: tls ? 'mysql-tls' : 'mysql',
    unit: 'transactions',
    contenders: ['direct', 'haproxy', 'sallyport', ...(tls ? [] : (['agent'] as const))],
    criteria: [{ metric: 'rate', against: 'haproxy', must: 0.85, aim: 1 }, throughAgent],
    run: (endpoint, { seconds }) =>
      inClientDirectory(endpoint, async (directory) => {
        const args = [...flags, `--threads=${clients}`, `--time=${seconds}`, '--events=0', '--rand-type=uniform', 'run'];
        return readSysbench(await sysbench(endpoint, test, args, seconds * 1000 + graceMs, directory), clients);
      }),
  };
}

const connectingClients = 4;

function connecting(tls: boolean): Workload {
  return {
    name: tls ? 'tls-my-connect' : 'my-connect',
    title: `MariaDB: connect, sign in, one query, close${tls ? ', TLS' : ''}`,
    protocol: tls ? 'mysql-tls' : 'mysql',
    unit: 'connections',
    contenders: ['direct', 'haproxy', 'sallyport', ...(tls ? [] : (['agent'] as const))],
    criteria: [{ metric: 'rate', against: 'direct', must: 1, aim: 2 }, throughAgent],
    run: (endpoint, { seconds }) =>
      inClientDirectory(endpoint, async (directory) => {
        const script = join(directory, 'connect.lua');
        writeFileSync(script, connectScript);
        const args = [`--threads=${connectingClients}`, `--time=${seconds}`, '--events=0', 'run'];
        const output = await sysbench(endpoint, script, args, seconds * 1000 + graceMs, directory);
        return readSysbench(output, connectingClients);
      }),
  };
}

/** A directory for one run of sysbench, with what its client needs to encrypt. */
async function inClientDirectory<T>({ certificate }: Endpoint, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-sysbench-'));
  try {
    if (certificate !== undefined) {
      for (const [name, file] of Object.entries(clientFiles)) symlinkSync(certificate[file], join(directory, name));
    }
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const connectScript = `
function thread_init()
  driver = sysbench.sql.driver()
end

function event()
  local connection = driver:connect()
  connection:query("SELECT c FROM sbtest1 WHERE id=" .. sysbench.rand.uniform(1, ${tableRows}))
  connection:disconnect()
end
`;

/** Where sysbench looks for what its client shows and trusts: names in its working directory. */
const clientFiles = { 'client-cert.pem': 'cert', 'client-key.pem': 'key', 'cacert.pem': 'cert' } as const;

/** Runs one of sysbench's own tests, or a script; the last argument is its command. */
export function sysbench(
  { host, port, user, password, database, tls = false }: Endpoint,
  test: string,
  args: readonly string[],
  timeoutMs: number,
  cwd?: string,
): Promise<string> {
  const place = [
    `--mysql-host=${host}`,
    `--mysql-port=${port}`,
    `--mysql-user=${user}`,
    `--mysql-password=${password}`,
    `--mysql-db=${database}`,
  ];
  const table = ['--tables=1', `--table-size=${tableRows}`];
  const own = test.endsWith('.lua') ? [] : table;
  const all = [test, '--db-driver=mysql', ...place, `--mysql-ssl=${tls ? 'on' : 'off'}`, ...own, ...args];
  return runTool({ command: 'sysbench', args: all, timeoutMs, ...(cwd === undefined ? {} : { cwd }) });
}
