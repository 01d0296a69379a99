// The MySQL rows: sysbench's point selects (as prepared statements and as text) and its read-only transactions.

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
];

function row(name: string, test: string, clients: number, flags: readonly string[]): Workload {
  return {
    name: `my-${name}-c${clients}`,
    title: `sysbench ${test}${flags.length > 0 ? ' as text' : ''}, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
    protocol: 'mysql',
    unit: 'transactions',
    contenders: ['direct', 'haproxy', 'sallyport', 'agent'],
    criteria: [{ metric: 'rate', against: 'haproxy', must: 0.85, aim: 1 }, throughAgent],
    run: async (endpoint, { seconds }) => {
      const args = [...flags, `--threads=${clients}`, `--time=${seconds}`, '--events=0', '--rand-type=uniform', 'run'];
      return readSysbench(await sysbench(endpoint, test, args, seconds * 1000 + graceMs), clients);
    },
  };
}

/** Runs one of sysbench's own tests; the last argument is its command. */
export function sysbench(
  { host, port, user, password, database }: Endpoint,
  test: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<string> {
  const place = [
    `--mysql-host=${host}`,
    `--mysql-port=${port}`,
    `--mysql-user=${user}`,
    `--mysql-password=${password}`,
    `--mysql-db=${database}`,
  ];
  const table = ['--tables=1', `--table-size=${tableRows}`, '--mysql-ssl=off'];
  return runTool({ command: 'sysbench', args: [test, '--db-driver=mysql', ...place, ...table, ...args], timeoutMs });
}
