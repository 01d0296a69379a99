// How a command reaches a target through the gateway, for each protocol: environment, arguments, and files that are gone with
// the command. The token is in the environment of that command alone, or in a file that only its owner reads; never in arguments.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TargetView } from '../api/contract.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { visible } from './visible.ts';

export interface Prepared {
  readonly command: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Removes the files. */
  readonly cleanUp: () => void;
}

export interface Access {
  readonly person: string;
  readonly token: string;
}

/** Clients of MySQL and MariaDB, which read a file of options when it is their first argument. */
const mysqlClients = new Set([
  'mysql',
  'mariadb',
  'mysqldump',
  'mariadb-dump',
  'mysqladmin',
  'mariadb-admin',
  'mysqlimport',
  'mariadb-import',
]);

/** Throws CommandFailure when the target can't be used so. */
export function prepare(target: TargetView, access: Access, argv: readonly string[]): Prepared {
  const { gateway } = target;
  if (gateway === undefined) throw new CommandFailure(exitCode.failed, `${visible(target.name)}: ${visible(target.connect)}`);
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-exec-')); // mode 0700
  const cleanUp = () => rmSync(directory, { recursive: true, force: true });
  const [command = '', ...args] = argv;
  switch (target.protocol) {
    case 'postgres': {
      const environment = {
        PGHOST: gateway.host,
        PGPORT: String(gateway.port),
        PGUSER: access.person,
        PGDATABASE: target.name,
        PGPASSWORD: access.token,
        PGAPPNAME: 'sallyport exec',
      };
      return { command, args, environment, cleanUp };
    }
    case 'mysql': {
      const file = join(directory, 'client.cnf');
      const option = (value: string) => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
      const options = [
        '[client]',
        `host=${option(gateway.host)}`,
        `port=${gateway.port}`,
        'protocol=tcp',
        `user=${option(`${access.person}:${target.name}`)}`,
        `password=${option(access.token)}`,
      ];
      writeFileSync(file, `${options.join('\n')}\n`, { mode: 0o600 });
      const environment = { MYSQL_HOST: gateway.host, MYSQL_TCP_PORT: String(gateway.port), MYSQL_PWD: access.token };
      const known = mysqlClients.has(basename(command));
      return { command, args: known ? [`--defaults-extra-file=${file}`, ...args] : args, environment, cleanUp };
    }
    case 'ssh':
      return { ...ssh(directory, target.name, gateway, access, argv), cleanUp };
    default:
      cleanUp();
      throw new CommandFailure(exitCode.failed, `sallyport exec does not know how to reach a ${visible(target.protocol)} target`);
  }
}

/** OpenSSH asks a program for the password, and knows the gateway's host key beforehand. */
function ssh(
  directory: string,
  target: string,
  gateway: NonNullable<TargetView['gateway']>,
  access: Access,
  argv: readonly string[],
): Omit<Prepared, 'cleanUp'> {
  if (gateway.host_key === undefined) throw new CommandFailure(exitCode.failed, 'the gateway did not say its SSH host key');
  const knownHosts = join(directory, 'known_hosts');
  writeFileSync(knownHosts, `[${gateway.host}]:${gateway.port} ${gateway.host_key}\n${gateway.host} ${gateway.host_key}\n`);
  const askPass = join(directory, 'askpass');
  writeFileSync(askPass, `#!/bin/sh\nprintf '%s\\n' "$SALLYPORT_EXEC_TOKEN"\n`);
  chmodSync(askPass, 0o700);
  const options = [
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${knownHosts}`,
    'GlobalKnownHostsFile=/dev/null',
    'PreferredAuthentications=password',
    'PubkeyAuthentication=no',
    'NumberOfPasswordPrompts=1',
    'ControlPath=none',
    'BatchMode=no',
  ];
  return {
    command: 'ssh',
    args: [
      ...options.flatMap((it) => ['-o', it]),
      ...['-p', String(gateway.port), '-l', `${access.person}:${target}`, gateway.host, '--'],
      ...argv,
    ],
    environment: { SSH_ASKPASS: askPass, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0', SALLYPORT_EXEC_TOKEN: access.token },
  };
}
