// Where credentials of targets come from: each provider against what it asks (test/support/vault.ts says how real that is), the
// desk that signs in with them, and what is at rest.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t from 'tap';
import { Duplex } from 'node:stream';
import type { Credential, CredentialProvider } from '../../src/core/credential.ts';
import type { CredentialSource } from '../../src/core/credential-source.ts';
import { Fault } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { openDatabase } from '../../src/store/database.ts';
import { openTargetCredentialStore, targetCredentialMigrations } from '../../src/store/target-credentials.ts';
import { awsClient, awsSecrets } from '../../src/targets/credentials/aws.ts';
import { TargetCredentials } from '../../src/targets/credentials/desk.ts';
import { localWrapper } from '../../src/targets/credentials/envelope.ts';
import type { KeyWrapper } from '../../src/targets/credentials/envelope.ts';
import { awsKmsWrapper, vaultTransitWrapper } from '../../src/targets/credentials/key-services.ts';
import { localCredentials } from '../../src/targets/credentials/local.ts';
import { StoredCredentials } from '../../src/targets/credentials/stored.ts';
import { VaultClient } from '../../src/targets/credentials/vault-client.ts';
import { vaultDatabase, vaultKeyValue } from '../../src/targets/credentials/vault.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startAws, startVault } from '../support/vault.ts';
import { byName, targetAt } from './agent-fixture.ts';

const planted = 'planted-Passw0rd-of-a-target';
const soon = () => AbortSignal.timeout(5_000);
const random = { bytes: (count: number) => randomBytes(count) };
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const fields = { user: null, password: 'password', privateKey: null };
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

function target(credential: CredentialSource, name = 'orders'): Target {
  return { ...targetAt(1, byName('none')), name: name as Target['name'], agent: null, credential };
}

async function wordsOf(work: Promise<unknown>): Promise<string> {
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(thrown instanceof Fault)) throw new Error(`expected a Fault, got ${inspect(thrown)}`);
  return inspect(thrown, { depth: 9 });
}

t.test('files and variables are read at use', async (t) => {
  const file = join(temporaryDirectory(t, 'credential'), 'password');
  const provider = localCredentials({ ORDERS: 'from-the-environment' }, clock);
  const fromFile = target({ kind: 'local', password: { file }, privateKeyFile: null });
  writeFileSync(file, `${planted}\n`);
  t.equal((await provider.read(fromFile, soon())).password?.reveal(), planted);
  writeFileSync(file, 'rotated\r\n');
  t.equal((await provider.read(fromFile, soon())).password?.reveal(), 'rotated');
  writeFileSync(file, '\n');
  t.match(await wordsOf(provider.read(fromFile, soon())), /is empty/);
  writeFileSync(file, 'x'.repeat(100_000));
  t.match(await wordsOf(provider.read(fromFile, soon())), /larger than/);
  t.match(await wordsOf(provider.read(target({ kind: 'local', password: { file: `${file}x` }, privateKeyFile: null }), soon())), /ENOENT/);
  const variable = (name: string) => target({ kind: 'local', password: { variable: name }, privateKeyFile: null });
  t.equal((await provider.read(variable('ORDERS'), soon())).password?.reveal(), 'from-the-environment');
  t.match(await wordsOf(provider.read(variable('NONE'), soon())), /NONE is not set/);
});

t.test('Vault: KV, by token, token file and AppRole', async (t) => {
  const vault = await startVault(t);
  vault.secrets.set('databases/orders', [{ password: 'older' }, { password: planted, login: 'vault-user', empty: '' }]);
  const tokenFile = join(temporaryDirectory(t, 'vault'), 'token');
  writeFileSync(tokenFile, `${vault.token}\n`);
  const address = new URL(vault.url);
  const shared = { address, namespace: null, ca: null };
  const source = { kind: 'vault-kv', mount: 'secret', path: 'databases/orders', fields } as const;
  const approle = { kind: 'approle', mount: 'approle', roleId: vault.roleId, secretId: new Secret(vault.secretId) } as const;
  for (const auth of [
    { kind: 'token', token: new Secret(vault.token) } as const,
    { kind: 'token-file', file: tokenFile } as const,
    approle,
  ]) {
    const client = new VaultClient({ ...shared, auth });
    t.teardown(() => client.close());
    const provider = vaultKeyValue(client);
    t.match(await provider.read(target(source), soon()), { user: null, version: 'version 2 of secret/databases/orders' }, auth.kind);
    t.equal((await provider.previous(target(source), soon()))?.password?.reveal(), 'older');
    t.equal((await provider.read(target({ ...source, fields: { ...fields, user: 'login' } }), soon())).user, 'vault-user');
    t.match(await wordsOf(provider.read(target({ ...source, path: 'none' }), soon())), /has no secret at secret\/none/);
    for (const password of ['none', 'empty', '__proto__'])
      t.match(await wordsOf(provider.read(target({ ...source, fields: { ...fields, password } }), soon())), /has no field/);
  }
  const secretIdFile = `${tokenFile}-id`;
  writeFileSync(secretIdFile, `${vault.secretId}\n`);
  const rotated = new VaultClient({ ...shared, auth: { ...approle, secretId: new Secret('before'), secretIdFile } });
  t.equal(
    (await vaultKeyValue(rotated).read(target(source), soon())).password?.reveal(),
    planted,
    'a secret id that was replaced in its file',
  );
  rotated.close();
  const client = new VaultClient({ ...shared, auth: approle });
  t.teardown(() => client.close());
  await client.ask('GET', 'secret/data/databases%2Forders', null, soon()).catch(() => null);
  vault.approleTokens.clear();
  t.equal((await vaultKeyValue(client).read(target(source), soon())).password?.reveal(), planted, 'a token that was revoked is replaced');

  await t.test('failures say what, and nothing that was sent or answered', async (t) => {
    const wrong = [
      new VaultClient({ ...shared, auth: { kind: 'token', token: new Secret(planted) } }),
      new VaultClient({ ...shared, auth: { ...approle, secretId: new Secret(planted) } }),
      new VaultClient({ ...shared, auth: { kind: 'token-file', file: `${tokenFile}x` } }),
      new VaultClient({ ...shared, address: new URL('http://127.0.0.1:1'), auth: approle }),
    ];
    for (const it of wrong) {
      const words = await wordsOf(vaultKeyValue(it).read(target(source), soon()));
      t.notMatch(words, planted);
      t.notMatch(words, vault.secretId);
      t.match(words, /permission denied|AppRole sign-in was refused|tokenx can't be read|ECONNREFUSED/);
    }
    for (const broken of [500, 503, 403, 'nonsense', 'silence'] as const) {
      vault.broken = broken;
      const signal = AbortSignal.timeout(broken === 'silence' ? 100 : 5_000);
      const words = await wordsOf(
        vaultKeyValue(new VaultClient({ ...shared, auth: { kind: 'token', token: new Secret(vault.token) } })).read(target(source), signal),
      );
      t.notMatch(words, vault.token, String(broken));
    }
    vault.broken = null;
  });
});

t.test('Vault: a token of AppRole that nears its longest life leases nothing more', async (t) => {
  const vault = await startVault(t);
  vault.secrets.set('databases/orders', [{ password: planted }]);
  vault.tokenSeconds = 3;
  const auth = { kind: 'approle', mount: 'approle', roleId: vault.roleId, secretId: new Secret(vault.secretId) } as const;
  const client = new VaultClient({ address: new URL(vault.url), namespace: null, ca: null, auth });
  t.teardown(() => client.close());
  const read = () => client.ask('GET', 'secret/data/databases%2Forders', null, soon());
  const count = (path: string) => vault.asked.filter((it) => it.endsWith(path)).length;
  await read();
  await eventually('it is renewed', () => count('renew-self') === 1);
  await read();
  t.equal(count('login'), 1, 'as long as it gets all of its time');
  vault.renewedSeconds = 2;
  await eventually('it gets less', () => count('renew-self') === 2);
  await eventually('the next use signs in anew', async () => {
    await read();
    return count('login') === 2;
  });
});

t.test('Vault: a leased account is renewed while its connection lives, and revoked with it', async (t) => {
  const made: string[] = [];
  const vault = await startVault(t, { create: async (user) => made.push(user), drop: async (user) => made.splice(made.indexOf(user), 1) });
  vault.leaseSeconds = 2;
  const client = new VaultClient({
    address: new URL(vault.url),
    namespace: null,
    ca: null,
    auth: { kind: 'token', token: new Secret(vault.token) },
  });
  const desk = deskOf('vault-database', vaultDatabase(client));
  const orders = target({ kind: 'vault-database', mount: 'database', role: 'writer' });
  const streams: Duplex[] = [];
  const dialled = (filled: Target) => {
    const stream = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    streams.push(stream);
    desk.dialled(filled, stream);
    return filled;
  };
  const [one, two] = await Promise.all([1, 2].map(() => desk.signingIn(orders, soon(), async (filled) => dialled(filled))));
  t.match(one?.user, /^v-approle-writer-/);
  t.not(one?.user, two?.user, 'each session has its own account');
  t.equal(made.length, 2);
  await eventually('both were renewed', () => vault.renewals >= 2);
  streams[0]?.destroy();
  await eventually('the first is revoked', () => made.length === 1);
  t.same(made, [two?.user], 'and the other is not');
  await t.rejects(
    desk.signingIn(orders, soon(), async () => {
      throw new Fault('target-sign-in-failed', 'no');
    }),
  );
  await eventually('an account that was of no use is revoked', () => made.length === 1);
  t.match(await desk.check(orders, soon()), { user: /^v-approle/ });
  t.equal(made.length, 1, 'trying leaves nothing');
  t.match(await wordsOf(desk.check(target({ kind: 'vault-database', mount: 'database', role: 'none' }), soon())), /no database role/);
  await desk.close();
  t.equal(made.length, 0, 'a gateway that stops revokes what is left');
  t.match(await wordsOf(desk.signingIn(orders, soon(), async (filled) => filled)), /stops/);
});

t.test('AWS Secrets Manager: signed requests, JSON and plain secrets, the previous version', async (t) => {
  const aws = await startAws(t);
  const options = {
    region: 'eu-central-1',
    accessKeyId: aws.accessKeyId,
    secretAccessKey: new Secret(aws.secretAccessKey),
    sessionToken: null,
    endpoint: new URL(aws.url),
    ca: null,
  };
  const provider = awsSecrets(awsClient(options));
  aws.secrets.set('prod/orders', [JSON.stringify({ username: 'rds', password: planted }), JSON.stringify({ password: 'older' })]);
  aws.secrets.set('plain', [planted]);
  const source = (id: string, more: object = {}) => target({ kind: 'aws-secret', id, fields: { ...fields, ...more } });
  t.match(await provider.read(source('prod/orders', { user: 'username' }), soon()), { user: 'rds', version: /prod\/orders/ });
  t.equal((await provider.read(source('plain'), soon())).password?.reveal(), planted);
  t.equal((await provider.previous(source('prod/orders'), soon()))?.password?.reveal(), 'older');
  t.equal(await provider.previous(source('plain'), soon()), null);
  t.match(await wordsOf(provider.read(source('none'), soon())), /has no secret none/);
  const forged = awsSecrets(awsClient({ ...options, secretAccessKey: new Secret('another') }));
  const words = await wordsOf(forged.read(source('plain'), soon()));
  t.match(words, /refused GetSecretValue \(InvalidSignatureException\)/);
  t.notMatch(words, planted);
});

function deskOf(kind: CredentialSource['kind'], provider: CredentialProvider, cacheMs = 60_000): TargetCredentials {
  const none = localCredentials({}, clock);
  const providers = { local: none, stored: none, 'vault-kv': none, 'vault-database': none, 'aws-secret': none, [kind]: provider };
  return new TargetCredentials({ providers, clock, log, cacheMs });
}

t.test('the desk: one question for all, what was read is used again, a rotated one is found by itself', async (t) => {
  let current = 'first';
  let before: string | null = null;
  let reads = 0;
  const credential = (password: string): Credential => ({
    user: null,
    password: new Secret(password),
    privateKey: null,
    version: password,
    lease: null,
  });
  const accepted: string[] = [];
  const desk = deskOf('vault-kv', {
    read: async () => {
      reads += 1;
      return credential(current);
    },
    previous: async () => (before === null ? null : credential(before)),
    accepted: (_target, { version }) => void accepted.push(version),
  });
  const orders = target({ kind: 'vault-kv', mount: 'secret', path: 'orders', fields });
  let known = 'first';
  const tried: string[] = [];
  const signIn = () =>
    desk.signingIn(orders, soon(), async ({ password }) => {
      tried.push(password?.reveal() ?? '');
      if (password?.reveal() !== known) throw new Fault('target-sign-in-failed', 'refused');
      return 'in';
    });
  t.same(
    await Promise.all(Array.from({ length: 20 }, signIn)),
    Array.from({ length: 20 }, () => 'in'),
  );
  t.equal(reads, 1);

  [current, known] = ['second', 'second'];
  tried.length = 0;
  t.equal(await signIn(), 'in', 'changed at both: the remembered one is refused, the new one is read');
  t.same(tried, ['first', 'second']);

  [current, before] = ['third', 'second'];
  desk.changed('orders');
  tried.length = 0;
  t.equal(await signIn(), 'in', 'changed at the source first: the one before still works');
  t.same(tried, ['third', 'second']);
  t.equal(accepted.at(-1), 'second');

  known = 'something else';
  t.match(await wordsOf(signIn()), /refused/, 'neither: the words of the target');
  const other = deskOf('vault-kv', { read: () => Promise.reject(new Error(planted)), previous: async () => null, accepted: () => {} });
  const words = await wordsOf(other.signingIn(orders, soon(), async () => 'in'));
  t.match(words, /could not be read: its source failed/);
  t.notMatch(words, planted);
  t.equal(await desk.signingIn({ ...orders, credential: null }, soon(), async () => 'as it is'), 'as it is');
});

t.test('stored: sealed at rest, versions, another master key, tampering', async (t) => {
  const vault = await startVault(t);
  const aws = await startAws(t);
  const vaultClient = new VaultClient({
    address: new URL(vault.url),
    namespace: null,
    ca: null,
    auth: { kind: 'token', token: new Secret(vault.token) },
  });
  const aws4 = awsClient({
    region: 'eu-central-1',
    accessKeyId: aws.accessKeyId,
    secretAccessKey: new Secret(aws.secretAccessKey),
    sessionToken: null,
    endpoint: new URL(aws.url),
    ca: null,
  });
  const masterKey = () => localWrapper(new Secret(randomBytes(32).toString('base64')), random);
  const db = openDatabase(':memory:', targetCredentialMigrations);
  const store = openTargetCredentialStore(db);
  const storedWith = (...wrappers: KeyWrapper[]) => new StoredCredentials({ store, wrappers, clock, random });
  const orders = target({ kind: 'stored' });
  const value = (password: string) => ({ password: new Secret(password), privateKey: null });
  const first = masterKey();
  const stored = storedWith(first);
  t.match(await wordsOf(stored.read(orders, soon())), /none is stored.*credentials set orders/s);
  t.equal(await stored.set('Orders', value('older'), 'erin', soon()), 1);
  t.equal(await stored.set('orders', value(planted), 'erin', soon()), 2);
  t.equal((await stored.read(orders, soon())).password?.reveal(), planted);
  t.equal((await stored.previous(orders, soon()))?.password?.reveal(), 'older');
  t.notMatch(inspect(store.all().map(({ sealed, wrappedKey }) => [sealed.toString('latin1'), wrappedKey.toString('latin1')])), planted);

  // A change of the master key, through services that keep theirs.
  let from = first;
  for (const next of [vaultTransitWrapper(vaultClient, 'transit', 'sallyport'), awsKmsWrapper(aws4, 'alias/sallyport'), masterKey()]) {
    t.match(await wordsOf(storedWith(next).read(orders, soon())), /is under the master key .* not configured/, next.id);
    t.equal(await storedWith(next, from).rewrap(), 2);
    t.equal(await storedWith(next, from).rewrap(), 0, 'done once');
    t.equal((await storedWith(next).read(orders, soon())).password?.reveal(), planted, 'the former key is not needed any more');
    from = next;
  }
  const now = storedWith(from);
  now.accepted(orders, { ...(await now.read(orders, soon())), version: 'version 1' });
  t.equal(now.list('orders').length, 2, 'that the old one worked removes nothing');
  now.accepted(orders, await now.read(orders, soon()));
  t.match(now.list('orders'), [{ version: 2, createdBy: 'erin', isKeyKnown: true }], 'the new one worked: the old one is gone');

  await now.set('shop', value('another'), 'erin', soon());
  db.exec(
    `UPDATE target_credentials SET (sealed, wrapped_key) = (SELECT sealed, wrapped_key FROM target_credentials WHERE target = 'shop') WHERE target = 'orders'`,
  );
  t.match(await wordsOf(now.read(orders, soon())), /does not open/, 'the row of another target');
  db.exec(`UPDATE target_credentials SET sealed = zeroblob(40) WHERE target = 'shop'`);
  t.match(await wordsOf(now.read(target({ kind: 'stored' }, 'shop'), soon())), /does not open/, 'changed bytes');
  t.equal(now.remove('shop'), 1);
  t.equal(now.remove('shop'), 0);
  t.match(await wordsOf(storedWith().set('orders', value('x'), 'erin', soon())), /no master key/);
});
