// Who gets in, and how: tokens by every method that clients speak, with TLS and without, in both directions; and what a
// client may name as its target.

import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createConnection, type ConnectionOptions, type RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { readPacket, writePacket } from '../../protocols/mysql/byte-stream.ts';
import { flag } from '../../protocols/mysql/capabilities.ts';
import { readOk } from '../../protocols/mysql/messages.ts';
import { nativeAnswer, sha2Answer } from '../../protocols/mysql/passwords.ts';
import * as hello from '../../protocols/mysql/sign-in-messages.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { wireSignal } from '../support/mysql-wire.ts';

const directory = temporaryDirectory(t, 'certificates');
mkdirSync(join(directory, 'pem'));
const pem = (name: string) => join(directory, 'pem', name);
const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
const made = await run(t, tool('openssl', 'openssl'), [
  'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', pem('key.pem'), '-out', pem('certificate.pem'), ...subject,
]); // prettier-ignore
if (made.code !== 0) throw new Error(made.stderr);
for (const path of [join(directory, 'pem'), pem('key.pem'), pem('certificate.pem')]) chmodSync(path, 0o755);

const server = await startMariadb(t, [`--ssl-cert=${pem('certificate.pem')}`, `--ssl-key=${pem('key.pem')}`]);
await server.sql('CREATE DATABASE analytics');
const target = mariadbTarget(server, 'shop', { env: 'production' });
const withTls = { certificate: pem('certificate.pem'), key: pem('key.pem') };
const verified = { ...target, name: 'verified', host: 'localhost', tls: { mode: 'verify-full', ca: pem('certificate.pem') } };
const gateway = await startTestGateway(t, { targets: [target, verified], config: { tls: withTls } });
const { port } = gateway.address('mysql');
const mariadb = tool('mariadb', 'mariadb-client');
const token = gateway.token('alice');

function cli(user: string, password: string, ...more: string[]) {
  return run(t, mariadb, ['-h', '127.0.0.1', '-P', String(port), '-u', user, `-p${password}`, '-N', '-B', ...more]);
}

async function select(text: string, options: ConnectionOptions): Promise<RowDataPacket[]> {
  const connection = await createConnection({ host: '127.0.0.1', port, user: 'alice', password: token, database: 'shop', ...options });
  try {
    return (await connection.query<RowDataPacket[]>(text))[0];
  } finally {
    await connection.end();
  }
}

t.test('the client of MariaDB, with TLS and without', async (t) => {
  t.match(await cli('alice', token, 'shop', '-e', 'SELECT DATABASE()', '--skip-ssl'), { code: 0, stdout: 'shop\n' });
  const secured = await cli(
    'alice',
    token,
    'shop',
    '-e',
    "SHOW STATUS LIKE 'nothing'; SELECT 1",
    '--ssl',
    `--ssl-ca=${pem('certificate.pem')}`,
    '--ssl-verify-server-cert',
  );
  t.match(secured, { code: 0, stdout: '1\n' }, secured.stderr);
});

t.test('every method, the fast way and the full way', async (t) => {
  t.match(await cli('alice', token, 'shop', '-e', 'SELECT 1', '--default-auth=mysql_native_password'), { code: 0 });
  t.match(await cli('alice', token, 'shop', '-e', 'SELECT 1', '--default-auth=caching_sha2_password'), { code: 0 });
  t.match(await select('SELECT 2 AS n', { ssl: { rejectUnauthorized: false } }), [{ n: 2 }]);
  t.match(await select('SELECT 3 AS n', {}), [{ n: 3 }]);
});

/** A client inside TLS that verifies nothing: the greeting, the certificate, and what it is told after its answer. */
async function overTls(plugin: string, answerTo: (nonce: Buffer) => Buffer, at: number = port) {
  const socket = connect(at, '127.0.0.1');
  const greeted = hello.readGreeting((await readPacket(socket, 0, 1_000, wireSignal)).payload);
  const standard = flag.protocol41 | flag.secureConnection | flag.pluginAuth | flag.tls | flag.connectWithDatabase;
  const capabilities = { standard, extended: 0 };
  writePacket(socket, hello.responseHead(capabilities, greeted.charset), 1);
  const secured = connectTls({ socket, rejectUnauthorized: false });
  await once(secured, 'secureConnect');
  t.teardown(() => secured.destroy());
  const rest = { charset: greeted.charset, user: 'alice', database: 'shop', attributes: new Map<string, string>() };
  writePacket(secured, hello.handshakeResponse({ ...rest, capabilities, plugin, answer: answerTo(greeted.nonce) }), 2);
  const { payload } = await readPacket(secured, 3, 1_000, wireSignal);
  return { greeted, secured, payload, certificate: secured.getPeerCertificate().raw };
}

/** What MariaDB's clients expect in the OK for a certificate that they can't verify. */
function voucherOf(secret: string, nonce: Buffer, certificate: Buffer): string {
  const hashed = (name: string, ...parts: (Buffer | string)[]) => parts.reduce((it, part) => it.update(part), createHash(name)).digest();
  const sha1Twice = hashed('sha1', hashed('sha1', secret));
  return `\x01${hashed('sha256', sha1Twice, nonce, hashed('sha256', certificate)).toString('hex').toUpperCase()}`;
}

t.test('a gateway without a certificate makes one for the clients of MariaDB, which insist on TLS', async (t) => {
  for (const threads of [0, 2]) {
    const bare = await startTestGateway(t, { targets: [target], config: { relay_threads: threads } });
    const own = bare.token('alice');
    const at = bare.address('mysql').port;
    const { greeted, payload, certificate } = await overTls('mysql_native_password', (nonce) => nativeAnswer(own, nonce), at);
    t.equal(readOk(payload, true).info.toString('latin1'), voucherOf(own, greeted.nonce, certificate));
    const said = new X509Certificate(certificate);
    t.ok(said.verify(said.publicKey) && said.checkHost('localhost') === 'localhost');
    t.ok(said.validFromDate.getTime() < Date.now() && said.validToDate.getTime() > Date.now() + 365 * 86_400_000);
    const asked = (...more: string[]) =>
      run(t, mariadb, ['-h', '127.0.0.1', '-P', String(at), '-u', 'alice', `-p${own}`, '-N', '-B', '-e', 'SELECT 1', ...more, 'shop']);
    for (const more of [[], ['--ssl'], ['--skip-ssl']]) t.match(await asked(...more), { code: 0, stdout: '1\n' }, more.join());
    await bare.close();
  }
  const config = { listen: { mysql: { host: '127.0.0.1', port: 0, own_certificate: false } } };
  const off = await startTestGateway(t, { targets: [target], config });
  const socket = connect(off.address('mysql').port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const { capabilities } = hello.readGreeting((await readPacket(socket, 0, 1_000, wireSignal)).payload);
  t.equal(capabilities.standard & flag.tls, 0, 'and does not where it is told so');
});

t.test('MariaDB 11.4 and newer: a certificate that nobody signed is vouched for by the token', async (t) => {
  const { greeted, payload, certificate } = await overTls('mysql_native_password', (nonce) => nativeAnswer(token, nonce));
  t.equal(greeted.plugin, 'mysql_native_password', 'told at once: such a client sends nothing by another method');
  t.equal(readOk(payload, true).info.toString('latin1'), voucherOf(token, greeted.nonce, certificate));
  const refused = await overTls('mysql_native_password', (nonce) => nativeAnswer('wrong', nonce));
  t.equal(refused.payload[0], 0xff, 'and to nobody who has not proved it');
});

t.test('a client that has no mysql_native_password any more (MySQL 9) is asked for its own method', async (t) => {
  const { payload, secured } = await overTls('caching_sha2_password', () => Buffer.alloc(0));
  const { plugin, nonce } = hello.readAuthSwitch(payload);
  t.equal(plugin, 'caching_sha2_password');
  writePacket(secured, sha2Answer(token, nonce.subarray(0, 20)), 4);
  t.strictSame((await readPacket(secured, 5, 1_000, wireSignal)).payload, Buffer.from([1, 3]), 'proved the fast way');
  const { payload: ok } = await readPacket(secured, 6, 1_000, wireSignal);
  t.equal(ok[0], 0);
  t.equal(readOk(ok, true).info.length, 0, 'nothing is vouched for by this method');
});

t.test('a wrong token, an unknown person, no token: the same words, whichever method', async (t) => {
  for (const method of ['mysql_native_password', 'caching_sha2_password']) {
    for (const [user, password] of [
      ['alice', 'wrong'],
      ['nobody', 'wrong'],
    ] as const) {
      const refused = await cli(user, password, 'shop', '-e', 'SELECT 1', `--default-auth=${method}`, '--skip-ssl');
      t.equal(refused.code, 1);
      t.match(refused.stderr, new RegExp(`ERROR 1045 \\(28000\\).*access denied for '${user}'`));
    }
  }
  const empty = await run(t, mariadb, ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', '--skip-password', 'shop', '-e', 'SELECT 1']);
  t.match(empty.stderr, /ERROR 1045/);
});

t.test('the target by user name, by database, or later by USE', async (t) => {
  const ask = ['-e', 'SELECT DATABASE()'];
  t.match(await cli('alice:shop', token, ...ask), { stdout: 'shop\n' });
  t.match(await cli('alice:shop', token, 'analytics', ...ask), { stdout: 'analytics\n' });
  t.match(await cli('alice', token, 'shop/analytics', ...ask), { stdout: 'analytics\n' });
  t.match(await cli('alice', token, '-e', 'USE shop; SELECT DATABASE()'), { stdout: 'shop\n' });
  t.match(await cli('alice', token, '-e', 'SELECT 1'), { code: 1, stderr: /ERROR 1046 \(3D000\).*no target was named.*alice:TARGET/ });
  t.match(await cli('alice', token, 'nothere', ...ask), { code: 1, stderr: /ERROR 1049 \(42000\).*no MySQL target named 'nothere'/ });
  t.match(await cli('alice:nothere', token, ...ask), { code: 1, stderr: /ERROR 1049/ });
});

t.test('auditors may not open a session', async (t) => {
  const refused = await cli('carol', gateway.token('carol'), 'shop', '-e', 'SELECT 1');
  t.match(refused, { code: 1, stderr: /ERROR 1142.*auditors do not open sessions/ });
});

t.test('the target over TLS, its certificate verified', async (t) => {
  const cipher = await cli('alice', token, 'verified', '-e', "SHOW SESSION STATUS LIKE 'Ssl_version'");
  t.match(cipher, { code: 0, stdout: /TLSv1\.[23]/ }, cipher.stderr);
});

t.test('the credential of the target is seen by nobody', async (t) => {
  t.notMatch(JSON.stringify(gateway.log), server.password);
  t.notMatch(readFileSync(join(gateway.dataDir, '..', 'sallyport.yaml'), 'utf8'), server.password);
});
