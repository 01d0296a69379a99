// Authorities and client certificates towards targets are renewed in their files: the next sign-in has the new ones, in every thread.
// What can't be used is told, and the last good ones stay.

import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { mariadbTarget, startMariadb, tlsOptions } from '../support/mariadb.ts';
import { startPostgres, tlsSettings } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const folder = temporaryDirectory(t, 'target-certificates');
const file = (name: string) => join(folder, name);
for (const name of ['server', 'other', 'by_cert']) make(name);

const made = { cert: file('server.crt'), key: file('server.key') };
const server = await startPostgres(t, { settings: tlsSettings(t, made) });
const cluster = server.server.place.directory;
copyFileSync(file('by_cert.crt'), join(cluster, 'clients.crt'));
const as = unprivilegedUser();
if (as !== null) chownSync(join(cluster, 'clients.crt'), as.uid, as.gid);
const hba = join(cluster, 'pg_hba.conf');
writeFileSync(hba, `hostssl all by_cert all cert\n${readFileSync(hba, 'utf8')}`);
await server.sql("ALTER SYSTEM SET ssl_ca_file = 'clients.crt'");
await server.sql('CREATE ROLE by_cert LOGIN');
await server.sql('SELECT pg_reload_conf()');
await eventually('the authority is known', async () => (await server.sql('SHOW ssl_ca_file'))[0]?.['ssl_ca_file'] === 'clients.crt');
const maria = await startMariadb(t, tlsOptions(t, made));

for (const threads of [0, 2]) {
  await t.test(threads === 0 ? 'in one thread' : 'with relay threads', { timeout: 120_000 }, (t) => renewed(t, threads));
}

async function renewed(t: Test, relayThreads: number): Promise<void> {
  const dir = temporaryDirectory(t, 'renewed');
  const place = (from: string, to: string): void => {
    copyFileSync(file(from), join(dir, `${to}.new`));
    renameSync(join(dir, `${to}.new`), join(dir, to));
  };
  place('other.crt', 'ca.pem');
  place('other.crt', 'client.crt');
  place('other.key', 'client.key');
  const labels = { env: 'development' };
  const verified = { mode: 'verify-ca' as const, ca: join(dir, 'ca.pem') };
  const shown = { mode: 'require' as const, certificate: join(dir, 'client.crt'), key: join(dir, 'client.key') };
  const { password: _, ...withoutPassword } = targetOf(server, 'cert', labels);
  const gateway = await startTestGateway(t, {
    targets: [
      { ...targetOf(server, 'orders', labels), tls: verified },
      { ...withoutPassword, user: 'by_cert', tls: shown },
      { ...mariadbTarget(maria, 'shop', labels), tls: verified },
    ],
    config: { relay_threads: relayThreads },
  });
  const asked = async (name: string, person = 'alice') => {
    const url = `postgres://${person}:${gateway.token(person)}@127.0.0.1:${gateway.address('postgres').port}/${name}`;
    const { stdout, stderr } = await run(t, tool('psql', 'postgresql-client'), ['-XAt', url, '-c', 'SELECT 42']);
    return stdout + stderr;
  };
  const askedMaria = async () => {
    const { host, port } = gateway.address('mysql');
    const to = ['--no-defaults', '-h', host, '-P', String(port), '-u', 'alice:shop', `-p${gateway.token('alice')}`];
    const { stdout, stderr } = await run(t, tool('mariadb', 'mariadb-client'), [...to, '-N', '-e', 'SELECT 42']);
    return stdout + stderr;
  };
  t.match(await asked('orders'), /TLS to target orders failed: .*self-signed certificate$/m);
  t.match(await askedMaria(), /TLS to target shop failed: .*self-signed certificate/);
  t.match(await asked('cert'), /target cert could not be reached: the connection broke \(.*unknown ca\)/);

  place('server.crt', 'ca.pem');
  t.equal(await asked('orders'), '42\n');
  t.equal(await askedMaria(), '42\n');
  place('by_cert.crt', 'client.crt');
  t.match(await asked('cert'), /the connection broke/, 'half of a pair is not used');
  place('by_cert.key', 'client.key');
  t.equal(await asked('cert'), '42\n');

  writeFileSync(join(dir, 'ca.pem'), '-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n');
  if (relayThreads > 0) return; // a thread that did not look in between has that of the start, and says it on standard error by itself
  for (const person of ['bob', 'dana']) t.equal(await asked('orders', person), '42\n', 'the last good one stays');
  const told = gateway.log.filter(({ message }) => message.includes('the last good ones stay')).map(({ fields }) => fields);
  t.match(told, [{ err: 'the key does not belong to the certificate' }, { err: 'a certificate in it is damaged' }]);
}

/** A certificate for 127.0.0.1, its own authority. */
function make(name: string): void {
  const subject = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`.split(' ');
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)];
  execFileSync(tool('openssl', 'openssl'), [...subject, ...names], { stdio: 'ignore' });
}
