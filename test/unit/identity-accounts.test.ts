// Passwords, authenticator apps, command lines that sign in, and people added at run time.

import t from 'tap';
import type { Accounts } from '../../src/identity/accounts.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import { cliLoginTtlMs } from '../../src/identity/cli-logins.ts';
import { freshProofMs, totpFailuresMax } from '../../src/identity/second-factors.ts';
import { base32, totpCode, totpStep } from '../../src/identity/totp.ts';
import { openDatabase } from '../../src/store/database.ts';
import { accountsOf, HandClock, KeptAudit, people, random, rights } from './api-fixture.ts';

function open() {
  const db = openDatabase(':memory:', identityMigrations);
  const clock = new HandClock();
  const audit = new KeptAudit();
  const publicUrl = () => 'https://gw.example';
  const identity = createIdentity({ db, clock, random, audit, people, rights, publicUrl });
  const accounts = accountsOf({ identity, db, clock, audit, publicUrl });
  t.teardown(() => identity.close());
  return { accounts, identity, clock, audit, db };
}

const address = '10.0.0.1';
const password = 'correct horse battery staple';
const step = (clock: HandClock) => Math.floor(clock.nowMs() / 30_000);

/** Registers an app for somebody and gives its secret. */
function app(accounts: Accounts, clock: HandClock, person: string): Buffer {
  const { secret } = accounts.factors.beginTotp(person, 'gw.example', 'a browser');
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const bytes = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  accounts.factors.confirmTotp(person, totpCode(bytes, step(clock)), 'a browser');
  return bytes;
}

t.test('codes are those of RFC 6238, appendix B', async (t) => {
  const secret = Buffer.from('12345678901234567890');
  for (const [seconds, code] of [
    [59, '287082'],
    [1111111109, '081804'],
    [1234567890, '005924'],
    [20000000000, '353130'],
  ] as const) {
    t.equal(totpCode(secret, Math.floor(seconds / 30)), code);
    t.equal(totpStep(secret, ` ${code.slice(0, 3)} ${code.slice(3)}`, seconds * 1000), Math.floor(seconds / 30));
    t.equal(totpStep(secret, code, (seconds + 90) * 1000), null, 'not three steps later');
  }
  t.equal(base32(Buffer.from('foobar')), 'MZXW6YTBOI');
});

t.test('a password signs in; a wrong one, a name without one and a disabled person do not, and all three look alike', async (t) => {
  const { accounts, identity, audit } = open();
  await t.rejects(accounts.setPassword('bob', 'too short', 'erin'), { code: 'invalid-request' });
  await t.rejects(accounts.setPassword('nobody', password, 'erin'), { code: 'not-found' });
  await accounts.setPassword('bob', password, 'erin');
  t.equal((await accounts.signInByPassword('bob', password, null, address)).kind, 'opened');
  t.equal((await accounts.signInByPassword('bob', `${password}!`, null, address)).kind, 'wrong');
  t.equal((await accounts.signInByPassword('dana', password, null, address)).kind, 'wrong');
  t.equal((await accounts.signInByPassword('nobody', password, null, address)).kind, 'wrong');
  identity.setDisabled('bob', true, 'erin');
  t.equal((await accounts.signInByPassword('bob', password, null, address)).kind, 'wrong');
  t.notMatch(JSON.stringify(audit.events), password);
});

t.test('wrong passwords make their sender wait, and nobody else', async (t) => {
  const { accounts } = open();
  await accounts.setPassword('bob', password, 'erin');
  const kinds: string[] = [];
  for (let tries = 0; tries < 7; tries += 1) kinds.push((await accounts.signInByPassword('bob', 'wrong wrong wrong', null, address)).kind);
  t.equal(kinds.at(-1), 'wait');
  t.equal((await accounts.signInByPassword('bob', password, null, address)).kind, 'wait', 'not even the right one');
  t.equal((await accounts.signInByPassword('bob', password, null, '10.0.0.2')).kind, 'opened', 'from his own desk');
});

t.test('changing a password needs the old one; an operator who sets one signs the person out', async (t) => {
  const { accounts, identity } = open();
  const here = { address, browser: 'a browser' };
  t.equal(await accounts.changePassword('bob', '', password, here), true, 'the first needs none');
  t.equal(await accounts.changePassword('bob', 'wrong', 'another long password', here), false);
  const opened = await accounts.signInByPassword('bob', password, null, address);
  const cookie = opened.kind === 'opened' ? opened.opened.cookie : '';
  t.ok(identity.authenticateCookie(cookie));
  await accounts.setPassword('bob', 'another long password', 'erin');
  t.equal(identity.authenticateCookie(cookie), null);
});

t.test('a first password needs the second factor of who has one: a stolen cookie makes itself no way back in', async (t) => {
  const { accounts, clock } = open();
  const here = { address, browser: 'a browser' };
  const secret = app(accounts, clock, 'bob');
  clock.advance(60_000);
  await t.rejects(accounts.changePassword('bob', '', password, here), { code: 'not-allowed', message: /prove your second factor first/ });
  t.equal(accounts.hasPassword('bob'), false);
  await accounts.factors.prove('bob', { totp: totpCode(secret, step(clock)) }, 'https://gw.example', here.browser);
  await t.rejects(accounts.changePassword('bob', '', password, { address, browser: 'another' }), { code: 'not-allowed' });
  t.equal(await accounts.changePassword('bob', '', password, here), true);
  t.equal(await accounts.changePassword('bob', password, `${password} 2`, { address, browser: 'another' }), true, 'the old one is a proof');
});

t.test('an account with an app asks for its code after the password, and a code is taken once', async (t) => {
  const { accounts, clock } = open();
  await accounts.setPassword('bob', password, 'erin');
  const secret = app(accounts, clock, 'bob');
  clock.advance(60_000);
  t.equal((await accounts.signInByPassword('bob', password, null, address)).kind, 'code-needed');
  const code = totpCode(secret, step(clock));
  t.equal((await accounts.signInByPassword('bob', password, code, address)).kind, 'opened');
  await t.rejects(accounts.signInByPassword('bob', password, code, address), { message: /used already/ });
  await t.rejects(
    accounts.signInByPassword('bob', password, totpCode(secret, step(clock) - 1), address),
    { message: /used already/ },
    'nor an older one',
  );
});

t.test('a clock that is set makes no proof of a second factor newer than it is', async (t) => {
  const { accounts, clock, identity, db, audit } = open();
  const ageMs = (of: Accounts) => clock.nowMs() - (of.factors.provedAtMs('bob') ?? -Infinity);
  app(accounts, clock, 'bob');
  t.equal(ageMs(accounts), 0);
  clock.advance(540_000);
  clock.wallMs -= 8 * 3_600_000;
  t.equal(ageMs(accounts), 540_000, 'set back');
  clock.wallMs += 9 * 3_600_000;
  t.equal(ageMs(accounts), 540_000 + 3_600_000, 'set forward: it may be so old');
  clock.wallMs -= 2 * 3_600_000;
  const restarted = accountsOf({ identity, db, clock, audit, publicUrl: () => 'https://gw.example' });
  t.equal(restarted.factors.provedAtMs('bob'), null, 'set back while the gateway was stopped: nobody knows');
});

t.test('guessing codes is slow and ends in a lock', async (t) => {
  const { accounts, clock, audit } = open();
  const secret = app(accounts, clock, 'bob');
  clock.advance(60_000);
  let refused = 0;
  for (let tries = 0; tries < 200 && refused < totpFailuresMax; tries += 1) {
    try {
      accounts.factors.checkTotp('bob', '000000');
    } catch (thrown) {
      if ((thrown as { code: string }).code === 'not-allowed') refused += 1;
      else clock.advance(30_000);
    }
  }
  clock.advance(60_000);
  t.throws(() => accounts.factors.checkTotp('bob', totpCode(secret, step(clock))), { message: /locked/ });
  t.ok(audit.events.filter(({ type }) => type === 'second-factor.refused').length >= 10);
  accounts.factors.reset('bob', 'erin');
  t.equal(accounts.factors.view('bob').hasTotp, false);
});

t.test('whoever has a factor shows it before changing any', async (t) => {
  const { accounts, clock } = open();
  const secret = app(accounts, clock, 'bob');
  clock.advance(60_000);
  t.throws(() => accounts.factors.removeTotp('bob', 'a thief'), { message: /prove your second factor first/ });
  await accounts.factors.prove('bob', { totp: totpCode(secret, step(clock)) }, 'https://gw.example', 'his browser');
  t.throws(() => accounts.factors.removeTotp('bob', 'a thief'), { message: /prove/ }, 'in that browser, not in another');
  clock.advance(freshProofMs);
  t.throws(() => accounts.factors.removeTotp('bob', 'his browser'), { message: /prove/ }, 'for ten minutes');
  t.equal(accounts.factors.provedAtMs('bob') !== null, true);
});

t.test('a command line is signed in as who confirms, once', async (t) => {
  const { accounts, identity, clock } = open();
  const begun = accounts.cliLogins.begin('laptop', address);
  t.equal(accounts.pollCliLogin(begun.pollSecret, 'laptop').kind, 'waiting');
  t.equal(accounts.cliLogins.answer(begun.pollSecret, 'bob', 'confirm'), false, 'the secret of the poll is not that of the link');
  t.equal(accounts.cliLogins.answer(begun.linkSecret, 'bob', 'confirm'), true);
  t.equal(accounts.cliLogins.answer(begun.linkSecret, 'alice', 'confirm'), false, 'nobody else afterwards');
  const polled = accounts.pollCliLogin(begun.pollSecret, 'laptop');
  t.equal(polled.kind === 'token' ? identity.authenticateBearer(polled.issued.token)?.principal.name : '', 'bob');
  t.equal(accounts.pollCliLogin(begun.pollSecret, 'laptop').kind, 'gone');
  const refused = accounts.cliLogins.begin('laptop', address);
  accounts.cliLogins.answer(refused.linkSecret, 'bob', 'refuse');
  t.equal(accounts.pollCliLogin(refused.pollSecret, 'laptop').kind, 'refused');
  const late = accounts.cliLogins.begin('laptop', address);
  clock.advance(cliLoginTtlMs);
  t.equal(accounts.cliLogins.answer(late.linkSecret, 'bob', 'confirm'), false);
  t.equal(accounts.pollCliLogin(late.pollSecret, 'laptop').kind, 'gone');
});

t.test('people are added, changed and removed at run time, and nobody of the configuration is', async (t) => {
  const { accounts, identity } = open();
  accounts.addPerson({ name: 'hugo', displayName: 'Hugo', groups: ['dba'] }, 'erin');
  t.same(identity.person('hugo')?.groups, ['dba']);
  t.throws(() => accounts.addPerson({ name: 'HUGO', displayName: 'x', groups: [] }, 'erin'), { code: 'conflict' });
  t.throws(() => accounts.addPerson({ name: 'bob', displayName: 'x', groups: ['operators'] }, 'erin'), { code: 'conflict' });
  t.throws(() => accounts.addPerson({ name: 'a:b', displayName: 'x', groups: [] }, 'erin'), { code: 'invalid-request' });
  const heard: string[] = [];
  identity.onChange(({ name }) => heard.push(name));
  const { token } = identity.issueToken('hugo', { name: 'test', ttlMs: 60_000 });
  accounts.addPerson({ name: 'hugo', displayName: 'Hugo', groups: [] }, 'erin');
  t.same(identity.person('hugo')?.groups, []);
  t.ok(heard.includes('hugo'), 'live sessions are judged again');
  accounts.removePerson('hugo', 'erin');
  t.equal(identity.authenticateBearer(token), null);
  accounts.addPerson({ name: 'hugo', displayName: 'Another Hugo', groups: [] }, 'erin');
  t.equal(identity.authenticateBearer(token), null, 'another person of that name does not get the old tokens');
  t.throws(() => accounts.removePerson('bob', 'erin'), { code: 'not-allowed' });
});
