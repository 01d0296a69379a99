// Statements of PostgreSQL that were once judged as less than they are. What needs a server is in test/e2e/attack-parameter-types.test.ts.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { Action } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { statementOf } from '../support/statements.ts';

const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

function judged(text: string): string[] {
  const mode = { key: '', settings: {}, catalogue: null };
  const action: Action = statementOf(text, mode);
  const { understood, statements } = classifier.classify(action) as Classification;
  if (!understood) return ['not understood'];
  const inner = statements.flatMap(({ changes }) => changes.flatMap((it) => (it.kind === 'prepare' ? it.inner.effects : [])));
  const own = statements.flatMap(({ effects }) => effects);
  return [...own, ...inner].map((it) => `${it.verb} ${it.access} ${it.object ?? '-'}`);
}

t.test('how they are judged', async (t) => {
  // It empties every table that refers to it as well.
  t.same(judged('TRUNCATE a CASCADE'), ['truncate write a', 'truncate write -']);
  // The check of a domain runs when a value is made of the type.
  t.same(judged('PREPARE p(checked) AS SELECT 1'), ['prepare session -', 'read read -', 'call unknown type checked']);
});

function reachesEveryRow(text: string): boolean {
  const { statements } = classifier.classify(statementOf(text)) as Classification;
  return statements.some((it) => it.missingWhere);
}

t.test('every row, without an UPDATE or DELETE in sight', async (t) => {
  const every = [
    // Its condition joins; the rows that are deleted are those that it leaves out. A server of version 17 or later deletes all of them.
    'MERGE INTO payments t USING (SELECT 0 AS id) s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN DELETE',
    'MERGE INTO payments t USING (SELECT 0 AS id) s ON t.id = s.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET amount = 0',
    'INSERT INTO orders SELECT * FROM orders ON CONFLICT (id) DO UPDATE SET total = 0',
    'INSERT INTO orders SELECT * FROM orders WHERE true ON CONFLICT (id) DO UPDATE SET total = 0 WHERE true',
    'WITH s AS (TABLE orders) INSERT INTO orders SELECT * FROM s LIMIT 1000000 ON CONFLICT (id) DO UPDATE SET total = 0',
  ];
  for (const text of every) t.ok(reachesEveryRow(text), text);
  const some = [
    'MERGE INTO payments t USING (SELECT 0 AS id) s ON t.id = s.id WHEN NOT MATCHED BY SOURCE AND t.id > 3 THEN DELETE',
    'MERGE INTO payments t USING (SELECT 0 AS id) s ON t.id = s.id WHEN MATCHED THEN DELETE',
    'INSERT INTO orders VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET total = 0',
    'INSERT INTO orders SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET total = excluded.total',
    'INSERT INTO orders SELECT * FROM orders WHERE id = 3 ON CONFLICT (id) DO UPDATE SET total = 0',
    'INSERT INTO orders SELECT * FROM orders ON CONFLICT (id) DO UPDATE SET total = 0 WHERE orders.id = 3',
    'INSERT INTO orders SELECT * FROM orders LIMIT 5 ON CONFLICT (id) DO UPDATE SET total = 0',
    'INSERT INTO orders SELECT * FROM orders ON CONFLICT (id) DO NOTHING',
  ];
  for (const text of some) t.notOk(reachesEveryRow(text), text);
});

t.test('a column that is rewritten without itself', async (t) => {
  t.same(judged('ALTER TABLE t ALTER c TYPE int USING 0'), ['alter write t', 'drop write t']);
  t.same(judged('ALTER TABLE t ALTER c TYPE text USING (d)'), ['alter write t', 'drop write t']);
  t.same(judged('ALTER TABLE t ALTER c TYPE int USING c::int'), ['alter write t']);
  t.same(judged('ALTER TABLE t ALTER c TYPE int USING t.c::int'), ['alter write t']);
  t.same(judged('ALTER TABLE t ALTER c TYPE int'), ['alter write t']);
  t.same(judged('ALTER TABLE t ADD COLUMN c int DEFAULT 0, ALTER d SET DEFAULT 0'), ['alter write t']);
});

t.test('statements and reads within others', async (t) => {
  t.match(judged('CREATE SCHEMA s GRANT ALL ON public.payments TO eve'), ['create write s', 'privilege write -']);
  t.match(judged('CREATE SCHEMA s CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()'), [
    'create write s',
    'create write t',
    'code write t',
  ]);
  t.match(judged('SELECT * FROM pg_hba_file_rules')[1], 'server-file write');
  // It writes files into the server's data directory.
  t.same(judged('SET jit_dump_bitcode = on'), ['guard write jit_dump_bitcode']);
});

t.test('what stays as it was', async (t) => {
  t.same(judged('TRUNCATE a'), ['truncate write a']);
  t.same(judged('SET jit = off'), ['session session jit']);
  t.same(judged('PREPARE p(int, text[], timestamptz) AS SELECT $1'), ['prepare session -', 'read read -']);
});
