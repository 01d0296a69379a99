// Targets that sign in like MySQL 8: every way of caching_sha2_password towards a target, and a session behind each.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { readGreeting } from '../../protocols/mysql/sign-in-messages.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway } from '../support/gateway.ts';
import { startMariadb } from '../support/mariadb.ts';
import { mysql8Greeting, mysql8Nonce, startMysql8, type Mysql8Options } from '../support/mysql8-server.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const directory = temporaryDirectory(t, 'mysql8');
const pem = (name: string): string => join(directory, name);
await run(t, tool('openssl', 'openssl'), [
  'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
  '-keyout', pem('key.pem'), '-out', pem('certificate.pem'),
]); // prettier-ignore
const tls = { cert: readFileSync(pem('certificate.pem'), 'utf8'), key: readFileSync(pem('key.pem'), 'utf8') };

const server = await startMariadb(t);
const password = 'pässword of the account';
const ways: Readonly<Record<string, Omit<Mysql8Options, 'behind'>>> = {
  fast: { password, way: 'fast' },
  rsa: { password, way: 'full' },
  switched: { password, way: 'switch' },
  'tls-fast': { password, way: 'fast', tls },
  'tls-full': { password, way: 'full', tls },
  empty: { password: '', way: 'fast' },
  wrong: { password: 'another', way: 'full' },
};
const started = new Map(
  await Promise.all(Object.entries(ways).map(async ([name, way]) => [name, await startMysql8(t, { ...way, behind: server })] as const)),
);
const gateway = await startTestGateway(t, {
  targets: [...started].map(([name, { port }]) => ({
    name,
    protocol: 'mysql' as const,
    host: 'localhost',
    port,
    user: 'sallyport',
    database: 'shop',
    labels: { env: 'production' },
    ...(name === 'empty' ? {} : { password }),
    ...(name === 'tls-full' ? { tls: { mode: 'verify-full', ca: pem('certificate.pem') } } : name === 'tls-fast' ? { tls: { mode: 'require' } } : { tls: { mode: 'prefer' } }), // prettier-ignore
  })),
});
const { port } = gateway.address('mysql');

const select = async (target: string): Promise<unknown> => {
  const to = { host: '127.0.0.1', port, user: `alice:${target}`, password: gateway.token('alice') };
  const connection = await createConnection(to);
  try {
    return (await connection.execute('SELECT 1 + ? AS n', [1]))[0];
  } finally {
    connection.destroy();
  }
};

t.test('its greeting', (t) => {
  const { version, connectionId, nonce, plugin, charset, capabilities } = readGreeting(mysql8Greeting(true, 'caching_sha2_password'));
  t.strictSame({ version, connectionId, plugin, charset }, { version: '8.0.36', connectionId: 8, plugin: 'caching_sha2_password', charset: 255 }); // prettier-ignore
  t.ok(nonce.equals(mysql8Nonce), 'all 20 bytes, and not the NUL behind them');
  t.strictSame(capabilities, { standard: 0xdfffffff, extended: 0 }, "none of MariaDB's own, which stand where MySQL has zeros");
  t.end();
});

const ok = '< 00000002000000';
const transcripts: Readonly<Record<string, readonly string[]>> = {
  fast: ['< greeting', '> sallyport by caching_sha2_password, 32 bytes', '< 0103', ok],
  rsa: ['< greeting', '> sallyport by caching_sha2_password, 32 bytes', '< 0104', '> 02', '< the key', '> 256 bytes, encrypted', ok],
  switched: [
    '< greeting',
    '> sallyport by mysql_native_password, 20 bytes',
    `< fe${Buffer.from('caching_sha2_password').toString('hex')}00${mysql8Nonce.toString('hex')}00`,
    '> 32 bytes', '< 0104', '> 02', '< the key', '> 256 bytes, encrypted', ok,
  ],
  'tls-fast': ['< greeting', '> TLS wanted (32 bytes)', '> sallyport by caching_sha2_password, 32 bytes', '< 0103', ok],
  'tls-full': ['< greeting', '> TLS wanted (32 bytes)', '> sallyport by caching_sha2_password, 32 bytes', '< 0104', `> ${Buffer.byteLength(password) + 1} bytes, in clear`, ok],
  empty: ['< greeting', '> sallyport by caching_sha2_password, 0 bytes', ok],
}; // prettier-ignore

for (const [name, expected] of Object.entries(transcripts)) {
  t.test(`${name}: the exchange, and a session behind it`, async (t) => {
    t.strictSame(await select(name), [{ n: 2 }]);
    t.strictSame(started.get(name)?.transcript, expected);
  });
}

t.test('a wrong password is told in words, without the password', async (t) => {
  await t.rejects(select('wrong'), { errno: 1429, message: /signing in to target wrong failed: Access denied for user 'sallyport'/ });
  t.notMatch(JSON.stringify(gateway.log), /pässword/);
});
