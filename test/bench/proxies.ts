// What the gateway is compared with: HAProxy in TCP mode and PgBouncer in session pooling, one thread each, as Debian ships them.

import { chownSync, copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'node:net';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import type { Contender, Endpoint } from './contender.ts';

const clientsMax = 500;

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

export async function startHaproxy(t: Teardown, target: Endpoint): Promise<Contender> {
  const port = await freePort();
  const file = join(temporaryDirectory(t, 'haproxy'), 'haproxy.cfg');
  const lines = [
    'global',
    '  nbthread 1',
    `  maxconn ${clientsMax}`,
    'defaults',
    '  mode tcp',
    '  timeout connect 5s',
    '  timeout client 10m',
    '  timeout server 10m',
    'listen bench',
    `  bind 127.0.0.1:${port}`,
    `  server target ${target.host}:${target.port}`,
    '',
  ];
  writeFileSync(file, lines.join('\n'));
  const running = start(t, tool('haproxy', 'haproxy'), ['-db', '-f', file]);
  await untilListening(port, () => running.output);
  return { name: 'haproxy', endpoint: { ...target, host: '127.0.0.1', port }, pids: [pidOf(running.child.pid)] };
}

/** `certificate`: both of its sides encrypt. */
export async function startPgbouncer(t: Teardown, target: Endpoint, certificate: CertificateFiles | null = null): Promise<Contender> {
  const port = await freePort();
  const directory = temporaryDirectory(t, 'pgbouncer');
  const [file, users] = [join(directory, 'pgbouncer.ini'), join(directory, 'users.txt')];
  writeFileSync(users, `"${target.user}" "${target.password}"\n`, { mode: 0o600 });
  const lines = [
    '[databases]',
    `${target.database} = host=${target.host} port=${target.port} dbname=${target.database}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = scram-sha-256',
    `auth_file = ${users}`,
    'pool_mode = session',
    `max_client_conn = ${clientsMax}`,
    `default_pool_size = ${clientsMax}`,
    'ignore_startup_parameters = extra_float_digits',
    ...(certificate === null ? [] : tlsLines(directory, certificate)),
    '',
  ];
  writeFileSync(file, lines.join('\n'));
  const user = unprivilegedUser();
  if (user !== null)
    for (const path of [directory, ...readdirSync(directory).map((it) => join(directory, it))]) chownSync(path, user.uid, user.gid);
  const running = start(t, tool('pgbouncer', 'pgbouncer'), ['-q', file], user === null ? {} : { uid: user.uid, gid: user.gid });
  await untilListening(port, () => running.output);
  return { name: 'pgbouncer', endpoint: { ...target, host: '127.0.0.1', port }, pids: [pidOf(running.child.pid)] };
}

/** The key has to be the user's whom it runs as. */
function tlsLines(directory: string, { cert, key }: CertificateFiles): string[] {
  const [ownCert, ownKey] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  copyFileSync(cert, ownCert);
  copyFileSync(key, ownKey);
  const client = ['client_tls_sslmode = require', `client_tls_cert_file = ${ownCert}`, `client_tls_key_file = ${ownKey}`];
  return [...client, 'server_tls_sslmode = require'];
}

function pidOf(pid: number | undefined): number {
  if (pid === undefined) throw new Error('a proxy has no process');
  return pid;
}

function untilListening(port: number, output: () => string): Promise<unknown> {
  return eventually(`something listens on ${port}: ${output()}`, () => accepts(port));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
