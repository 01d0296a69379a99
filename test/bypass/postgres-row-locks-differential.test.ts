// The tables whose rows a SELECT is judged to lock, against the locks that a real server holds after it: a rule that names a
// table must meet every way of locking its rows.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { ActionId } from '../../src/core/ids.ts';
import { startFixture } from './postgres-classify-catalogue.ts';
import { statementOf } from '../support/statements.ts';

const texts: readonly string[] = [
  'SELECT * FROM victim FOR UPDATE',
  'SELECT * FROM victim, safe FOR SHARE',
  'SELECT * FROM victim v, safe s FOR NO KEY UPDATE OF s',
  'SELECT * FROM victim v, safe s FOR UPDATE OF s FOR KEY SHARE OF v',
  'SELECT * FROM victim v JOIN safe s ON true FOR UPDATE',
  'SELECT * FROM victim v LEFT JOIN (safe s JOIN secrets x ON true) ON true FOR UPDATE OF v',
  'SELECT * FROM (victim v JOIN safe s ON true) JOIN secrets ON true FOR UPDATE OF s, secrets SKIP LOCKED',
  'SELECT * FROM (SELECT * FROM victim) v FOR UPDATE',
  'SELECT * FROM (SELECT * FROM victim) v, safe FOR UPDATE OF v',
  'SELECT * FROM (SELECT * FROM (SELECT v.* FROM victim v JOIN safe s ON true) a) b FOR UPDATE',
  'SELECT * FROM (WITH w AS (SELECT * FROM secrets) SELECT v.* FROM victim v, w) v FOR UPDATE',
  'SELECT * FROM victim TABLESAMPLE system (100) FOR UPDATE',
  'SELECT * FROM victim v TABLESAMPLE system (100), safe FOR UPDATE OF v',
  'WITH w AS (SELECT * FROM secrets) SELECT * FROM w, safe FOR UPDATE',
  'WITH safe AS (SELECT 1) SELECT * FROM public.safe FOR UPDATE',
  'WITH safe AS (SELECT 1) SELECT * FROM safe FOR UPDATE',
  'WITH w AS (SELECT * FROM secrets FOR UPDATE) SELECT * FROM w, safe',
  'SELECT * FROM victim WHERE id IN (SELECT id FROM safe FOR UPDATE)',
  'SELECT * FROM victim v, LATERAL (SELECT * FROM safe s WHERE s.id = v.id) l FOR UPDATE OF l',
  'SELECT * FROM victim, generate_series(1, 2) g, LATERAL (VALUES (1)) x FOR UPDATE',
];

const server = await startFixture(t);
const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

async function judged(text: string): Promise<string[]> {
  const { summary } = await classifier.classify(
    statementOf(text, { key: 'fixture', settings: { server_version: '18' }, catalogue: server.catalogue }),
  );
  const locks = summary.effects.filter(({ verb, access }) => verb === 'lock' && access === 'write');
  t.ok(locks.length > 0, `locks: ${text}`);
  return locks.flatMap(({ object }) => (object === null ? [] : [object.replace('public.', '')])).sort();
}

async function locked(text: string): Promise<string[]> {
  const { client } = server;
  await client.query('BEGIN');
  try {
    await client.query(text);
    const { rows } = await client.query<{ name: string }>(
      `SELECT relname AS name FROM pg_locks JOIN pg_class c ON c.oid = relation
       WHERE pid = pg_backend_pid() AND mode = 'RowShareLock' AND relkind = 'r' ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  } finally {
    await client.query('ROLLBACK');
  }
}

for (const text of texts) {
  t.test(text, async (t) => t.strictSame(await judged(text), await locked(text)));
}

t.test('more relations under one clause than anybody can weigh are not understood', async (t) => {
  const answer = await classifier.classify({
    id: 'a1' as ActionId,
    kind: 'statement',
    text: `SELECT FROM safe${', safe'.repeat(2_000)} FOR UPDATE`,
    parameters: null,
    digest: () => '',
    mode: { key: 'fixture', settings: {}, catalogue: null },
    transaction: 'none',
    classified: null,
    prepared: null,
  });
  t.notOk(answer.understood);
});
