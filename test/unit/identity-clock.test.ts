// Browsers that are signed in, login links and decision links live no longer because somebody sets the clock back.

import t from 'tap';
import { decisionLinkTtlMsDefault } from '../../src/identity/decision-links.ts';
import { sessionIdleMs, sessionLifeMs } from '../../src/identity/console-sessions.ts';
import { createIdentity } from '../../src/identity/identity.ts';
import { identityMigrations } from '../../src/identity/tables.ts';
import { openDatabase } from '../../src/store/database.ts';
import { HandClock, KeptAudit, people, random, rights } from './api-fixture.ts';

const hourMs = 3_600_000;

function open(db = openDatabase(':memory:', identityMigrations), clock = new HandClock(), newestEventMs = 0) {
  const parts = { db, clock, random, audit: new KeptAudit(), people, rights, publicUrl: () => 'https://gw.example', newestEventMs };
  const identity = createIdentity(parts);
  t.teardown(() => identity.close());
  return { identity, db, clock };
}

function signIn({ identity }: ReturnType<typeof open>): string {
  const secret = identity.createLoginLink('alice', hourMs).split('#')[1] ?? '';
  return identity.signIn({ secret }, '10.0.0.1')?.cookie ?? '';
}

t.test('a browser that is signed in', async (t) => {
  const world = open();
  const { identity, clock } = world;
  const cookie = signIn(world);
  clock.wallMs -= 12 * hourMs;
  for (let passedMs = 0; passedMs < sessionLifeMs - hourMs; passedMs += hourMs) {
    clock.advance(hourMs);
    t.ok(identity.authenticateCookie(cookie), `after ${passedMs} ms`);
  }
  clock.advance(hourMs);
  t.equal(identity.authenticateCookie(cookie), null, 'its time is over');
});

t.test('a browser that nobody uses', async (t) => {
  const world = open();
  const cookie = signIn(world);
  world.clock.wallMs -= 12 * hourMs;
  world.clock.advance(sessionIdleMs - 1);
  t.ok(world.identity.authenticateCookie(cookie));
  world.clock.wallMs -= 12 * hourMs;
  world.clock.advance(sessionIdleMs);
  t.equal(world.identity.authenticateCookie(cookie), null);
});

t.test('a browser of before a restart with the clock set back', async (t) => {
  const first = open();
  const cookie = signIn(first);
  first.identity.close();
  first.clock.wallMs -= 60_000;
  t.equal(open(first.db, first.clock).identity.authenticateCookie(cookie), null, 'nobody knows how old it is');
});

t.test('a login link, of before a restart too', async (t) => {
  const first = open();
  const [one = '', two = ''] = [1, 2].map(() => first.identity.createLoginLink('alice', hourMs).split('#')[1]);
  first.clock.wallMs -= hourMs;
  first.clock.advance(hourMs);
  t.equal(first.identity.signIn({ secret: one }, '10.0.0.1'), null);
  first.clock.wallMs += hourMs / 2;
  first.identity.close();
  const second = open(first.db, first.clock);
  first.clock.wallMs -= hourMs;
  first.clock.advance(hourMs / 2);
  t.equal(second.identity.signIn({ secret: two }, '10.0.0.1'), null);
});

t.test('a decision link', async (t) => {
  const { identity, clock } = open();
  const token = identity.decisionLinks.create('h-1', 'approve', 'bob').split('/decide/')[1] ?? '';
  clock.wallMs -= hourMs;
  clock.advance(decisionLinkTtlMsDefault - 1);
  t.match(identity.decisionLinks.read(token), { kind: 'good', link: { person: 'bob' } });
  clock.advance(1);
  t.match(identity.decisionLinks.read(token), { kind: 'expired' });
});

t.test('a clock that was set back while the gateway was stopped: the audit log says how late it was at least', async (t) => {
  const first = open();
  const { clock } = first;
  const [cookie, idle] = [signIn(first), signIn(first)];
  const unused = first.identity.createLoginLink('alice', hourMs).split('#')[1] ?? '';
  const link = first.identity.decisionLinks.create('h-1', 'approve', 'bob', hourMs).split('/decide/')[1] ?? '';
  const [short, long] = [hourMs, 3 * hourMs].map((ttlMs) => first.identity.issueToken('alice', { name: 'x', ttlMs }).token);
  clock.advance(2 * hourMs);
  first.identity.close();
  clock.wallMs -= 2 * hourMs - 60_000;
  const { identity } = open(first.db, clock, clock.nowMs() + 2 * hourMs - 60_000);
  t.equal(identity.authenticateBearer(short ?? ''), null, 'a token that was over');
  t.equal(identity.signIn({ secret: unused }, '10.0.0.1'), null, 'a login link that was over');
  t.match(identity.decisionLinks.read(link), { kind: 'expired' });
  t.ok(identity.authenticateBearer(long ?? ''), 'one that was not');
  t.ok(identity.authenticateCookie(cookie));
  clock.advance(hourMs);
  t.equal(identity.authenticateBearer(long ?? ''), null, 'it ends when it would have');
  clock.advance(sessionIdleMs - 3 * hourMs);
  t.equal(identity.authenticateCookie(idle), null, 'so does a browser that nobody used');
});
