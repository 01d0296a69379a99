// The gateway's configuration and policies in the demo's data directory. The configuration is written at each start, because
// ports change; the policies are copied and from then on belong to the person, who may edit them while the demo runs.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { passwordFile } from './data-directory.ts';
import type { Ports } from './data-directory.ts';
import type { MariadbServer } from './mariadb-server.ts';
import { checkout } from './options.ts';
import { sshPath, sshWord } from './quoting.ts';
import { shopTarget } from './shop.ts';
import { makeKeyPair, publicKeyOf } from './ssh-server.ts';
import type { Machine } from './ssh-server.ts';

/** The seeded people. Bob's link is what the demo prints: he answers what alice asks. */
export const people = [
  { name: 'alice', display_name: 'Alice Arnold', groups: ['engineers'] },
  { name: 'bob', display_name: 'Bob Becker', groups: ['dba'] },
  { name: 'dana', display_name: 'Dana Duarte', groups: ['dba'] },
  { name: 'carol', display_name: 'Carol Costa', groups: ['auditors'] },
  { name: 'erin', display_name: 'Erin Eriksen', groups: ['operators'] },
] as const;

const targets = [
  { name: 'orders', database: 'orders', labels: { env: 'production' } },
  { name: 'scratch', database: 'scratch', labels: { env: 'development' } },
  // The same data, for people who have no standing access: to ask for some, and have it end.
  { name: 'ledger', database: 'orders', labels: { access: 'just-in-time' } },
] as const;

const shippedPolicies = [
  'production-database.yaml',
  'development-database.yaml',
  'production-ssh.yaml',
  'development-ssh.yaml',
  'just-in-time.yaml',
];

/** Writes sallyport.yaml and gives its path. `machine` is the SSH server behind target web-1, `shop` MariaDB behind target shop, where there are any. */
export function writeConfiguration(directory: string, ports: Ports, machine: Machine | null, shop: MariadbServer | null): string {
  makeKeyPair(aliceKey(directory), 'alice');
  const configuration = {
    data_dir: 'gateway',
    public_url: `http://127.0.0.1:${ports.http}`,
    listen: {
      http: { host: '127.0.0.1', port: ports.http },
      postgres: { host: '127.0.0.1', port: ports.postgres },
      ...(shop === null ? {} : { mysql: { host: '127.0.0.1', port: ports.mysql } }),
      ssh: { host: '127.0.0.1', port: ports.ssh },
    },
    people: people.map((person) => (person.name === 'alice' ? { ...person, ssh_keys: [publicKeyOf(aliceKey(directory))] } : person)),
    rights: { approve: ['dba'], audit: ['auditors'], operate: ['operators'] },
    targets: [
      ...databases(directory, ports),
      ...(shop === null ? [] : [shopTarget(shop.port, passwordFile(directory, 'shop_gateway'))]),
      ...(machine === null ? [] : [machineTarget(machine)]),
    ],
    policies: { dir: 'policies' },
  };
  const head = '# Written by the demo at each start: changes made here are lost. The policies beside it are yours to edit.\n';
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, head + stringify(configuration, { lineWidth: 120 }));
  return file;
}

/** How alice reaches web-1: her key, the gateway's own host key, and nothing of the person who runs the demo. */
export function sshTarget(directory: string, port: number): { readonly protocol: string; readonly argv: readonly string[] } {
  const knownHosts = join(directory, 'ssh', 'known_hosts');
  const hostKey = readFileSync(join(directory, 'gateway', 'ssh_host_ed25519_key.pub'), 'utf8').trim();
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${hostKey}\n`);
  const ownFiles = ['-i', aliceKey(directory), '-o', `UserKnownHostsFile=${sshWord(sshPath(knownHosts))}`];
  const options = ['-p', String(port), ...ownFiles, '-o', 'IdentitiesOnly=yes'];
  return { protocol: 'ssh', argv: ['ssh', ...options, 'alice:web-1@127.0.0.1'] };
}

function aliceKey(directory: string): string {
  mkdirSync(join(directory, 'ssh'), { recursive: true, mode: 0o700 });
  return join(directory, 'ssh', 'alice');
}

function machineTarget(machine: Machine): object {
  return {
    name: 'web-1',
    protocol: 'ssh',
    host: '127.0.0.1',
    port: machine.port,
    user: machine.user,
    private_key_file: machine.privateKeyFile,
    host_keys: [machine.hostKey],
    labels: { env: 'production' },
    shell: 'mediated',
  };
}

function databases(directory: string, ports: Ports): object[] {
  return targets.map(({ name, database, labels }) => ({
    name,
    protocol: 'postgres',
    host: '127.0.0.1',
    port: ports.database,
    user: 'gateway',
    password_file: passwordFile(directory, 'gateway'),
    database,
    labels,
    tls: { mode: 'disable' },
  }));
}

/** Copies the shipped policies; one that was edited since stays as it is, one that was not follows a newer version. */
export function copyPolicies(directory: string): void {
  const folder = join(directory, 'policies');
  const shippedFile = join(directory, 'shipped-policies.json');
  const shipped = existsSync(shippedFile) ? (JSON.parse(readFileSync(shippedFile, 'utf8')) as Record<string, string>) : {};
  mkdirSync(folder, { recursive: true });
  for (const name of shippedPolicies) {
    const text = readFileSync(join(checkout, 'policies/packs', name), 'utf8');
    const copy = join(folder, name);
    const untouched = !existsSync(copy) || hashOf(readFileSync(copy, 'utf8')) === shipped[name];
    if (!untouched) continue;
    writeFileSync(copy, text);
    shipped[name] = hashOf(text);
  }
  writeFileSync(shippedFile, `${JSON.stringify(shipped, null, 2)}\n`);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
