// Access tokens: what is stored, who they let in and when they stop. Checked against other people's computations: pg's SCRAM
// client, and SHA written out.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import t from 'tap';
import type { Principal } from '../../src/core/principal.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import { tokensPerPersonMax } from '../../src/identity/access-tokens.ts';
import { openDatabase } from '../../src/store/database.ts';
import { HandClock, KeptAudit, people, random, rights } from './api-fixture.ts';

const require = createRequire(import.meta.url);

function open(db = openDatabase(':memory:', identityMigrations), clock = new HandClock()) {
  const audit = new KeptAudit();
  const identity = createIdentity({ db, clock, random, audit, people, rights, publicUrl: () => 'https://gw.example' });
  return { identity, db, clock, audit };
}

t.test('pg signs in by SCRAM against the stored verifier, and not with another token', async (t) => {
  const { identity } = open();
  // What node-postgres itself does at sign-in: the proof is made by its code, not by ours.
  const sasl = require('pg/lib/crypto/sasl.js');
  const issued = identity.issueToken('alice', { name: 'psql', ttlMs: 60_000 });
  const material = identity.material('alice');
  const verifier = material.verifiers[0];
  if (verifier === undefined) throw new Error('no verifier');

  async function proves(password: string): Promise<boolean> {
    const session = sasl.startSession(['SCRAM-SHA-256']);
    const clientFirst: string = session.response;
    const nonce = `${/r=(.*)$/.exec(clientFirst)?.[1]}server`;
    const serverFirst = `r=${nonce},s=${material.scramSalt.toString('base64')},i=${material.scramIterations}`;
    await sasl.continueSession(session, password, serverFirst);
    const final: string = session.response;
    const [withoutProof = '', proof = ''] = final.split(',p=');
    const message = `${clientFirst.slice(3)},${serverFirst},${withoutProof}`;
    const signature = createHmac('sha256', verifier!.scramStoredKey).update(message).digest();
    const clientKey = Buffer.from(proof, 'base64').map((byte, index) => byte ^ (signature[index] ?? 0));
    const ok = timingSafeEqual(createHash('sha256').update(clientKey).digest(), verifier!.scramStoredKey);
    const serverSignature = createHmac('sha256', verifier!.scramServerKey).update(message).digest('base64');
    if (ok) sasl.finalizeSession(session, `v=${serverSignature}`); // throws unless the server key is right
    return ok;
  }

  t.equal(await proves(issued.token), true);
  t.equal(await proves(identity.issueToken('bob', { name: 'x', ttlMs: 60_000 }).token), false);
});

t.test('verifiers for MySQL and clear-text methods are the plain hashes', async (t) => {
  const { identity } = open();
  const { token, id } = identity.issueToken('alice', { name: 'x', ttlMs: 60_000 });
  const [verifier] = identity.material('alice').verifiers;
  const sha = (name: string, data: string | Buffer) => createHash(name).update(data).digest();
  t.equal(verifier?.tokenId, id);
  t.same(verifier?.sha256, sha('sha256', token));
  t.same(verifier?.sha256Twice, sha('sha256', sha('sha256', token)));
  t.same(verifier?.sha1Twice, sha('sha1', sha('sha1', token)));
});

t.test('a token is 200 random bits and stands nowhere in the store or log', async (t) => {
  const { identity, db, audit } = open();
  const { token } = identity.issueToken('alice', { name: 'x', ttlMs: 60_000 });
  t.match(token, /^sp_[0-9a-z]{40}$/);
  t.notOk(db.serialize().includes(token.slice(3)));
  t.notOk(JSON.stringify(audit.events).includes(token.slice(3)));
  t.equal(audit.events[0]?.type, 'token.issued');
});

t.test('expired, revoked and disabled stop working at once', async (t) => {
  const { identity, clock, audit } = open();
  const heard: string[] = [];
  identity.onChange((change) => heard.push(`${change.kind} ${change.name}`));
  const short = identity.issueToken('alice', { name: 'short', ttlMs: 60_000 });
  const long = identity.issueToken('alice', { name: 'long', ttlMs: 600_000 });
  t.equal(identity.authenticateBearer(short.token)?.principal.name, 'alice');
  t.equal(identity.material('alice').verifiers.length, 2);

  clock.advance(60_000);
  t.equal(identity.authenticateBearer(short.token), null);
  t.equal(identity.material('alice').verifiers.length, 1);

  identity.setDisabled('alice', true, 'erin');
  t.equal(identity.authenticateBearer(long.token), null);
  t.same([identity.material('alice').principal, identity.material('alice').verifiers], [null, []]);
  t.throws(() => identity.issueToken('alice', { name: 'x', ttlMs: 1000 }), { code: 'not-allowed' });
  identity.setDisabled('alice', false, 'erin');
  t.ok(identity.authenticateBearer(long.token));

  t.equal(identity.revokeToken(long.id, 'erin'), true);
  t.equal(identity.revokeToken(long.id, 'erin'), false);
  t.equal(identity.authenticateBearer(long.token), null);
  t.same(heard, ['person alice', 'person alice', 'token-revoked alice']);
  t.equal(audit.events.at(-1)?.type, 'token.revoked');
});

t.test('a clock that is set back makes no token last longer', async (t) => {
  const { identity, clock } = open();
  const issued = identity.issueToken('alice', { name: 'x', ttlMs: 60_000 });
  clock.wallMs -= 3_600_000;
  clock.advance(59_000);
  t.ok(identity.authenticateBearer(issued.token));
  clock.advance(1_000);
  t.equal(identity.authenticateBearer(issued.token), null);
  t.strictSame(identity.material('alice').verifiers, []);
});

t.test('tokens, disabled people and decoys outlive a restart', async (t) => {
  const first = open();
  const { token } = first.identity.issueToken('alice', { name: 'x', ttlMs: 60_000 });
  const salt = first.identity.material('nobody').scramSalt;
  first.identity.setDisabled('dana', true, 'erin');
  first.identity.authenticateBearer(token);
  first.identity.close();

  const second = open(first.db, first.clock);
  t.equal(second.identity.authenticateBearer(token)?.principal.name, 'alice');
  t.same(second.identity.material('nobody').scramSalt, salt);
  t.equal(second.identity.person('dana'), null);
  t.equal(second.identity.tokens('alice')[0]?.lastUsedAtMs, first.clock.nowMs());
});

t.test('names that do not exist look like names that do', async (t) => {
  const { identity } = open();
  const one = identity.material('nobody');
  t.same(identity.material('nobody'), one, 'stable');
  t.notSame(identity.material('somebody').scramSalt, one.scramSalt);
  t.equal(one.scramSalt.length, identity.material('alice').scramSalt.length);
  t.equal(one.scramIterations, identity.material('alice').scramIterations);
  t.same([one.principal, one.verifiers], [null, []]);
  const salt = identity.material('alice').scramSalt;
  identity.issueToken('alice', { name: 'x', ttlMs: 60_000 });
  t.same(identity.material('alice').scramSalt, salt, 'a token changes nothing that a stranger sees');
});

t.test('limits: life, number, name', async (t) => {
  const { identity, clock } = open();
  for (const ttlMs of [0, -1, Number.NaN, Infinity, 31 * 86_400_000]) {
    t.throws(() => identity.issueToken('alice', { name: 'x', ttlMs }), { code: 'invalid-request' });
  }
  t.throws(() => identity.issueToken('mallory', { name: 'x', ttlMs: 1000 }), { code: 'not-found' });
  t.throws(() => identity.issueToken('alice', { name: 'x'.repeat(101), ttlMs: 1000 }), { code: 'invalid-request' });
  for (let count = 0; count < tokensPerPersonMax; count += 1) identity.issueToken('alice', { name: 'x', ttlMs: 60_000 });
  t.throws(() => identity.issueToken('alice', { name: 'x', ttlMs: 60_000 }), { code: 'limit-reached' });
  clock.advance(60_000);
  t.doesNotThrow(() => identity.issueToken('alice', { name: 'x', ttlMs: 60_000 }), 'expired ones do not count');
  for (const text of ['', 'sp_', 'sp_wrong', 'x'.repeat(10_000)]) t.equal(identity.authenticateBearer(text), null);
});

t.test('rights come from groups; changed groups are heard of, and the principals that they did not change are kept', async (t) => {
  const { identity } = open();
  const bob = identity.person('bob') as Principal;
  const alice = identity.person('alice') as Principal;
  t.same(identity.rights(bob), ['approve']);
  t.same(identity.rights(alice), []);
  const heard: string[] = [];
  identity.onChange(({ name }) => heard.push(name));
  identity.setOnCall(['dba'], new Map());
  t.same(heard.sort(), ['bob', 'dana']);
  t.same(identity.rights(identity.person('bob') as Principal), []);
  t.equal(identity.person('alice'), alice, 'the same object');
});
