// What a change of a view, of a partition, or of a table with heirs changes besides what it names. Every statement is run on a real server,
// which tells the tables whose rows differ: each of them, and each table that it is a part of, is named among those that are written.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { ClassificationSummary } from '../../src/core/classification.ts';
import { startPostgres } from '../support/postgres.ts';
import { statementOf } from '../support/statements.ts';
import { loadCatalogue } from './postgres-classify-catalogue.ts';

const server = await startPostgres(t);
const client = await server.connect();
await client.query(`
  CREATE TABLE flags (id int PRIMARY KEY); INSERT INTO flags VALUES (1), (2);
  CREATE TABLE base (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO base VALUES (1), (2);
  CREATE SCHEMA far; CREATE TABLE far.base (id int PRIMARY KEY, n int DEFAULT 0); INSERT INTO far.base VALUES (1);
  CREATE VIEW plain AS SELECT id, n FROM base WHERE id IN (SELECT id FROM flags);
  CREATE VIEW above AS SELECT * FROM plain WITH CHECK OPTION;
  CREATE VIEW far.base_view AS SELECT * FROM far.base;
  CREATE TABLE old (id int, n int); INSERT INTO old VALUES (1, 0);
  CREATE TABLE heir () INHERITS (old); INSERT INTO heir VALUES (2, 0); CREATE TABLE heirs_heir (x int) INHERITS (heir); INSERT INTO heirs_heir VALUES (3, 0);
  CREATE TABLE other (y int); CREATE TABLE two_parents () INHERITS (old, other); INSERT INTO two_parents VALUES (4, 0);
  CREATE VIEW over_old AS SELECT * FROM old;
  CREATE TABLE months (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE may PARTITION OF months FOR VALUES FROM (0) TO (10);
  CREATE TABLE june PARTITION OF months FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id); CREATE TABLE june_first PARTITION OF june FOR VALUES FROM (10) TO (20);
  INSERT INTO months VALUES (1, 0), (10, 0); CREATE VIEW over_months AS SELECT * FROM months; CREATE VIEW over_may AS SELECT * FROM may;
  CREATE VIEW ruled AS SELECT * FROM base; CREATE RULE r AS ON DELETE TO ruled DO INSTEAD UPDATE far.base SET n = 9;
  CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE base SET n = 5; RETURN old; END';
  CREATE VIEW triggered AS SELECT b.id, b.n FROM base b JOIN flags f ON f.id = b.id;
  CREATE TRIGGER t INSTEAD OF UPDATE OR DELETE ON triggered FOR EACH ROW EXECUTE FUNCTION instead();
  CREATE TABLE caught (id int, n int); INSERT INTO caught VALUES (1, 0); CREATE RULE also AS ON UPDATE TO caught DO ALSO DELETE FROM flags;
`);
const tables = ['flags', 'base', 'far.base', 'old', 'heir', 'heirs_heir', 'other', 'two_parents', 'may', 'june_first', 'caught'];
const named = [...tables, 'plain', 'above', 'far.base_view', 'over_old', 'months', 'june', 'over_months', 'over_may', 'ruled', 'triggered'];
const partOf: Readonly<Record<string, readonly string[]>> = {
  heir: ['old'],
  heirs_heir: ['heir', 'old'],
  two_parents: ['old', 'other'],
  may: ['months'],
  june_first: ['june', 'months'],
};
/** A partition's rows are its parent's: which one has them is not said. */
const partitions: ReadonlySet<string> = new Set(['may', 'june', 'june_first']);

const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());
const catalogue = await loadCatalogue(client, '1');
const mode = { key: '1', settings: {}, catalogue };

async function judged(text: string): Promise<ClassificationSummary> {
  const { understood, summary, problem } = await classifier.classify(statementOf(text, mode));
  if (!understood) throw new Error(`${text}: ${problem?.message}`);
  return summary;
}

async function rowsOf(): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  for (const table of tables) {
    const found = await client.query<{ rows: string }>(
      `SELECT coalesce(string_agg(x::text, ' ' ORDER BY x::text), '') AS rows FROM ONLY ${table} x`,
    );
    rows.set(table, found.rows[0]?.rows ?? '');
  }
  return rows;
}

/** The tables whose own rows differ; null when the server refuses the statement. */
async function changedBy(text: string): Promise<readonly string[] | null> {
  await client.query('BEGIN');
  try {
    const before = await rowsOf();
    await client.query(text);
    const after = await rowsOf();
    return tables.filter((table) => before.get(table) !== after.get(table));
  } catch {
    return null;
  } finally {
    await client.query('ROLLBACK');
  }
}

const qualified = (name: string): string => (name.includes('.') ? name : `public.${name}`);

const statements = named.flatMap((it) => [
  `INSERT INTO ${it} VALUES (5)`,
  `INSERT INTO ${it} (id, n) SELECT 15, 1`,
  `INSERT INTO ${it} (id, n) VALUES (1, 7) ON CONFLICT (id) DO UPDATE SET n = 8`,
  `UPDATE ${it} SET n = 3`,
  `UPDATE ONLY ${it} SET n = 3`,
  `UPDATE ${it} SET id = 4 WHERE id = 1`,
  `DELETE FROM ${it}`,
  `DELETE FROM ONLY ${it}`,
  `WITH gone AS (DELETE FROM ${it} WHERE id > 0 RETURNING *) SELECT count(*) FROM gone`,
  `TRUNCATE ${it}`,
  `TRUNCATE ONLY ${it}`,
  `MERGE INTO ${it} m USING flags f ON f.id = m.id WHEN MATCHED THEN UPDATE SET n = 6`,
  `MERGE INTO ${it} m USING flags f ON f.id = m.id + 10 WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, n) VALUES (f.id + 4, 1)`,
]);

await t.test('whatever a statement changes is named', async (t) => {
  let ran = 0;
  for (const text of statements) {
    const changed = await changedBy(text);
    if (changed === null) continue;
    ran += 1;
    const { tablesWritten } = await judged(text);
    const wanted = changed.flatMap((table) => [
      ...(partitions.has(table) ? [] : [table]),
      ...(partOf[table] ?? []).filter((it) => !partitions.has(it)),
    ]);
    t.strictSame(
      wanted.filter((it) => !tablesWritten.includes(qualified(it))),
      [],
      `${text}: ${tablesWritten.join(' ')}`,
    );
  }
  t.ok(ran > 150, `${ran} ran`);
});

const exact: readonly (readonly [text: string, effects: string])[] = [
  ['UPDATE plain SET n = 1', 'update plain, update base through plain'],
  ['DELETE FROM above', 'delete above, delete plain through above, delete base through above'],
  ['INSERT INTO far.base_view VALUES (7)', 'insert far.base_view, insert far.base through far.base_view'],
  [
    'DELETE FROM old',
    'delete old, delete heir through old, delete two_parents through old, delete heirs_heir through old, delete other through old',
  ],
  ['DELETE FROM ONLY old', 'delete old'],
  ['INSERT INTO old VALUES (1)', 'insert old'],
  ['TRUNCATE heirs_heir', 'truncate heirs_heir, truncate heir through heirs_heir, truncate old through heirs_heir'],
  ['DELETE FROM months', 'delete months'],
  ['DELETE FROM may', 'delete may, delete months through may'],
  ['UPDATE over_may SET n = 1', 'update over_may, update may through over_may, update months through over_may'],
  ['COPY plain FROM STDIN', 'bulk-load plain, bulk-load base through plain, insert plain, insert base through plain'],
  ['SELECT * FROM above', 'read above'],
  ['SELECT * FROM may', 'read may, read months through may'],
  ['SELECT * FROM months', 'read months'],
  ['SELECT * FROM heir', 'read heir, read heirs_heir through heir, read old through heir'],
  ['SELECT * FROM ONLY heir', 'read heir, read old through heir'],
  ['COPY may TO STDOUT', 'read may, read months through may, export may, export months through may'],
  ['DROP TABLE may', 'drop may, drop months through may'],
  ['DROP VIEW plain', 'drop plain'],
  ['DROP RULE also ON caught', 'drop caught'],
];

await t.test('no more than that, and what stands behind which name', async (t) => {
  const short = (name: string | null | undefined): string => (name ?? '').replace('public.', '');
  for (const [text, wanted] of exact) {
    const { effects } = await judged(text);
    const words = effects.map(
      ({ verb, object, through }) => `${verb} ${short(object)}${through === undefined ? '' : ` through ${short(through.object)}`}`,
    );
    t.strictSame(words.sort(), wanted.split(', ').sort(), text);
  }
});

await t.test('what rules and triggers stand for is not known, and what they may touch is named', async (t) => {
  for (const [text, table] of [
    ['DELETE FROM ruled', 'far.base'],
    ['UPDATE triggered SET n = 1', 'public.base'],
    ['UPDATE caught SET n = 1', 'public.flags'],
  ] as const) {
    const { access, tablesWritten } = await judged(text);
    t.equal(access, 'unknown', text);
    t.ok(tablesWritten.includes(table), `${text}: ${tablesWritten.join(' ')}`);
  }
});
