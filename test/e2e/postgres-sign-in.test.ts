// Signing in, on both sides: TLS in its forms, tokens, the browser; and every way in which a target may ask who comes.

import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import t from 'tap';
import * as wire from '../../protocols/postgres/messages.ts';
import { unprivilegedUser } from '../../docker/demo/unprivileged.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { summary, WireClient } from '../support/postgres-wire.ts';
import { tool } from '../support/tools.ts';

t.setTimeout(170_000); // a busy machine takes its time

const folder = temporaryDirectory(t, 'certificates');
const psql = tool('psql', 'postgresql-client');
const file = (name: string) => join(folder, name);
const openssl = (...args: string[]) => execFileSync(tool('openssl', 'openssl'), args, { cwd: folder, stdio: 'pipe' });
function certificate(name: string, subject: string, names: string): void {
  writeFileSync(file('names'), `subjectAltName=${names}\n`);
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', 'request', '-subj', `/CN=${subject}`);
  openssl('x509', '-req', '-in', 'request', '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', `${name}.crt`);
} // prettier-ignore
openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=Test CA');
openssl(
  'req',
  '-x509',
  '-newkey',
  'rsa:2048',
  '-nodes',
  '-keyout',
  'other.key',
  '-out',
  'other.crt',
  '-days',
  '2',
  '-subj',
  '/CN=Other CA',
);
certificate('server', 'localhost', 'DNS:localhost,IP:127.0.0.1');
certificate('wrong', 'elsewhere', 'DNS:elsewhere.example');
certificate('client', 'by_cert', 'DNS:client');

const server = await startPostgres(t, { from: 'debian' });
const cluster = server.server.place.directory;
for (const name of ['server.crt', 'server.key', 'ca.crt']) {
  copyFileSync(file(name), join(cluster, name));
  const user = unprivilegedUser();
  if (user !== null) chownSync(join(cluster, name), user.uid, user.gid);
  execFileSync('chmod', ['600', join(cluster, name)]);
}
await server.sql("SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'md5 secret'");
await server.sql("CREATE ROLE by_scram LOGIN PASSWORD 'scram secret'; CREATE ROLE by_password LOGIN PASSWORD 'plain secret'; CREATE ROLE by_trust LOGIN; CREATE ROLE by_cert LOGIN"); // prettier-ignore
const hba = join(cluster, 'pg_hba.conf');
const before = readFileSync(hba, 'utf8');
writeFileSync(hba, `host all by_md5 all md5\nhost all by_password all password\nhost all by_trust all trust\nhostssl all by_cert all cert\nhost all by_scram all scram-sha-256\n${before}`); // prettier-ignore
await server.sql('ALTER SYSTEM SET ssl = on');
await server.sql("ALTER SYSTEM SET ssl_ca_file = 'ca.crt'");
await server.sql('SELECT pg_reload_conf()');
await eventually('TLS is on', async () => (await server.sql('SHOW ssl'))[0]?.['ssl'] === 'on');

const target = (name: string, user: string, password: string | undefined, tls: object = { mode: 'disable' }) => ({
  name, protocol: 'postgres' as const, host: '127.0.0.1', port: server.port, user, password, database: 'postgres', labels: { env: 'development' }, tls,
}); // prettier-ignore
const ca = file('ca.crt');
const gateway = await startTestGateway(t, {
  targets: [
    target('md5', 'by_md5', 'md5 secret'),
    target('password', 'by_password', 'plain secret'),
    target('trust', 'by_trust', undefined),
    target('scram', 'by_scram', 'scram secret'),
    target('scram-plus', 'by_scram', 'scram secret', { mode: 'verify-full', ca, server_name: 'localhost' }),
    target('cert', 'by_cert', undefined, { mode: 'require', certificate: file('client.crt'), key: file('client.key') }),
    target('wrong-password', 'by_scram', 'not the secret'),
    target('no-password', 'by_scram', undefined),
    target('require', 'by_trust', undefined, { mode: 'require' }),
    target('prefer', 'by_trust', undefined, { mode: 'prefer' }),
    target('verify-ca', 'by_trust', undefined, { mode: 'verify-ca', ca }),
    target('verify-full', 'by_trust', undefined, { mode: 'verify-full', ca }),
    target('wrong-name', 'by_trust', undefined, { mode: 'verify-full', ca, server_name: 'elsewhere.example' }),
    target('wrong-ca', 'by_trust', undefined, { mode: 'verify-ca', ca: file('other.crt') }),
    target('system-ca', 'by_trust', undefined, { mode: 'verify-full' }),
  ],
  config: { tls: { certificate: file('server.crt'), key: file('server.key') } },
});
const { host, port } = gateway.address('postgres');
const url = (name: string, more = '') => `postgres://alice:${gateway.token('alice')}@localhost:${port}/${name}${more}`;

await t.test('towards the target: every method, every TLS mode', async (t) => {
  const tlsAndUser = 'SELECT current_user, (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid())';
  const expected: [string, string][] = [
    ['md5', 'by_md5|f'], ['password', 'by_password|f'], ['trust', 'by_trust|f'], ['scram', 'by_scram|f'], ['scram-plus', 'by_scram|t'],
    ['cert', 'by_cert|t'], ['require', 'by_trust|t'], ['prefer', 'by_trust|t'], ['verify-ca', 'by_trust|t'], ['verify-full', 'by_trust|t'],
  ]; // prettier-ignore
  for (const [name, row] of expected) {
    const { stdout, stderr } = await run(t, psql, ['-XAt', url(name), '-c', tlsAndUser]);
    t.equal(stdout.trim(), row, `${name}: ${stderr}`);
  }
});

await t.test('the target beside the name, behind a colon or an equals sign', async (t) => {
  for (const user of ['alice%3Ascram', 'alice=scram']) {
    const address = `postgres://${user}:${gateway.token('alice')}@localhost:${port}/postgres`;
    const { stdout, stderr } = await run(t, psql, ['-XAt', address, '-c', 'SELECT current_user, current_database()']);
    t.equal(stdout.trim(), 'by_scram|postgres', stderr);
  }
});

await t.test('what does not fit is refused in words, and no secret is in them', async (t) => {
  const expected: [string, RegExp][] = [
    ['wrong-password', /signing in to target wrong-password failed: password authentication failed/],
    ['no-password', /asks for a password and none is configured/],
    ['wrong-name', /TLS to target wrong-name failed: .*elsewhere\.example/],
    ['wrong-ca', /TLS to target wrong-ca failed: .*(issuer|self-signed|verify)/],
    ['system-ca', /TLS to target system-ca failed: .*(issuer|self-signed|verify)/],
    ['nowhere', /there is no PostgreSQL target named "nowhere"/],
  ];
  for (const [name, words] of expected) {
    const { stderr, code } = await run(t, psql, ['-X', url(name), '-c', 'SELECT 1']);
    t.equal(code, 2);
    t.match(stderr, words);
    t.notMatch(stderr, /secret/);
  }
});

await t.test('towards the client: TLS verified in full, SCRAM bound to it, or plain on loopback', async (t) => {
  for (const more of ['?sslmode=disable', '?sslmode=require&channel_binding=require', `?sslmode=verify-full&sslrootcert=${ca}`]) {
    const { stdout, stderr } = await run(t, psql, ['-XAt', url('trust', more), '-c', 'SELECT 42']);
    t.equal(stdout, '42\n', stderr);
  }
  const wrong = await run(t, psql, ['-X', url('trust', `?sslmode=verify-full&sslrootcert=${file('other.crt')}`), '-c', 'SELECT 1']);
  t.match(wrong.stderr, /certificate verify failed/);
});

await t.test('direct TLS with ALPN is taken, without it is refused', async (t) => {
  const secured = (ALPNProtocols: string[]) => tlsConnect({ host, port, ca: readFileSync(ca), servername: 'localhost', ALPNProtocols });
  const socket = secured(['postgresql']);
  const client = await WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'trust', socket });
  t.match(summary(await client.query('SELECT 1')), /C\(SELECT 1\) ZI/);
  const bare = new WireClient(secured([]));
  bare.send(wire.startup({ user: 'alice', database: 'trust' }));
  await bare.closed();
  t.equal(bare.seen.length, 0, 'nothing is said');
});

await t.test('bytes that came before TLS was agreed end the connection', async (t) => {
  const socket = connect(port, host);
  t.teardown(() => socket.destroy());
  socket.write(Buffer.concat([wire.int32(8, wire.requestCode.ssl), wire.startup({ user: 'alice', database: 'trust' })]));
  let answer = Buffer.alloc(0);
  socket.on('data', (chunk) => (answer = Buffer.concat([answer, chunk])));
  await new Promise((resolve) => socket.once('close', resolve));
  t.not(String.fromCharCode(answer[0] ?? 0), 'S', 'TLS is not agreed');
  t.match(answer.toString(), /bytes before TLS/);
});

await t.test('wrong tokens by the hundred: refused, then told to wait; another session is not slowed', async (t) => {
  const other = await WireClient.open(t, { host, port, user: 'dana', password: gateway.token('dana'), database: 'trust' });
  const tried = Array.from({ length: 200 }, (_, n) =>
    WireClient.open(t, { host, port, user: 'bob', password: `guess ${n}`, database: 'trust' }).then(
      () => 'in',
      (refused: Error) => refused.message,
    ),
  );
  const tookMs: number[] = [];
  for (let n = 0; n < 20; n++) {
    const beganMs = performance.now();
    await other.query('SELECT 1');
    tookMs.push(performance.now() - beganMs);
  }
  const answers = await Promise.all(tried);
  t.notOk(answers.includes('in'));
  t.ok(answers.every((it) => /password authentication failed|too many/.test(it)), [...new Set(answers)].join('; ')); // prettier-ignore
  tookMs.sort((a, b) => a - b);
  t.comment(`another session meanwhile: median ${tookMs[10]?.toFixed(1)} ms, worst ${tookMs[19]?.toFixed(1)} ms`);
  t.ok((tookMs[10] as number) < 500);
});

await t.test('sign-in in the browser: psql prints the link, only the person can confirm, leaving gives it up', async (t) => {
  const gateway = await startTestGateway(t, { targets: [target('trust', 'by_trust', undefined)] });
  const url = `postgres://alice%2Bbrowser@127.0.0.1:${gateway.address('postgres').port}/trust`;
  const session = start(t, psql, ['-XAt', url, '-c', 'SELECT 42']);
  const [, link, shown] = await session.waitFor(/open (\S+) and compare the code (\S+)/);
  const [id, code] = [link?.split('/').at(-1) ?? '', shown ?? ''];
  const refused = await gateway.api('bob').post(`/sign-ins/${id}/confirm`, { code });
  t.ok(refused.status >= 400, `bob can't: ${refused.status}`);
  t.ok(session.running, 'it still waits');
  const confirmed = await gateway.api('alice').post(`/sign-ins/${id}/confirm`, { code });
  t.ok(confirmed.status < 300, `alice can: ${confirmed.status} ${JSON.stringify(confirmed.body)}`);
  t.equal((await session.end()).stdout.trim(), '42');
  const left = start(t, psql, ['-XAt', url, '-c', 'SELECT 42']);
  await left.waitFor(/compare the code/);
  const waiting = async () => (await gateway.api('alice').get<{ items: unknown[] }>('/sign-ins')).body.items.length;
  t.equal(await waiting(), 1);
  left.kill('SIGKILL');
  await eventually('it is given up when psql is gone', async () => (await waiting()) === 0);
});
