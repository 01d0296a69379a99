// Who gets in, and how: tokens by every method that clients speak, with TLS and without, in both directions; and what a
// client may name as its target.

import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection, type ConnectionOptions, type RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

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
