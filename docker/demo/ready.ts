// What the demo says when it is ready: words in colour for a person, one line of JSON for a program.

import type { Ports } from './data-directory.ts';
import { shellWord } from './quoting.ts';

export interface Ready {
  readonly console: string;
  readonly api: string;
  readonly people: Readonly<Record<string, { readonly token: string }>>;
  readonly targets: Readonly<Record<string, ReadyDatabase | ReadyMachine>>;
}

interface ReadyDatabase {
  readonly protocol: string;
  readonly url: string;
  /** Around the gateway, for comparisons. */
  readonly direct: string;
}

/** Run as it is, or with a command appended. */
interface ReadyMachine {
  readonly protocol: string;
  readonly argv: readonly string[];
}

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  yellow(text: string): string;
  green(text: string): string;
}

/** The words for a terminal. */
export function greeting(ready: Ready, ports: Ports, dataDir: string, paint: Paint): string {
  const alice = ready.people['alice']?.token ?? '';
  const psql = (database: string) => paint.yellow(`PGPASSWORD=${alice} psql -h 127.0.0.1 -p ${ports.postgres} -U alice -d ${database}`);
  const others = Object.entries(ready.people)
    .filter(([name]) => name !== 'alice')
    .map(([name, { token }]) => `     ${paint.dim(`${name.padEnd(6)} ${token}`)}`);
  return [
    '',
    paint.bold(paint.green('Sallyport is running.')),
    '',
    `${paint.bold('1.')} Be alice, an engineer, on the production database:`,
    `   ${psql('orders')}`,
    '',
    `${paint.bold('2.')} Look around, then try something that waits for a DBA:`,
    `   ${paint.yellow('SELECT * FROM order_totals LIMIT 5;')}`,
    `   ${paint.yellow('DELETE FROM payments;')}`,
    '',
    `${paint.bold('3.')} Be bob, a DBA, in the browser, and answer (this link signs in once, within an hour):`,
    `   ${paint.yellow(ready.console)}`,
    '',
    `   On ${paint.bold('scratch')}, a development database, nothing ordinary waits:`,
    `   ${psql('scratch')}`,
    '',
    ...shopLines(ready, ports, paint),
    ...machineLines(ready, paint),
    `   On ${paint.bold('ledger')} nobody has standing access. Ask for an hour, answer as bob, then connect as above with -d ledger:`,
    `   ${paint.yellow(`node bin/sallyport.mjs request ledger --for 1h --reason "the March report" --server ${new URL(ready.api).origin} --token ${alice}`)}`,
    '',
    `   The others sign in with these tokens (console and API: ${ready.api}):`,
    ...others,
    '',
    `   Policies to edit while it runs: ${dataDir}/policies`,
    `   ${paint.bold('Ctrl-C')} ends everything; delete ${dataDir} to start afresh.`,
    '',
  ].join('\n');
}

function shopLines(ready: Ready, ports: Ports, paint: Paint): string[] {
  if (ready.targets['shop'] === undefined) return [];
  const mariadb = `MYSQL_PWD=${ready.people['alice']?.token ?? ''} mariadb -h 127.0.0.1 -P ${ports.mysql} -u alice shop`;
  return [
    `   On ${paint.bold('shop')}, a production MariaDB, the same (${paint.yellow('mysql')} does as well as ${paint.yellow('mariadb')}):`,
    `   ${paint.yellow(mariadb)}`,
    '',
  ];
}

function machineLines(ready: Ready, paint: Paint): string[] {
  const machine = ready.targets['web-1'];
  if (machine === undefined || !('argv' in machine)) return [];
  return [
    `   On ${paint.bold('web-1')}, a machine over SSH, every command is judged; ${paint.yellow('rm deploy.log')} waits:`,
    `   ${paint.yellow(machine.argv.map(shellWord).join(' '))}`,
    '',
  ];
}
