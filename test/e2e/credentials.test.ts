// Credentials of targets in a whole gateway: set and rotated on the command line while sessions go on, accounts of Vault that live
// as long as a session, and a search for every planted one in whatever the gateway wrote, answered or printed.

import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { CredentialView, Problem } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { sallyport, startGatewayProcess } from '../support/gateway-process.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { startAws, startVault } from '../support/vault.ts';

const fileMsMax = 120_000;

t.test('credentials of targets, end to end', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  const planted = (name: string) => `planted-${name}-${randomBytes(6).toString('hex')}`;
  const passwords = { first: planted('first'), second: planted('second'), third: planted('third'), wrong: planted('wrong') };
  await server.sql(`CREATE ROLE app LOGIN SUPERUSER PASSWORD '${passwords.first}'; CREATE TABLE payments (id int)`);
  const vault = await startVault(t, {
    create: (user, password) => server.sql(`CREATE ROLE "${user}" LOGIN SUPERUSER PASSWORD '${password}'`),
    drop: (user) => server.sql(`DROP ROLE "${user}"`),
  });
  vault.secrets.set('databases/orders', [{ password: passwords.first }]);
  const aws = await startAws(t);
  aws.secrets.set('prod/orders', [JSON.stringify({ username: 'app', password: passwords.first })]);
  const directory = temporaryDirectory(t, 'keys');
  const keyFiles = ['one', 'two'].map((name) => join(directory, name));
  for (const file of keyFiles) writeFileSync(file, randomBytes(32).toString('base64'), { mode: 0o600 });
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, passwords.first, { mode: 0o600 });
  const secretIdFile = join(directory, 'secret-id');
  writeFileSync(secretIdFile, vault.secretId, { mode: 0o600 });
  const target = (name: string, more: object) => ({
    name,
    protocol: 'postgres',
    host: '127.0.0.1',
    port: server.port,
    user: 'app',
    database: 'postgres',
    labels: { env: 'development' },
    ...more,
  });
  const gateway = await startGatewayProcess(t, {
    targets: [],
    env: { AWS_ACCESS_KEY_ID: aws.accessKeyId, AWS_SECRET_ACCESS_KEY: aws.secretAccessKey },
    config: {
      log: { level: 'debug' },
      listen: { http: { port: 0 }, postgres: { port: 0 } },
      credentials: {
        master_key: { file: keyFiles[0] },
        cache: '1s',
        vault: { address: vault.url, role_id: vault.roleId, secret_id_file: secretIdFile },
        aws: { region: 'eu-central-1', endpoint: aws.url },
      },
      targets: [
        target('kept', { credential: 'stored' }),
        target('file', { password_file: passwordFile }),
        target('kv', { credential: { vault_kv: 'databases/orders' } }),
        target('lease', { credential: { vault_database: 'writer' } }),
        target('aws', { credential: { aws_secret: 'prod/orders', user_field: 'username' } }),
        target('lost', { credential: { vault_kv: 'databases/none' } }),
      ],
    },
  });
  const printed: string[] = [];
  const psql = tool('psql', 'postgresql-client');
  const ask = async (name: string, text = 'SELECT current_user') => {
    const { stdout, stderr } = await run(t, psql, [gateway.url('alice', name), '-Atc', text]);
    printed.push(stdout, stderr);
    return `${stdout}${stderr}`.trim();
  };
  const cli = async (person: string, input: string, ...args: string[]) => {
    const running = start(t, process.execPath, [sallyport, 'credentials', ...args], {
      env: { SALLYPORT_SERVER: gateway.http, SALLYPORT_TOKEN: gateway.token(person) },
    });
    running.write(input);
    running.endInput();
    const ended = await running.end();
    printed.push(ended.stdout, ended.stderr);
    return ended;
  };
  const versions = async () => {
    const { stdout } = await cli('carol', '', '--json');
    return (JSON.parse(stdout) as CredentialView[]).find((it) => it.target === 'kept')?.versions ?? [];
  };

  await t.test('set, rotated without a session lost, gone when the new one worked', async (t) => {
    t.match(await ask('kept'), /none is stored: an operator sets it/);
    t.match((await cli('alice', passwords.first, 'set', 'kept')).stderr, /right|not allowed|may not/i, 'not everybody');
    t.match((await cli('erin', `${passwords.first}\n`, 'set', 'kept')).stderr, /version 1 .* is kept/);
    t.equal(await ask('kept'), 'app');
    t.match((await cli('erin', '', 'check', 'kept')).stdout, /can be read \(version 1\), for the account app/);
    const session = start(t, psql, [gateway.url('alice', 'kept'), '-At']);
    session.write("SELECT 'here';\n");
    await session.waitFor(/here/);
    t.match(await versions(), [{ version: 1, connections: 1, readable: true, created_by: 'erin' }]);

    t.equal((await cli('erin', passwords.second, 'set', 'kept')).code, 0);
    t.equal(await ask('kept'), 'app', 'the target does not know the new one yet: the old one still signs in');
    t.match(await versions(), [{ version: 2 }, { version: 1 }]);
    await server.sql(`ALTER ROLE app PASSWORD '${passwords.second}'`);
    t.equal(await ask('kept'), 'app');
    t.same(
      (await versions()).map(({ version }) => version),
      [2],
      'the new one worked: the old one is gone',
    );
    session.write("SELECT 'still ' || 'here';\n");
    await session.waitFor(/still here/);
    session.endInput();
    await session.end();

    await cli('erin', passwords.wrong, 'set', 'kept');
    await cli('erin', passwords.wrong, 'set', 'kept');
    t.match(await ask('kept'), /signing in to target kept failed/, 'neither is right');
    t.equal((await cli('erin', passwords.second, 'set', 'kept')).code, 0);
    t.equal(await ask('kept'), 'app');
    t.match((await cli('erin', passwords.second, 'set', 'file')).stderr, /not kept here/);
    t.match((await cli('erin', 'no key', 'set', 'kept', '--private-key')).stderr, /no private key/);
    const refused = await gateway
      .api('erin')
      .post<Problem>('/credentials/kept/versions', { password: passwords.third, private_key: passwords.third });
    printed.push(JSON.stringify(refused));
    t.equal(refused.status, 400);
  });

  await t.test('read at use: a file, Vault and AWS have the new password without a restart', async (t) => {
    // The role's password is the second one by now; each source still has the first.
    for (const name of ['file', 'kv', 'aws']) t.match(await ask(name), /signing in to target \w+ failed/, name);
    writeFileSync(passwordFile, `${passwords.second}\n`);
    vault.secrets.get('databases/orders')?.push({ password: passwords.second });
    aws.secrets.get('prod/orders')?.unshift(JSON.stringify({ username: 'app', password: passwords.second }));
    for (const name of ['file', 'kv', 'aws']) t.equal(await ask(name), 'app', name);
    t.match(await ask('lost'), /its credential could not be read: Vault has no secret at secret\/databases\/none/);
    vault.broken = 'nonsense';
    t.match(await ask('lost'), /could not be read/);
    vault.broken = null;
  });

  await t.test('an account of Vault lives as long as its session', async (t) => {
    const session = start(t, psql, [gateway.url('alice', 'lease'), '-At']);
    session.write('SELECT current_user;\n');
    const [, user = ''] = await session.waitFor(/(v-approle-writer-\w+)/);
    t.ok([...vault.leases.values()].includes(user));
    session.endInput();
    await session.end();
    await eventually(
      'the account is revoked',
      async () => (await server.sql(`SELECT 1 FROM pg_roles WHERE rolname = '${user}'`)).length === 0,
    );
    await eventually('and those of the catalogue', () => vault.leases.size === 0);
  });

  await t.test('another master key, while sessions go on', async (t) => {
    await gateway.stop();
    const written = readFileSync(gateway.configFile, 'utf8');
    const [one = '', two = ''] = keyFiles;
    writeFileSync(gateway.configFile, written.replace(`file: ${one}`, `file: ${two}`));
    await gateway.start();
    t.match(await ask('kept'), /is under the master key key:\w+, which is not configured/);
    t.match((await versions())[0], { readable: false });
    t.match((await cli('erin', '', 'rewrap')).stderr, /not configured/);
    await gateway.stop();
    writeFileSync(
      gateway.configFile,
      written.replace(`master_key:\n    file: ${one}`, `master_key:\n    file: ${two}\n  former_master_keys:\n    - file: ${one}`),
    );
    await gateway.start();
    t.equal(await ask('kept'), 'app');
    t.match((await cli('erin', '', 'rewrap')).stderr, /1 version was put/);
    await gateway.stop();
    writeFileSync(gateway.configFile, written.replace(`file: ${one}`, `file: ${two}`));
    await gateway.start();
    t.equal(await ask('kept'), 'app', 'the former one is not needed any more');
    t.match((await cli('carol', '')).stdout, /kept .*in the gateway, encrypted/);
  });

  const answers = await Promise.all(
    ['/credentials', '/targets', '/audit?limit=200', '/openapi.json', '/sessions'].map((path) => gateway.api('erin').get(path)),
  );
  const auditor = await gateway.api('carol').get('/audit?limit=200');
  t.match(JSON.stringify(auditor.body), /credential\.set/);
  t.match(JSON.stringify(auditor.body), /credential\.rewrapped/);
  // A crash writes what it has: killed hard, and read as it lies.
  await gateway.killHard();
  const secrets = new Map(
    Object.entries({
      ...passwords,
      'Vault token': vault.token,
      'AppRole secret': vault.secretId,
      'AWS key': aws.secretAccessKey,
      'master key': readFileSync(keyFiles[1] ?? '', 'utf8'),
      ...Object.fromEntries([...vault.approleTokens].map((token, index) => [`AppRole token ${index}`, token])),
    }),
  );
  const files = readdirSync(gateway.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  t.ok(files.some(({ name }) => name === 'sallyport.db'));
  for (const entry of files) {
    const path = join(entry.parentPath, entry.name);
    t.same(foundIn(readFileSync(path, 'latin1'), secrets), [], path.slice(gateway.dataDir.length));
  }
  t.same(foundIn(gateway.output(), secrets), [], 'the log at level debug');
  t.same(foundIn(printed.join('\n'), secrets), [], 'what psql and the command line printed');
  t.same(foundIn(JSON.stringify([answers, auditor]), secrets), [], 'what the API answered');
  t.same(foundIn(`x${Buffer.from(passwords.second).toString('base64')}`, secrets), ['second'], 'the search finds what is there');
});

/** Names of the secrets that the text has, in the spellings that programs give them. */
function foundIn(text: string, secrets: ReadonlyMap<string, string>): string[] {
  return [...secrets].flatMap(([name, secret]) => {
    const spellings = [secret, Buffer.from(secret).toString('base64').replaceAll('=', ''), Buffer.from(secret).toString('hex')];
    return spellings.some((spelling) => text.includes(spelling)) ? [name] : [];
  });
}
