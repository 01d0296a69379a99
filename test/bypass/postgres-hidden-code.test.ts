// Code of the target that a statement runs without naming it, or that stands behind names of the server's own: each row is run on a real
// server, which tells whether the code ran, and then the statement must not be judged as if it did nothing but what it says.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { SqlCatalogue } from '../../src/core/catalogue.ts';
import type { Classification } from '../../src/core/classification.ts';
import { startPostgres } from '../support/postgres.ts';
import { statementOf } from '../support/statements.ts';
import { loadCatalogue } from './postgres-classify-catalogue.ts';

interface Row {
  readonly name: string;
  readonly setup: string;
  readonly text: string;
  /** What would stand in the way of the next row. */
  readonly after?: string;
}

/** Functions that note in a table that they ran. */
const fixture = `
  CREATE TABLE log (t text);
  CREATE FUNCTION noted(x int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES ('ran'); RETURN x; END $$;
  CREATE FUNCTION fixed(x int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.noted(x); RETURN x; END $$;
  CREATE FUNCTION passes(x anyelement) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.noted(1); RETURN true; END $$;
  CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.noted(1); RETURN new; END $$`;

const rows: readonly Row[] = [
  {
    name: 'the default of a domain',
    setup: 'CREATE DOMAIN numbered AS int DEFAULT noted(1); CREATE TABLE t1 (id int, n numbered)',
    text: 'INSERT INTO t1 (id) VALUES (1)',
  },
  {
    name: 'a trigger of a partition of a partition',
    setup: `CREATE TABLE t2 (a int, b int) PARTITION BY RANGE (a); CREATE TABLE t2a PARTITION OF t2 FOR VALUES FROM (0) TO (9) PARTITION BY RANGE (b);
      CREATE TABLE t2b PARTITION OF t2a FOR VALUES FROM (0) TO (9); CREATE TRIGGER n BEFORE INSERT ON t2b FOR EACH ROW EXECUTE FUNCTION note_row()`,
    text: 'INSERT INTO t2 VALUES (1, 1)',
  },
  {
    name: 'a check of a partition',
    setup: `CREATE TABLE t3 (a int) PARTITION BY RANGE (a); CREATE TABLE t3a PARTITION OF t3 (CHECK (passes(a))) FOR VALUES FROM (0) TO (9)`,
    text: 'INSERT INTO t3 VALUES (1)',
  },
  {
    name: 'an index of a partition',
    setup: `CREATE TABLE t4 (a int) PARTITION BY RANGE (a); CREATE TABLE t4a PARTITION OF t4 FOR VALUES FROM (0) TO (9); CREATE INDEX ON t4a (fixed(a))`,
    text: 'INSERT INTO t4 VALUES (1)',
  },
  {
    name: 'a check of a table that inherits',
    setup:
      'CREATE TABLE t5 (a int); CREATE TABLE t5a () INHERITS (t5); INSERT INTO t5a VALUES (1); ALTER TABLE t5a ADD CHECK (passes(a)) NOT VALID',
    text: 'UPDATE t5 SET a = 2 WHERE a = 1',
  },
  {
    name: 'a trigger of the table behind a view',
    setup: `CREATE TABLE t6 (a int); CREATE VIEW v6 AS SELECT * FROM t6;
      CREATE TRIGGER n BEFORE INSERT ON t6 FOR EACH ROW EXECUTE FUNCTION note_row()`,
    text: 'INSERT INTO v6 VALUES (1)',
  },
  {
    name: 'a default of the table behind a view',
    setup: 'CREATE TABLE t7 (a int, b int DEFAULT noted(1)); CREATE VIEW v7 AS SELECT * FROM t7',
    text: 'INSERT INTO v7 (a) VALUES (1)',
  },
  {
    name: 'a trigger of a table whose rows go along by a foreign key',
    setup: `CREATE TABLE t8 (id int PRIMARY KEY); CREATE TABLE t8a (id int REFERENCES t8 ON DELETE CASCADE); INSERT INTO t8 VALUES (1); INSERT INTO t8a VALUES (1);
      CREATE TRIGGER n AFTER DELETE ON t8a FOR EACH ROW EXECUTE FUNCTION note_row()`,
    text: 'DELETE FROM t8 WHERE id = 1',
  },
  {
    name: 'a temporary domain named like a type of the server',
    setup: 'CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (passes(value))',
    text: `SELECT 'a'::text`,
    after: 'DROP DOMAIN pg_temp.text',
  },
  {
    name: 'a domain named like a type that only other versions have',
    setup: 'CREATE DOMAIN pg_stat_lock AS int CHECK (passes(value))',
    text: `SELECT '1'::pg_stat_lock`,
  },
  {
    name: 'a domain in a range of a multirange',
    setup:
      'CREATE DOMAIN checked AS int CHECK (passes(value)); CREATE TYPE span AS RANGE (SUBTYPE = checked, MULTIRANGE_TYPE_NAME = spans)',
    text: `SELECT '{[1,2]}'::spans`,
  },
  {
    name: 'a function in pg_catalog, beside the server’s own of that name',
    setup: `CREATE FUNCTION pg_catalog.lower(x int) RETURNS int LANGUAGE sql AS 'SELECT public.noted(x)'`,
    text: 'SELECT lower(5)',
  },
  { name: 'the same with its schema', setup: '', text: 'SELECT pg_catalog.lower(5)', after: 'DROP FUNCTION pg_catalog.lower(int)' },
  {
    name: 'an operator in pg_catalog',
    setup: `CREATE FUNCTION either(bool, bool) RETURNS bool LANGUAGE sql AS 'SELECT noted(1) = 1'; CREATE OPERATOR pg_catalog.+ (LEFTARG = bool, RIGHTARG = bool, FUNCTION = either)`,
    text: 'SELECT true + true',
    after: 'DROP OPERATOR pg_catalog.+ (bool, bool)',
  },
  {
    name: 'a cast between types of the server’s own',
    setup: `CREATE FUNCTION to_uuid(int) RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN PERFORM public.noted(1); RETURN gen_random_uuid(); END $$;
      CREATE CAST (int AS uuid) WITH FUNCTION to_uuid(int)`,
    text: 'SELECT 1::uuid',
  },
  {
    name: 'the same, written by nobody',
    setup: 'DROP CAST (int AS uuid); CREATE CAST (int AS uuid) WITH FUNCTION to_uuid(int) AS IMPLICIT',
    text: 'SELECT gen_random_uuid() = 1',
    after: 'DROP CAST (int AS uuid)',
  },
  {
    name: 'an operator class for a type of the server’s own that has none',
    setup: `CREATE FUNCTION json_order(json, json) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM public.noted(1); RETURN 0; END $$;
      CREATE FUNCTION json_same(json, json) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1::text = $2::text';
      CREATE OPERATOR === (LEFTARG = json, RIGHTARG = json, FUNCTION = json_same); CREATE OPERATOR <<< (LEFTARG = json, RIGHTARG = json, FUNCTION = json_same);
      CREATE OPERATOR CLASS json_ops DEFAULT FOR TYPE json USING btree AS OPERATOR 1 <<<, OPERATOR 3 ===, FUNCTION 1 json_order(json, json)`,
    text: `SELECT DISTINCT j FROM (VALUES ('1'::json), ('2')) v (j)`,
    after: 'DROP OPERATOR FAMILY json_ops USING btree CASCADE',
  },
  {
    name: 'the operator class of an index',
    setup: `CREATE FUNCTION int_order(int, int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM public.noted(1); RETURN btint4cmp($1, $2); END $$;
      CREATE OPERATOR CLASS noting_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 int_order(int, int);
      CREATE TABLE t9 (a int); INSERT INTO t9 SELECT generate_series(1, 500); CREATE INDEX ON t9 (a noting_ops); SET enable_seqscan = off`,
    text: 'SELECT * FROM t9 WHERE a = 5',
    after: 'RESET enable_seqscan',
  },
  {
    name: 'the operator class of partitions',
    setup: `CREATE FUNCTION int_hash(int, int8) RETURNS int8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.noted(1); RETURN 1; END $$;
      CREATE OPERATOR CLASS noting_hash FOR TYPE int USING hash AS OPERATOR 1 =, FUNCTION 2 int_hash(int, int8); CREATE TABLE t10 (a int) PARTITION BY HASH (a noting_hash);
      CREATE TABLE t10a PARTITION OF t10 FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE t10b PARTITION OF t10 FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
    text: 'SELECT * FROM t10 WHERE a = 5',
  },
];

const settings = { server_version: '18', search_path: 'public' };
const server = await startPostgres(t);
const client = await server.connect();
const reader = await server.connect();
const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());
await client.query(`${fixture}; SET search_path = public`);

let version = 0;
async function judged(text: string): Promise<Classification> {
  version += 1;
  const catalogue = await loadCatalogue(reader, String(version));
  return classifier.classify(statementOf(text, { key: String(version), settings, catalogue }));
}

async function runsCode(text: string): Promise<boolean> {
  await client.query('DELETE FROM log');
  await client.query(text);
  return (await client.query('SELECT FROM log')).rowCount !== 0;
}

for (const { name, setup, text, after } of rows) {
  await t.test(name, async (t) => {
    await client.query(setup);
    const { understood, summary } = await judged(text);
    t.ok(await runsCode(text), `the server runs it: ${text}`);
    t.ok(!understood || summary.access === 'unknown', `and it is not judged as harmless: ${JSON.stringify(summary.effects)}`);
    if (after !== undefined) await client.query(after);
  });
}

/** What looks alike and runs nothing of anybody's stays what it is. */
const quiet: readonly (readonly [name: string, setup: string, text: string, access: string])[] = [
  [
    'a serial column',
    'CREATE TABLE q1 (id serial, at timestamptz DEFAULT now(), n int CHECK (abs(n) < 9))',
    'INSERT INTO q1 (n) VALUES (1)',
    'write',
  ],
  ['a view that hands on', 'CREATE VIEW q2 AS SELECT * FROM q1', 'UPDATE q2 SET n = 1 WHERE id = 1', 'write'],
  [
    'partitions',
    'CREATE TABLE q3 (a int) PARTITION BY RANGE (a); CREATE TABLE q3a PARTITION OF q3 FOR VALUES FROM (0) TO (9)',
    'INSERT INTO q3 VALUES (1)',
    'write',
  ],
  ['a table named like a type', 'CREATE TABLE point (x noted_type)', `SELECT '(1,2)'::point`, 'read'],
  [
    'a cast whose function reads',
    `CREATE FUNCTION yes(int) RETURNS uuid LANGUAGE sql IMMUTABLE AS 'SELECT NULL::uuid'; CREATE CAST (int AS uuid) WITH FUNCTION yes(int) AS IMPLICIT`,
    'SELECT 1::uuid',
    'read',
  ],
];

await client.query('CREATE DOMAIN noted_type AS int CHECK (passes(value))');
for (const [name, setup, text, access] of quiet) {
  await t.test(`${name} runs nothing`, async (t) => {
    await client.query(setup);
    const { summary } = await judged(text);
    t.notOk(await runsCode(text));
    t.equal(summary.access, access, JSON.stringify(summary.effects));
  });
}

await t.test('functions of the server that somebody’s operators, aggregates and casts stand for', async (t) => {
  await client.query(`CREATE OPERATOR !!! (RIGHTARG = int, FUNCTION = pg_cancel_backend); CREATE AGGREGATE cancelled(int) (SFUNC = int4larger, STYPE = int, FINALFUNC = pg_cancel_backend);
    CREATE OPERATOR |+| (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl); CREATE AGGREGATE largest(int) (SFUNC = int4larger, STYPE = int);
    CREATE CAST (int AS tsquery) WITH INOUT; CREATE CAST (oid AS bytea) WITH FUNCTION lo_get(oid);
    CREATE VIEW cancels AS SELECT !!! 0 AS it; CREATE VIEW adds AS SELECT 1 |+| 1 AS it`);
  for (const text of ['SELECT !!! 0', 'SELECT cancelled(0)', 'SELECT 1::oid::bytea', 'SELECT it FROM cancels'])
    t.equal((await judged(text)).summary.access, 'unknown', text);
  await client.query('DROP CAST (oid AS bytea)');
  for (const text of ['SELECT 1 |+| 1', 'SELECT largest(1)', 'SELECT it FROM adds'])
    t.equal((await judged(text)).summary.access, 'read', text);
});

await t.test('a function of PostGIS that runs the expression in its text', async (t) => {
  await client.query(
    `CREATE FUNCTION st_mapalgebra(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'; CREATE FUNCTION st_slope(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'`,
  );
  const loaded = await loadCatalogue(reader, 'as the extension’s');
  const content = loaded.content as SqlCatalogue;
  const functions = content.functions.map((it) =>
    it.name.startsWith('st_') ? { ...it, extension: 'postgis_raster', language: 'c', body: null } : it,
  );
  const mode = { key: loaded.version, settings, catalogue: { ...loaded, content: { ...content, functions } } };
  const accessOf = async (text: string): Promise<string> => (await classifier.classify(statementOf(text, mode))).summary.access;
  t.equal(await accessOf(`SELECT st_mapalgebra('[rast] + cleanup()')`), 'unknown');
  t.equal(await accessOf(`SELECT st_slope('x')`), 'read');
});

await t.test('a cast is what its source runs; the type that comes of it is not blamed', async (t) => {
  await client.query(`CREATE TYPE source AS (a int); CREATE TYPE goal AS (a int);
    CREATE FUNCTION turned(source) RETURNS goal LANGUAGE sql AS 'SELECT ROW(public.noted(1))::public.goal'; CREATE CAST (source AS goal) WITH FUNCTION turned(source) AS IMPLICIT`);
  t.equal((await judged(`SELECT NULL::goal`)).summary.access, 'read');
  t.equal((await judged(`SELECT coalesce(NULL::source, '(1)')::goal`)).summary.access, 'unknown');
});

await t.test('what lives on another server is reached over the network, also through a partition or a view', async (t) => {
  await client.query(`CREATE FOREIGN DATA WRAPPER wire; CREATE SERVER far FOREIGN DATA WRAPPER wire; CREATE FOREIGN TABLE there (a int) SERVER far;
    CREATE VIEW over_there AS SELECT a + 1 FROM there; CREATE TABLE partly (a int) PARTITION BY RANGE (a);
    CREATE FOREIGN TABLE part_there PARTITION OF partly FOR VALUES FROM (0) TO (9) SERVER far; CREATE VIEW here AS SELECT * FROM log`);
  const networkOf = async (text: string): Promise<string> => {
    const { summary } = await judged(text);
    return summary.effects
      .filter(({ verb }) => verb === 'network')
      .map(({ access }) => access)
      .join(' ');
  };
  for (const table of ['there', 'over_there', 'partly']) {
    t.equal(await networkOf(`SELECT * FROM ${table}`), 'read', `reading ${table}`);
    t.equal(await networkOf(`INSERT INTO ${table} SELECT 1 FROM log`), 'write', `writing ${table}`);
  }
  t.equal(await networkOf('SELECT * FROM here'), '');
  t.equal(await networkOf(`INSERT INTO here VALUES ('x')`), '');
});

await t.test('what foreign keys delete and change along is a change of those tables', async (t) => {
  await client.query(`
    CREATE TABLE parent (id int PRIMARY KEY, name text); CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE grandchild (child int REFERENCES child ON DELETE SET NULL); CREATE TABLE stays (parent int REFERENCES parent);
    CREATE VIEW parents AS SELECT id AS number, name FROM parent;
    CREATE TABLE months (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE may PARTITION OF months FOR VALUES FROM (0) TO (9);
    CREATE TABLE days (month int REFERENCES months ON DELETE CASCADE, day int) PARTITION BY RANGE (day); CREATE TABLE first PARTITION OF days FOR VALUES FROM (0) TO (9)`);
  const cases: readonly (readonly [text: string, changes: string])[] = [
    ['DELETE FROM parent WHERE id = 1', 'delete parent, delete child, update grandchild'],
    ['DELETE FROM parents WHERE number = 1', 'delete parents, delete parent, delete child, update grandchild'],
    ['UPDATE parent SET id = 2 WHERE id = 1', 'update parent, update child'],
    [`UPDATE parent SET name = 'x' WHERE id = 1`, 'update parent'],
    ['UPDATE parents SET number = 2 WHERE number = 1', 'update parents, update parent, update child'],
    [`INSERT INTO parent VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'`, 'insert parent, update parent'],
    ['INSERT INTO parent VALUES (1) ON CONFLICT (id) DO UPDATE SET id = 3', 'insert parent, update parent, update child'],
    ['MERGE INTO parent USING stays s ON s.parent = id WHEN MATCHED THEN DELETE', 'delete parent, delete child, update grandchild'],
    ['DELETE FROM months WHERE id = 1', 'delete months, delete days'],
    ['DELETE FROM may WHERE id = 1', 'delete may, delete months, delete days'],
  ];
  for (const [text, changes] of cases) {
    const { summary } = await judged(text);
    const found = summary.effects
      .filter(({ access }) => access !== 'read')
      .map(({ verb, object }) => `${verb} ${object?.replace('public.', '')}`);
    t.equal(found.join(', '), changes, text);
  }
});
