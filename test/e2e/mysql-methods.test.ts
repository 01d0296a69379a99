// Accounts of the target with MariaDB's own sign-in methods: what the server at hand has, against that server. parsec needs MariaDB 11.6,
// newer than Debian 12's: elsewhere it is tried, too.

import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { startTestGateway } from '../support/gateway.ts';
import { startMariadb } from '../support/mariadb.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const server = await startMariadb(t, ['--plugin-load-add=auth_ed25519']);
const long = 'a password of more than the thirty-two bytes that a secret of Ed25519 has';
await server.sql(`
  CREATE USER edward@'%' IDENTIFIED VIA ed25519 USING PASSWORD('short');
  CREATE USER edwina@'%' IDENTIFIED VIA ed25519 USING PASSWORD('${long}');
  CREATE USER nathan@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('native');
  CREATE USER nobody@'%' IDENTIFIED BY '';`);
const accounts: [string, string][] = [
  ['edward', 'short'],
  ['edwina', long],
  ['nathan', 'native'],
  ['nobody', ''],
];
const [{ isNew } = { isNew: 0 }] = (await server.sql(
  'SELECT sys.version_major() * 100 + sys.version_minor() >= 1106 AS isNew',
)) as unknown as [{ isNew: number }];
if (isNew === 1) {
  await server.sql(`INSTALL SONAME 'auth_parsec'; CREATE USER parsifal@'%' IDENTIFIED VIA parsec USING PASSWORD('${long}')`);
  accounts.push(['parsifal', long]);
}
const target = { protocol: 'mysql', host: server.host, port: server.port, labels: { env: 'production' } } as const;
const gateway = await startTestGateway(t, {
  targets: [
    ...accounts.map(([user, password]) => ({ ...target, name: user, user, ...(password === '' ? {} : { password }) })),
    { ...target, name: 'wrong', user: 'edward', password: 'another' },
  ],
});
const { port } = gateway.address('mysql');

function currentUser(name: string) {
  const as = ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', `-p${gateway.token('alice')}`, '-N', '-B', name];
  return run(t, tool('mariadb', 'mariadb-client'), [...as, '-e', 'SELECT CURRENT_USER()']);
}

t.test('each account is signed in to by its method', async (t) => {
  for (const [user] of accounts) {
    const { stdout, stderr } = await currentUser(user);
    t.equal(stdout, `${user}@%\n`, stderr);
  }
});

t.test('what the target says of the database, or of too many connections, has its own number', async (t) => {
  t.match((await currentUser('nathan/nothere')).stderr, /ERROR 1044.*signing in to target nathan failed: Access denied.*nothere/);
  await server.sql("ALTER USER nathan@'%' WITH MAX_USER_CONNECTIONS 1; GRANT SELECT ON nothere.* TO nathan@'%'");
  t.match((await currentUser('nathan/nothere')).stderr, /ERROR 1049.*signing in to target nathan failed: Unknown database 'nothere'/);
  const held = await createConnection({ host: server.host, port: server.port, user: 'nathan', password: 'native' });
  t.teardown(() => held.end());
  await server.sql('CREATE DATABASE nothere');
  t.match((await currentUser('nathan/nothere')).stderr, /ERROR 1226.*signing in to target nathan failed: User 'nathan' has exceeded/);
});

t.test('a wrong password is told in words, without the password', async (t) => {
  const { code, stderr } = await currentUser('wrong');
  t.equal(code, 1);
  t.match(stderr, /ERROR 1429.*signing in to target wrong failed.*Access denied/);
  t.notMatch(stderr, /another/);
});
