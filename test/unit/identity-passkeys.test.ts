// Passkeys, attacked: attestation that makes the gateway fetch what it names, more keys than the limit, challenges used twice or
// pushed out by strangers, and what is left of people who were removed. The good way is tried in a browser (test/e2e).

import { execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import type { Accounts } from '../../src/identity/accounts.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import type { CredentialJson } from '../../src/identity/passkeys.ts';
import { passkeysPerPersonMax } from '../../src/identity/passkeys.ts';
import { openDatabase } from '../../src/store/database.ts';
import { tool } from '../support/tools.ts';
import { accountsOf, HandClock, KeptAudit, people, random, rights } from './api-fixture.ts';

const origin = 'https://gw.example';
const userPresentAndVerified = 0x05;
const attestedData = 0x40;

function open(configured = people, db = openDatabase(':memory:', identityMigrations)) {
  const clock = new HandClock();
  const audit = new KeptAudit();
  const publicUrl = () => origin;
  const identity = createIdentity({ db, clock, random, audit, people: configured, rights, publicUrl });
  const accounts = accountsOf({ identity, db, clock, audit, publicUrl });
  t.teardown(() => identity.close());
  return { accounts, identity, passkeys: accounts.factors.passkeys, clock, audit, db };
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest();
const challengeOf = (options: object) => (options as { challenge: string }).challenge;

/** As much of CBOR (RFC 8949) as an attestation object has. */
function cbor(value: unknown): Buffer {
  const head = (major: number, count: number) => {
    if (count < 24) return Buffer.from([(major << 5) | count]);
    return count < 256 ? Buffer.from([(major << 5) | 24, count]) : Buffer.from([(major << 5) | 25, count >> 8, count & 255]);
  };
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  const entries = [...(value as Map<unknown, unknown>)];
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, it]) => [cbor(key), cbor(it)])]);
}

/** An authenticator made of one key, whose owner wrote it. */
class Authenticator {
  readonly id = random.bytes(16);
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  flags = userPresentAndVerified;
  counter = 1;

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.publicKey = publicKey;
    this.privateKey = privateKey;
  }

  clientData(type: string, challenge: string, page = origin): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: page, crossOrigin: false }));
  }

  data(attested: boolean, rpId = 'gw.example'): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    const head = Buffer.concat([sha256(rpId), Buffer.from([this.flags | (attested ? attestedData : 0)]), counter]);
    if (!attested) return head;
    const { x = '', y = '' } = this.publicKey.export({ format: 'jwk' }) as { x?: string; y?: string };
    const at = (text: string) => Buffer.from(text, 'base64url');
    const key = cbor(new Map<number, unknown>([[1, 2], [3, -7], [-1, 1], [-2, at(x)], [-3, at(y)]])); // prettier-ignore
    return Buffer.concat([head, Buffer.alloc(16), Buffer.from([0, this.id.length]), this.id, key]);
  }

  registers(clientData: Buffer, fmt = 'none', statement: ReadonlyMap<string, unknown> = new Map()): CredentialJson {
    const object = cbor(new Map<string, unknown>([['fmt', fmt], ['attStmt', statement], ['authData', this.data(true)]])); // prettier-ignore
    return this.#answer({ clientDataJSON: clientData.toString('base64url'), attestationObject: object.toString('base64url') });
  }

  signs(clientData: Buffer, data = this.data(false)): CredentialJson {
    const signature = sign('sha256', Buffer.concat([data, sha256(clientData)]), this.privateKey);
    const [clientDataJSON, authenticatorData] = [clientData, data].map((it) => it.toString('base64url'));
    return this.#answer({ clientDataJSON, authenticatorData, signature: signature.toString('base64url') });
  }

  #answer(response: object): CredentialJson {
    const id = this.id.toString('base64url');
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response };
  }
}

const bob = { name: 'bob', displayName: 'Bob' };

/** Registers a passkey of somebody, the good way. */
async function registered(accounts: Accounts, person: string): Promise<Authenticator> {
  const { passkeys } = accounts.factors;
  const authenticator = new Authenticator();
  const challenge = challengeOf(passkeys.registrationOptions({ name: person, displayName: person }, origin));
  await passkeys.register(person, 'key', authenticator.registers(authenticator.clientData('webauthn.create', challenge)), origin);
  return authenticator;
}

t.test('a passkey that tells its make makes the gateway fetch nothing', async (t) => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(String(request.url));
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { passkeys } = open();
  const authenticator = new Authenticator();
  const clientData = authenticator.clientData('webauthn.create', challengeOf(passkeys.registrationOptions(bob, origin)));
  const list = `http://127.0.0.1:${(server.address() as AddressInfo).port}/latest/meta-data`;
  const x5c = androidKeyChain(t.testdir(), authenticator, sha256(clientData), list);
  const sig = sign('sha256', Buffer.concat([authenticator.data(true), sha256(clientData)]), authenticator.privateKey);
  const statement = new Map<string, unknown>([['alg', -7], ['sig', sig], ['x5c', x5c]]); // prettier-ignore
  const answer = authenticator.registers(clientData, 'android-key', statement);
  await t.rejects(passkeys.register('bob', 'key', answer, origin), { code: 'invalid-request', message: /tells its make \(android-key\)/ });
  t.same(asked, [], 'the revocation list that the certificate names was not asked for');
  t.same(passkeys.list('bob'), []);
});

t.test('attestation of a chain is refused in every format, and a key that signs for itself is not', async (t) => {
  const { passkeys } = open();
  for (const fmt of ['packed', 'tpm', 'apple', 'fido-u2f', 'android-safetynet', 'something']) {
    const authenticator = new Authenticator();
    const clientData = authenticator.clientData('webauthn.create', challengeOf(passkeys.registrationOptions(bob, origin)));
    const answer = authenticator.registers(clientData, fmt, new Map([['x5c', [Buffer.from('a certificate')]]]));
    await t.rejects(passkeys.register('bob', 'key', answer, origin), { message: /tells its make/ }, fmt);
  }
  const authenticator = new Authenticator();
  const clientData = authenticator.clientData('webauthn.create', challengeOf(passkeys.registrationOptions(bob, origin)));
  const sig = sign('sha256', Buffer.concat([authenticator.data(true), sha256(clientData)]), authenticator.privateKey);
  await passkeys.register('bob', 'key', authenticator.registers(clientData, 'packed', new Map<string, unknown>([['alg', -7], ['sig', sig]])), origin); // prettier-ignore
  t.equal(passkeys.list('bob').length, 1);
});

t.test('what a registration and a sign-in must say', async (t) => {
  const { accounts, passkeys, clock, identity } = open();
  const authenticator = await registered(accounts, 'bob');
  const ask = () => challengeOf(passkeys.requestOptions(null, null, origin));
  const signIn = (answer: CredentialJson) => accounts.signInByPasskey(answer, origin, '10.0.0.1');
  const get = (challenge: string, page?: string) => authenticator.clientData('webauthn.get', challenge, page);

  authenticator.counter = 2;
  const first = authenticator.signs(get(ask()));
  t.match(await signIn(first), { person: 'bob' });
  t.equal(await signIn(first), null, 'a challenge counts once');
  t.equal(await signIn(authenticator.signs(get(ask()))), null, 'a counter that stands still');
  authenticator.counter = 10;
  t.equal(await signIn(authenticator.signs(get(ask(), 'https://gw.example.evil'))), null, 'another page');
  t.equal(await signIn(authenticator.signs(get(ask()), authenticator.data(false, 'evil.example'))), null, 'for another domain');
  t.equal(await signIn(authenticator.signs(authenticator.clientData('webauthn.create', ask()))), null, 'another ceremony');
  t.equal(await signIn(authenticator.signs(get(challengeOf(passkeys.requestOptions('bob', null, origin))))), null, 'a challenge to prove');
  t.equal(await passkeys.check(authenticator.signs(get(ask())), origin, 'bob'), null, 'a challenge to sign in proves nothing');
  const forBob = challengeOf(passkeys.requestOptions('bob', null, origin));
  t.equal(await passkeys.check(authenticator.signs(get(forBob)), origin, 'dana'), null, 'it proves nobody else');
  t.equal(await signIn(new Authenticator().signs(get(ask()))), null, 'a key that nobody registered');
  authenticator.flags = 0x01;
  t.equal(await signIn(authenticator.signs(get(ask()))), null, 'nobody was verified');
  authenticator.flags = userPresentAndVerified;
  const late = get(ask());
  clock.advance(5 * 60_000);
  t.equal(await signIn(authenticator.signs(late)), null, 'too late');
  identity.setDisabled('bob', true, 'erin');
  t.equal(await signIn(authenticator.signs(get(ask()))), null, 'somebody who was shut out');
  identity.setDisabled('bob', false, 'erin');
  authenticator.counter = 11;
  t.match(await signIn(authenticator.signs(get(ask()))), { person: 'bob' }, 'and all of it together is good');
});

t.test('registrations that were begun at once do not exceed the limit', async (t) => {
  const { passkeys } = open();
  const begun = Array.from({ length: passkeysPerPersonMax + 2 }, () => challengeOf(passkeys.registrationOptions(bob, origin)));
  const made = begun.map((challenge) => {
    const authenticator = new Authenticator();
    return passkeys.register('bob', 'key', authenticator.registers(authenticator.clientData('webauthn.create', challenge)), origin);
  });
  const failed = (await Promise.allSettled(made)).filter(({ status }) => status === 'rejected');
  t.equal(failed.length, 2);
  t.match(failed, [{ reason: { code: 'limit-reached' } }, { reason: { code: 'limit-reached' } }]);
  t.equal(passkeys.list('bob').length, passkeysPerPersonMax);
});

t.test('strangers at the sign-in page push out nobody who registers a passkey', async (t) => {
  const { passkeys } = open();
  const authenticator = new Authenticator();
  const challenge = challengeOf(passkeys.registrationOptions(bob, origin));
  for (let count = 0; count < 6000; count += 1) passkeys.requestOptions(null, null, origin);
  await passkeys.register('bob', 'key', authenticator.registers(authenticator.clientData('webauthn.create', challenge)), origin);
  t.equal(passkeys.list('bob').length, 1);
});

t.test('whoever removes somebody, their passkeys and passwords do not go to the next of that name', async (t) => {
  const { accounts, identity } = open();
  const zoe = { name: 'zoe', source: 'scim:hr', displayName: 'Zoe', kind: 'person', groups: ['dba'], active: true } as const;
  identity.provision(zoe, 'scim:hr');
  const authenticator = await registered(accounts, 'zoe');
  await accounts.setPassword('zoe', 'correct horse battery staple', 'zoe');
  accounts.factors.noteProof('zoe', 'passkey');
  identity.provision({ ...zoe, active: false }, 'scim:hr');
  identity.unprovision('zoe', 'scim:hr');
  identity.provision({ ...zoe, displayName: 'Another Zoe' }, 'scim:hr');
  t.match(accounts.factors.view('zoe'), { passkeys: [], provedAtMs: null });
  t.equal(accounts.hasPassword('zoe'), false);
  const challenge = challengeOf(accounts.factors.passkeys.requestOptions(null, null, origin));
  const answer = authenticator.signs(authenticator.clientData('webauthn.get', challenge));
  t.equal(await accounts.signInByPasskey(answer, origin, '10.0.0.1'), null);
});

t.test('what somebody had who was taken out of the configuration does not go to the next of that name', async (t) => {
  const { accounts, identity, db } = open();
  const authenticator = await registered(accounts, 'bob');
  await accounts.setPassword('bob', 'correct horse battery staple', 'bob');
  accounts.factors.noteProof('bob', 'passkey');
  const { token } = identity.issueToken('bob', { name: 'x', ttlMs: 3_600_000 });
  const kept = identity.issueToken('alice', { name: 'x', ttlMs: 3_600_000 });
  const { cookie } = identity.openConsole('bob', '10.0.0.1', 'test') ?? { cookie: '' };
  const [, link = ''] = identity.createLoginLink('bob', 3_600_000).split('#');
  const holds = () => open(people, db);

  const disabled = open(
    people.map((it) => (it.name === 'bob' ? { ...it, disabled: true } : it)),
    db,
  );
  disabled.identity.forgetStrangers();
  t.equal(holds().accounts.hasPassword('bob'), true, 'who is disabled keeps what is theirs');

  const without = open(
    people.filter(({ name }) => name !== 'bob'),
    db,
  );
  without.identity.forgetStrangers();
  t.match(
    without.audit.events.filter(({ type }) => type === 'person.removed'),
    [{ principal: null, detail: { person: 'bob', source: 'configuration' } }],
  );
  t.equal(without.audit.events.filter(({ type }) => type === 'token.revoked').length, 1);

  const again = holds();
  again.identity.forgetStrangers();
  t.match(again.accounts.factors.view('bob'), { passkeys: [], provedAtMs: null });
  t.equal(again.accounts.hasPassword('bob'), false);
  t.equal(again.identity.authenticateBearer(token), null);
  t.equal(again.identity.authenticateCookie(cookie), null);
  t.equal(again.identity.signIn({ secret: link }, '10.0.0.1'), null);
  const challenge = challengeOf(again.passkeys.requestOptions(null, null, origin));
  const answer = authenticator.signs(authenticator.clientData('webauthn.get', challenge));
  t.equal(await again.accounts.signInByPasskey(answer, origin, '10.0.0.1'), null);
  t.equal(again.identity.authenticateBearer(kept.token)?.principal.name, 'alice', 'others keep theirs');
});

/** A chain as Android's key store makes it, by an authority of our own; its leaf names where to look for revoked ones. */
function androidKeyChain(folder: string, authenticator: Authenticator, challenge: Buffer, list: string): Buffer[] {
  const at = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync(tool('openssl', 'openssl'), args, { stdio: 'pipe' });
  // KeyDescription: version 3, trusted environment, the challenge, no unique id, two empty lists.
  const body = `0201030a01010201040a01010420${challenge.toString('hex')}040030003000`;
  const description = `30${(body.length / 2).toString(16)}${body}`;
  writeFileSync(at('leaf.key'), authenticator.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(at('leaf.ext'), `crlDistributionPoints=URI:${list}\n1.3.6.1.4.1.11129.2.1.17=DER:${description}\n`);
  openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=authority', '-keyout', at('ca.key'), '-out', at('ca.pem')); // prettier-ignore
  openssl('req', '-new', '-key', at('leaf.key'), '-subj', '/CN=leaf', '-out', at('leaf.csr'));
  openssl('x509', '-req', '-in', at('leaf.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2', '-extfile', at('leaf.ext'), '-out', at('leaf.pem')); // prettier-ignore
  return ['leaf.pem', 'ca.pem'].map((name) => Buffer.from(readFileSync(at(name), 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64'));
}
