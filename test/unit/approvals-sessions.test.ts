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
