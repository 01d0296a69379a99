// Failing to sign in, signing in through the browser, console sessions and decision links.

import t from 'tap';
import type { Principal } from '../../src/core/principal.ts';
import { BackOff, freeFailures, longestWaitMs, pairsMax } from '../../src/identity/back-off.ts';
import { browserSignInTtlMs, pendingPerNameMax } from '../../src/identity/browser-sign-ins.ts';
import { sessionIdleMs, sessionLifeMs } from '../../src/identity/console-sessions.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import { openDatabase } from '../../src/store/database.ts';
import { HandClock, KeptAudit, people, random, rights } from './api-fixture.ts';

function open() {
  const db = openDatabase(':memory:', identityMigrations);
  const clock = new HandClock();
  const audit = new KeptAudit();
  const identity = createIdentity({ db, clock, random, audit, people, rights, publicUrl: () => 'https://gw.example' });
  t.teardown(() => identity.close());
  return { identity, db, clock, audit, alice: identity.person('alice') as Principal, bob: identity.person('bob') as Principal };
}

const wanted = { name: 'alice', target: 'orders', protocol: 'postgres', clientAddress: '10.0.0.1' };
const secretOf = (url: string) => url.slice(url.lastIndexOf('/') + 1);

t.test('wrong passwords make their sender wait, longer each time, and nobody else', async (t) => {
  const { identity, clock, audit, alice } = open();
  for (let count = 1; count <= freeFailures; count += 1) t.equal(identity.failed('alice', '10.0.0.9'), false);
  t.equal(identity.failed('alice', '10.0.0.9'), true);
  clock.advance(1000);
  t.equal(identity.blocked('alice', '10.0.0.9'), false);
  for (let count = 0; count < 5000; count += 1) identity.failed('alice', '10.0.0.9');
  t.equal(identity.blocked('alice', '10.0.0.9'), true);
  t.equal(identity.blocked('alice', '10.0.0.1'), false, 'Alice at her own desk');
  t.equal(identity.blocked('bob', '10.0.0.9'), false, 'Bob behind the same address');
  t.ok(audit.events.length < 30, `${audit.events.length} events for 5006 failures`);
  t.equal(
    audit.events.every(({ type, principal }) => type === 'sign-in.failed' && principal === null),
    true,
  );
  clock.advance(longestWaitMs);
  t.equal(identity.blocked('alice', '10.0.0.9'), false);
  identity.succeeded(alice, null, '10.0.0.9', 'postgres');
  t.equal(identity.failed('alice', '10.0.0.9'), false, 'a success starts afresh');
});

t.test('what is remembered of failures is bounded, and so is what is logged of many names', async (t) => {
  const backOff = new BackOff(new HandClock());
  for (let count = 0; count < pairsMax + 500; count += 1) backOff.failed(`name${count}`, '10.0.0.9');
  t.equal(backOff.size, pairsMax);
  const { identity, audit, clock } = open();
  for (let count = 0; count < 2000; count += 1) identity.failed(`name${count}`, '10.0.0.9');
  t.equal(audit.events.length, 300);
  clock.advance(60_000);
  identity.failed('x'.repeat(5000), '10.0.0.9');
  t.equal(audit.events.at(-1)?.detail['left_out_before'], 1700);
  t.equal(String(audit.events.at(-1)?.detail['name']).length, 128);
});

t.test('a browser sign-in is confirmed by its own person, once', async (t) => {
  const { identity, alice, bob } = open();
  const signIn = identity.browser(wanted);
  t.match(signIn.url, /^https:\/\/gw\.example\/sign-in\/[0-9a-z]{32}$/);
  t.match(signIn.code, /^[0-9A-Z]{2}-[0-9A-Z]{3}$/);
  const secret = secretOf(signIn.url);
  t.equal(identity.browserSignIns.get(secret, bob), null);
  t.same(identity.browserSignIns.list(bob), []);
  t.equal(identity.browserSignIns.confirm(secret, bob, signIn.code, null), 'unknown');
  t.match(identity.browserSignIns.get(secret, alice), { ...wanted, code: signIn.code });
  t.equal(identity.browserSignIns.list(alice).length, 1);
  t.equal(identity.browserSignIns.confirm(secret, alice, 'ZZ-ZZZ', null), 'wrong-code');
  t.equal(identity.browserSignIns.confirm(secret, alice, signIn.code.toLowerCase().replace('-', ''), null), 'confirmed');
  t.same(await signIn.confirmed, { principal: alice, tokenId: null });
  t.equal(identity.browserSignIns.confirm(secret, alice, signIn.code, null), 'unknown');
});

t.test('a browser sign-in that is refused, cancelled, late or of somebody disabled gives nobody', async (t) => {
  const { identity, alice, clock } = open();
  const refused = identity.browser(wanted);
  t.equal(identity.browserSignIns.refuse(secretOf(refused.url), alice), true);
  t.equal(await refused.confirmed, null);
  const cancelled = identity.browser(wanted);
  cancelled.cancel();
  t.equal(await cancelled.confirmed, null);
  t.equal(identity.browserSignIns.confirm(secretOf(cancelled.url), alice, null, null), 'unknown');
  const disabled = identity.browser(wanted);
  identity.setDisabled('alice', true, null);
  t.equal(await disabled.confirmed, null);
  identity.setDisabled('alice', false, null);
  const late = identity.browser(wanted);
  clock.advance(browserSignInTtlMs);
  t.equal(identity.browserSignIns.confirm(secretOf(late.url), alice, null, null), 'unknown');
  t.same(identity.browserSignIns.list(alice), []);
});

t.test('browser sign-ins are limited by name and address; unknown names get a link like any other', async (t) => {
  const { identity, alice } = open();
  const stranger = identity.browser({ ...wanted, name: 'mallory' });
  t.match(stranger.url, /\/sign-in\//);
  for (let count = 0; count < pendingPerNameMax; count += 1) identity.browser({ ...wanted, clientAddress: '10.6.6.6' });
  t.equal(await identity.browser({ ...wanted, clientAddress: '10.6.6.6' }).confirmed, null, 'one too many');
  const own = identity.browser(wanted);
  t.equal(
    identity.browserSignIns.confirm(secretOf(own.url), alice, null, null),
    'confirmed',
    'others do not fill Alice’s limit at her desk',
  );
});

t.test('a login link signs in once, in time, and only while its person may', async (t) => {
  const { identity, clock, db } = open();
  const link = identity.createLoginLink('bob', 60_000);
  t.match(link, /^https:\/\/gw\.example\/login#[0-9a-z]{40}$/);
  const secret = link.split('#')[1] ?? '';
  t.notOk(db.serialize().includes(secret));
  const opened = identity.signIn({ secret }, '10.0.0.1');
  t.equal(opened?.person, 'bob');
  t.notOk(db.serialize().includes(opened?.cookie ?? ''));
  t.equal(identity.signIn({ secret }, '10.0.0.1'), null, 'the second time');
  const late = identity.createLoginLink('bob', 60_000).split('#')[1] ?? '';
  clock.advance(60_000);
  t.equal(identity.signIn({ secret: late }, '10.0.0.1'), null);
  const disabled = identity.createLoginLink('bob', 60_000).split('#')[1] ?? '';
  identity.setDisabled('bob', true, null);
  identity.setDisabled('bob', false, null);
  t.equal(identity.signIn({ secret: disabled }, '10.0.0.1'), null, 'links of somebody disabled are gone');
});

t.test('console sessions end by idling, by age, by logging out, with their token and with their person', async (t) => {
  const { identity, clock } = open();
  const byLink = () => identity.signIn({ secret: identity.createLoginLink('bob', 60_000).split('#')[1] ?? '' }, '10.0.0.1')?.cookie ?? '';
  const isIn = (cookie: string) => identity.authenticateCookie(cookie)?.principal.name === 'bob';

  const idle = byLink();
  clock.advance(sessionIdleMs - 1);
  t.ok(isIn(idle));
  clock.advance(sessionIdleMs - 1);
  t.ok(isIn(idle), 'use keeps it alive');
  clock.advance(sessionIdleMs);
  t.notOk(isIn(idle));

  const old = byLink();
  for (let passed = 0; passed < sessionLifeMs - 3_600_000; passed += 3_600_000) {
    clock.advance(3_600_000);
    t.ok(isIn(old));
  }
  clock.advance(3_600_000);
  t.notOk(isIn(old), 'a day is enough');

  const [one, two, three] = [byLink(), byLink(), byLink()];
  identity.signOut(one);
  t.same([isIn(one), isIn(two)], [false, true]);
  identity.signOutEverywhere('bob');
  t.same([isIn(two), isIn(three)], [false, false]);

  const issued = identity.issueToken('bob', { name: 'x', ttlMs: 120_000 });
  const byToken = identity.signIn({ token: issued.token }, '10.0.0.1')?.cookie ?? '';
  t.ok(isIn(byToken));
  identity.revokeToken(issued.id, null);
  t.notOk(isIn(byToken), 'ends with its token');

  const disabled = byLink();
  identity.setDisabled('bob', true, null);
  identity.setDisabled('bob', false, null);
  t.notOk(isIn(disabled));
});

t.test('decision links: signed, short-lived, used once', async (t) => {
  const { identity, clock } = open();
  const tokenOf = (url: string) => url.slice('https://gw.example/decide/'.length);
  const token = tokenOf(identity.decisionLinks.create('h-1', 'approve', 'bob'));
  const read = identity.decisionLinks.read(token);
  t.match(read, { kind: 'good', link: { holdId: 'h-1', answer: 'approve', person: 'bob' } });
  const [payload = '', signature = ''] = token.split('.');
  const forged = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('bob', 'eve')).toString('base64url');
  for (const bad of ['', '.', 'x.y', payload, `${forged}.${signature}`, `${payload}.${signature.slice(1)}`, 'x'.repeat(5000)]) {
    t.equal(identity.decisionLinks.read(bad).kind, 'unknown', bad.slice(0, 20));
  }
  if (read.kind !== 'good') throw new Error('the link is not good');
  t.equal(identity.decisionLinks.use(read.link), true);
  t.equal(identity.decisionLinks.use(read.link), false);
  t.equal(identity.decisionLinks.read(token).kind, 'used');
  const late = tokenOf(identity.decisionLinks.create('h-1', 'deny', null, 1000));
  clock.advance(1000);
  t.equal(identity.decisionLinks.read(late).kind, 'expired');
  const other = createIdentity({
    db: openDatabase(':memory:', identityMigrations),
    clock,
    random,
    audit: new KeptAudit(),
    people,
    rights,
    publicUrl: () => 'https://gw.example',
  });
  t.equal(other.decisionLinks.read(tokenOf(identity.decisionLinks.create('h-1', 'deny', null))).kind, 'unknown', 'another gateway’s key');
  other.close();
  t.equal(identity.decisionLinks.page('h-1'), 'https://gw.example/holds/h-1');
});
