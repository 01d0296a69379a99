// What the gateway believes that search_path is after a set_config, against what it is on a real server: whoever makes the two differ has
// names judged as those of one schema and run as those of another. What can't be followed is a guard, which waits.

import t from 'tap';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import { startPostgres } from '../support/postgres.ts';
import { statementOf } from '../support/statements.ts';

const path = `'search_path'`;

/** By its change the new path is known. */
const followed: readonly string[] = [
  `SELECT set_config(${path}, 'a', false)`,
  `SELECT pg_catalog.set_config('search_path', '', false)`,
  `SELECT set_config('SEARCH_PATH', 'A, b', 'off')`,
  `SELECT set_config(${path}::text, 'a'::text, false::boolean) AS x, 1`,
  `SELECT set_config(${path}, 'a', false), set_config(${path}, 'b', false)`,
  `SELECT set_config(${path}, 'b', false), set_config(${path}, 'a', false), set_config(${path}, 'c', false)`,
  `SELECT set_config(name, 'a', false) FROM pg_settings WHERE name = 'search_path'`,
  `SELECT set_config(${path}, 'a', false); SELECT set_config(${path}, 'b', false)`,
  `PREPARE p AS SELECT set_config(${path}, 'a', false); EXECUTE p`,
];

/** They run never, later, elsewhere, or set something else than is written. */
const waits: readonly string[] = [
  `SELECT set_config(${path}, 'a', false) LIMIT 0`,
  `SELECT set_config(${path}, 'a', false) FETCH FIRST 0 ROWS ONLY`,
  `SELECT set_config(${path}, 'a', false) HAVING false`,
  `SELECT set_config(${path}, 'a', false) WHERE false`,
  `SELECT set_config(${path}, 'a', false), generate_series(1, 0)`,
  `SELECT set_config(${path}, 'a', false) FROM (SELECT LIMIT 0) x`,
  `SELECT set_config(${path}, 'a', false) x, set_config(${path}, 'b', false) y ORDER BY x`,
  `SELECT set_config(${path}, 'abc'::varchar(1), false)`,
  `SELECT set_config(${path}, 'abc'::char(1), false)`,
  `SELECT set_config('search_path'::char(3), 'a', false)`,
  `SELECT set_config(name, 'a', false) FROM pg_settings WHERE name = 'SEARCH_PATH'`,
  `DECLARE c CURSOR WITH HOLD FOR SELECT set_config(${path}, 'a', false)`,
  `CREATE TABLE x AS SELECT set_config(${path}, 'a', false) WITH NO DATA`,
  `PREPARE p AS SELECT set_config(${path}, 'a', false); CREATE TABLE x AS EXECUTE p WITH NO DATA`,
  `CREATE VIEW v AS SELECT set_config(${path}, 'a', false)`,
  `SELECT set_config(${path}, 'a', false), own(1)`,
  `SELECT set_config(${path}, 'a', false)::shown`,
];

const settings = { server_version: '18', search_path: 'public', default_transaction_read_only: 'off' };
const server = await startPostgres(t);
const client = await server.connect();
await client.query(`CREATE FUNCTION own(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE DOMAIN shown AS text`);
const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

const bare = (searchPath: string): string => searchPath.replaceAll(/["\s]/g, '').toLowerCase();

async function judged(text: string): Promise<{ readonly believed: string; readonly isGuard: boolean }> {
  const { understood, summary, statements } = await classifier.classify(statementOf(text, { key: 'x', settings, catalogue: null }));
  const changes = statements.flatMap((statement) => statement.changes);
  const last = changes.findLast((change) => change.kind === 'set' && change.setting === 'search_path');
  const believed = last?.kind === 'set' ? (last.value ?? '?') : settings.search_path;
  return { believed, isGuard: !understood || summary.effects.some(({ verb }) => verb === 'guard') };
}

async function real(text: string): Promise<string> {
  await client.query('SET search_path = public');
  await client.query(text).catch(() => {});
  const { rows } = await client.query<{ path: string }>(`SELECT current_setting('search_path') AS path`);
  await client.query('DISCARD ALL');
  return rows[0]!.path;
}

for (const text of followed) {
  await t.test(text, async (t) => {
    const { believed, isGuard } = await judged(text);
    t.notOk(isGuard);
    t.equal(bare(believed), bare(await real(text)));
  });
}

/** Names that the server splits otherwise than they look: what stands first of those schemas is what counts. */
await t.test('a search_path is split as the server splits it', async (t) => {
  const long = 'x'.repeat(63);
  await client.query(`CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA "É"; CREATE SCHEMA "é"; CREATE SCHEMA ${long}`);
  const schemas = ['a', 'b', '"É"', '"é"', long];
  for (const schema of schemas)
    await client.query(`CREATE FUNCTION ${schema}.where_am_i() RETURNS text LANGUAGE sql AS $$ SELECT '${schema}' $$`);
  const values = [
    'a, b',
    ' a ,\tb ',
    'A, b',
    '"a", b',
    'a\u00a0, b',
    '\u00a0a, b',
    'a\u2003, b',
    '\ufeffa, b',
    'É, b',
    'é, b',
    `${long}y, b`,
    `"${long}y", b`,
    '\u212a, b',
  ];
  for (const value of values) {
    const { believed, isGuard } = await judged(`SELECT set_config(${path}, '${value}', false)`);
    await client.query(`SELECT set_config('search_path', $1, false)`, [value]);
    const { rows } = await client.query<{ where: string }>('SELECT where_am_i() AS where');
    const first = believed.split(', ').find((schema) => schemas.includes(schema));
    t.ok(isGuard || first === rows[0]!.where, `${JSON.stringify(value)}: ${isGuard ? 'waits' : first}, and it is ${rows[0]!.where}`);
    await client.query('RESET search_path');
  }
});

for (const text of waits) {
  await t.test(text, async (t) => {
    const { believed, isGuard } = await judged(text);
    t.ok(isGuard, 'it waits');
    t.equal(believed, settings.search_path, 'and nothing is believed of it');
  });
}
