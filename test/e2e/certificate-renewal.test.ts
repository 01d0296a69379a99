// The gateway's certificate is renewed under it: clients see the new one everywhere, and who is connected notices nothing. A certificate
// that can't be used changes nothing.

import { execFileSync } from 'node:child_process';
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { PeerCertificate } from 'node:tls';
import t from 'tap';
import type { Test } from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { authoritiesIn } from '../../agent/authorities.ts';

const psql = tool('psql', 'postgresql-client');
const labels = { env: 'development' };
const server = await startPostgres(t);
const maria = await startMariadb(t);

for (const threads of [0, 2]) {
  await t.test(threads === 0 ? 'in one thread' : 'with relay threads', { timeout: 120_000 }, (t) => renewed(t, threads));
}

async function renewed(t: Test, relayThreads: number): Promise<void> {
  const dir = temporaryDirectory(t, 'renewal');
  const file = (name: string) => join(dir, name);
  for (const name of ['first', 'second', 'third']) make(dir, name);
  const use = (certificate: string, key = certificate): void => {
    for (const [from, to] of [
      [`${certificate}.crt`, 'server.crt'],
      [`${key}.key`, 'server.key'],
    ] as const) {
      copyFileSync(file(from), file(`${to}.new`));
      renameSync(file(`${to}.new`), file(to));
    }
  };
  use('first');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', labels), mariadbTarget(maria, 'shop', labels)],
    config: { relay_threads: relayThreads, tls: { certificate: file('server.crt'), key: file('server.key') } },
  });
  const { port } = gateway.address('postgres');
  const url = (more: string) => `postgres://alice:${gateway.token('alice')}@localhost:${port}/orders?${more}`;
  const asked = (name: string) =>
    run(t, psql, ['-XAt', url(`sslmode=verify-full&sslrootcert=${file(`${name}.crt`)}&channel_binding=require`), '-c', 'SELECT 42']);
  const seenByMaria = async (name: string) => {
    const { host, port } = gateway.address('mysql');
    const options = ['--no-defaults', '-h', host, '-P', String(port), '-u', 'alice:shop', `-p${gateway.token('alice')}`, '-N'];
    const verified = [`--ssl-ca=${file(`${name}.crt`)}`, '--ssl-verify-server-cert', '-e', 'SELECT 42'];
    return (await run(t, tool('mariadb', 'mariadb-client'), [...options, ...verified])).stdout;
  };
  const httpPort = Number(new URL(gateway.http).port);
  const isServed = async (name: string) =>
    (await servedAt(httpPort)) === name && (await asked(name)).stdout === '42\n' && (await seenByMaria(name)) === '42\n';
  t.ok(await isServed('first'));

  const session = start(t, psql, ['-XAt', url('sslmode=require'), '-v', 'ON_ERROR_STOP=1']);
  session.write('SELECT pg_backend_pid();\n');
  const before = (await session.waitFor(/^(\d+)$/m))[1];

  use('second');
  await eventually('all clients see the new one', () => isServed('second'), 20_000);
  t.match((await asked('first')).stderr, /certificate verify failed/);
  t.match(
    gateway.log.filter(({ message }) => message.includes("the gateway's certificate was replaced")),
    [{ level: 'info' }],
  );
  session.write("SELECT 'still ' || pg_backend_pid();\n");
  t.equal((await session.waitFor(/^still (\d+)$/m))[1], before, 'a session goes on');

  const warnings = () => gateway.log.filter(({ message }) => /new certificate can't be used/.test(message)).map(({ fields }) => fields);
  use('third', 'first');
  await eventually('a key of another certificate is told', () => warnings().length === 1);
  t.match(warnings(), [{ err: /the key does not belong to the certificate/ }]);
  writeFileSync(file('server.crt'), '-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n');
  await eventually('a damaged one too', () => warnings().length === 2);
  rmSync(file('server.crt'));
  await eventually('and a missing one', () => warnings().length === 3);
  t.ok(await isServed('second'), 'the last good one stays');
  use('third');
  await eventually('until there is a good one', () => isServed('third'), 20_000);
  session.endInput();
  t.equal((await session.end()).code, 0);
}

t.test("an agent's authorities may be replaced too", async (t) => {
  const dir = temporaryDirectory(t, 'authorities');
  const [first, second] = [make(dir, 'first'), make(dir, 'second')];
  const file = join(dir, 'ca.pem');
  const told: string[] = [];
  const keep = (_fields: object, message: string) => void told.push(message);
  const log = { debug: keep, info: keep, warn: keep, error: keep };
  t.throws(() => authoritiesIn(file, log), /--ca .*can't be read: ENOENT/);
  t.throws(() => authoritiesIn(dir, log), /it is no file/);
  writeFileSync(file, 'words');
  t.throws(() => authoritiesIn(file, log), /holds no certificate in PEM form/);
  writeFileSync(file, first);
  const now = authoritiesIn(file, log);
  t.equal(now(), first);
  writeFileSync(file, `# two\n${first}${second}`);
  t.equal(now(), `# two\n${first}${second}`);
  writeFileSync(file, second.replace(/\nMII/, '\nXII'));
  t.equal(now(), `# two\n${first}${second}`);
  now();
  t.match(told, [/a certificate in it is damaged; the last good one stays/]);
  t.equal(told.length, 1, 'once');
});

/** A certificate for localhost and 127.0.0.1, its own authority; gives its PEM text. */
function make(dir: string, name: string): string {
  const [key, certificate] = [join(dir, `${name}.key`), join(dir, `${name}.crt`)];
  const subject = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`.split(' ');
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync(tool('openssl', 'openssl'), [...subject, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  return execFileSync('cat', [certificate], { encoding: 'utf8' });
}

/** The name in the certificate of the console. */
function servedAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    socket.once('error', reject).once('secureConnect', () => {
      const { subject }: PeerCertificate = socket.getPeerCertificate();
      socket.destroy();
      resolve(String(subject.CN));
    });
  });
}
