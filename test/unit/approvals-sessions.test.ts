// The table of sessions.

import t from 'tap';
import { openDatabase } from '../../src/store/database.ts';
import { createSessionStore, sessionMigrations, type SessionEntry } from '../../src/store/sessions.ts';

function session(
  id: string,
  principal = 'alice',
  target = 'orders',
): SessionEntry & { counts: { statements: number; held: number; denied: number } } {
  return {
    id,
    principal: { name: principal },
    target: { name: target, protocol: 'postgres' },
    facts: { clientAddress: '10.0.0.7', tls: true, method: 'token', database: null },
    counts: { statements: 0, held: 0, denied: 0 },
  };
}

t.test('a session from open to close', (t) => {
  const store = createSessionStore(openDatabase(':memory:', sessionMigrations));
  const one = session('s-1');
  store.opened(one, 1000);
  t.match(store.get('s-1'), { state: 'open', tls: true, started_at: '1970-01-01T00:00:01.000Z', ended_at: null, statements: 0 });
  one.counts.statements = 3;
  store.counted([one]);
  one.counts.held = 1;
  store.closed(one, 2000, 'the client left');
  store.closed(one, 3000, 'twice');
  t.match(store.get('s-1'), {
    state: 'closed',
    ended_at: '1970-01-01T00:00:02.000Z',
    end_reason: 'the client left',
    statements: 3,
    held: 1,
  });
  t.equal(store.get('s-2'), undefined);
  t.end();
});

t.test('lists and filters in pages; what an earlier run left open is closed', (t) => {
  const store = createSessionStore(openDatabase(':memory:', sessionMigrations));
  for (let number = 1; number <= 6; number += 1)
    store.opened(session(`s-${number}`, number % 2 === 0 ? 'alice' : 'bob', number > 4 ? 'scratch' : 'orders'), number);
  store.closed(session('s-2'), 9, 'done');
  const ids = (query: Parameters<typeof store.list>[0]) => store.list(query).items.map((it) => it.id);
  t.strictSame(ids({}), ['s-6', 's-5', 's-4', 's-3', 's-2', 's-1']);
  t.strictSame(ids({ state: 'open', principal: 'alice' }), ['s-6', 's-4']);
  t.strictSame(ids({ target: 'scratch' }), ['s-6', 's-5']);
  const page = store.list({ limit: 4 });
  t.strictSame(ids({ limit: 4, cursor: page.next ?? '' }), ['s-2', 's-1']);
  t.equal(store.closeLeftOpen(100, 'the gateway restarted'), 5);
  t.match(store.get('s-1'), { state: 'closed', end_reason: 'the gateway restarted' });
  t.match(store.get('s-2'), { end_reason: 'done' });
  t.strictSame(ids({ state: 'open' }), []);
  t.end();
});

t.test('a text is searched in all of them, word by word; a page ends after so many were looked at', (t) => {
  const db = openDatabase(':memory:', sessionMigrations);
  const store = createSessionStore(db);
  db.transaction(() => {
    for (let number = 1; number <= 45_000; number += 1)
      store.opened(session(`s-${number}`, number === 7 ? 'Dana 100%' : 'alice', 'orders'), number);
  })();
  const found = (text: string, cursor?: string) => store.list({ text, cursor });
  t.match(found('S-45000 ALICE'), { items: [{ id: 's-45000' }] });
  t.strictSame(found('alice nowhere').items, []);
  const first = found('dana ORDERS');
  t.strictSame(first.items, [], 'nothing yet');
  const second = found('dana ORDERS', first.next ?? '');
  const third = found('dana ORDERS', second.next ?? '');
  t.match(third, { items: [{ id: 's-7' }], next: null });
  t.strictSame(found('%').next, first.next, 'a sign of patterns is a sign');
  t.match(
    store.list({ text: 'dana', principal: 'Dana 100%' }),
    { items: [{ id: 's-7' }], next: null },
    'among those of one person at once',
  );
  t.end();
});

t.test('a time finds those that ran in it, or in a part of it', (t) => {
  const store = createSessionStore(openDatabase(':memory:', sessionMigrations));
  store.opened(session('s-early'), 100);
  store.closed(session('s-early'), 200, 'done');
  store.opened(session('s-long'), 150);
  store.opened(session('s-late'), 400);
  store.closed(session('s-late'), 500, 'done');
  const ids = (query: Parameters<typeof store.list>[0]) => store.list(query).items.map((it) => it.id);
  t.strictSame(ids({ sinceMs: 200 }), ['s-late', 's-long', 's-early'], 'the first moment counts');
  t.strictSame(ids({ sinceMs: 201, untilMs: 400 }), ['s-long'], 'the last one does not');
  t.strictSame(ids({ untilMs: 150 }), ['s-early']);
  t.strictSame(ids({ sinceMs: 450, state: 'closed' }), ['s-late']);
  t.end();
});
