// Statements of MySQL on a real server: what the classifier calls free must have left the database as it was, and what it says is
// written must cover every table that changed.

import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { catalogueQueries, readCatalogue } from '../../protocols/mysql/catalogue.ts';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import type { Classification } from '../../src/core/classification.ts';
import { startMariadb } from '../support/mariadb.ts';
import { statementOf } from '../support/statements.ts';

const fixture = `
  CREATE TABLE victim (id int PRIMARY KEY, word varchar(20));
  CREATE TABLE safe (id int PRIMARY KEY, word varchar(20));
  CREATE TABLE log (at timestamp DEFAULT now(), word varchar(20));
  INSERT INTO victim VALUES (1, 'a'), (2, 'b'), (3, 'c');
  INSERT INTO safe VALUES (1, 'a'), (2, 'b');
  CREATE VIEW quiet AS SELECT id, word FROM safe;
  CREATE FUNCTION wipe() RETURNS int MODIFIES SQL DATA BEGIN DELETE FROM victim; RETURN 1; END;
  CREATE FUNCTION lower2(x varchar(20)) RETURNS varchar(20) DETERMINISTIC BEGIN DELETE FROM victim; RETURN x; END;
  CREATE VIEW loud AS SELECT id, wipe() AS w FROM safe;
  CREATE PROCEDURE clean() DELETE FROM victim;
  CREATE TRIGGER noisy AFTER INSERT ON safe FOR EACH ROW DELETE FROM victim;
  CREATE SEQUENCE numbers;
`;

/** Expressions that hide a call, or look as if. */
const expressions = [
  'wipe()', '`wipe`()', 'shop.wipe()', 'wipe /* */ ()', 'lower2(word)', 'LOWER(word)', '(SELECT w FROM loud LIMIT 1)', '(SELECT wipe())',
  'CASE WHEN wipe() THEN 1 END', 'IF(wipe(), 1, 2)', 'COALESCE(NULL, wipe())', 'id + wipe()', '@x := wipe()', '@x := 1', 'NEXTVAL(numbers)',
  'NEXT VALUE FOR numbers', 'LASTVAL(numbers)', 'SETVAL(numbers, 100)', 'word /*! , wipe() */', 'word /*!50000 , wipe() */', 'word /*M! , wipe() */', 'word /*!999999 , wipe() */', 'word -- , wipe()\n',
  "'wipe()'", '"wipe()"', "'\\', wipe(), \\''", "word'x', wipe(), '", 'COUNT(*)', 'MAX(id)', 'GROUP_CONCAT(word)', 'EXISTS (SELECT 1 FROM loud WHERE w = 1)', "BENCHMARK(2, wipe())", "GET_LOCK('x', 0)", "RELEASE_LOCK('x')", 'SLEEP(0)', 'LAST_INSERT_ID(7)', 'UUID()', 'NOW()', 'JSON_OBJECT(1, wipe())',
]; // prettier-ignore

const places = [
  'SELECT ? FROM safe',
  'SELECT 1 FROM safe WHERE (?) IS NOT NULL',
  'SELECT id FROM safe ORDER BY ?',
  'SELECT id FROM safe GROUP BY id HAVING (?) IS NULL',
  'SELECT * FROM (SELECT ? AS x FROM safe) q',
  'WITH q AS (SELECT ? AS x FROM safe) SELECT * FROM q',
  'EXPLAIN SELECT ? FROM safe',
  'ANALYZE SELECT ? FROM safe',
  'SET @y = (SELECT ? FROM safe LIMIT 1)',
  'DO (SELECT ? FROM safe LIMIT 1)',
];

const statements = [
  'SELECT * FROM quiet', 'SELECT * FROM loud', 'TABLE victim', 'SHOW TABLES', 'DESCRIBE victim', 'CALL clean()', 'CALL `clean`', 'INSERT INTO safe VALUES (9, NULL)',
  "INSERT INTO quiet VALUES (9, 'x')", 'REPLACE INTO victim VALUES (1, NULL)', 'UPDATE victim SET word = NULL', "UPDATE quiet SET word = 'z'", 'UPDATE safe, victim SET victim.word = safe.id WHERE safe.id = victim.id',
  'UPDATE safe JOIN victim USING (id) SET victim.word = NULL', 'UPDATE safe, victim SET .victim.word = NULL', 'UPDATE .safe, .victim SET safe.word = 1, . victim . word = NULL', 'UPDATE safe, victim SET victim.word := NULL', 'DELETE FROM .victim', 'TRUNCATE .victim', 'INSERT INTO .victim VALUES (8, NULL)', 'SELECT .loud.w FROM .loud', 'DELETE FROM victim WHERE id = 1', 'DELETE victim FROM victim JOIN safe USING (id)', 'DELETE FROM a USING victim a JOIN safe b USING (id)',
  'WITH q AS (SELECT 1) DELETE FROM victim', 'TRUNCATE victim', 'DROP TABLE victim', 'DROP TABLE IF EXISTS nothing, victim', 'DROP VIEW quiet', 'ALTER TABLE victim ADD COLUMN x int', 'RENAME TABLE victim TO gone',
  'CREATE TABLE copy AS SELECT * FROM victim', 'CREATE TEMPORARY TABLE victim2 (id int)', 'CREATE OR REPLACE TABLE victim (id int)', 'CREATE INDEX i ON victim (word)', 'DROP TRIGGER noisy', 'DROP FUNCTION wipe', 'OPTIMIZE TABLE victim',
  "EXECUTE IMMEDIATE 'DELETE FROM victim'", "EXECUTE IMMEDIATE CONCAT('DELETE ', 'FROM victim')", "PREPARE p FROM 'DELETE FROM victim'", "PREPARE p FROM 'DELETE FROM victim'; EXECUTE p", 'BEGIN; DELETE FROM victim; COMMIT', 'SELECT 1; DELETE FROM victim', 'SELECT 1;;DELETE FROM victim;',
  '/*! DELETE FROM victim */', '/*!50000 DELETE */ FROM victim', 'SELECT 1 /*! ; DELETE FROM victim */', 'BEGIN NOT ATOMIC DELETE FROM victim; END', 'IF 1 THEN DELETE FROM victim; END IF', 'HANDLER victim OPEN', 'LOCK TABLES victim WRITE',
  'INSERT INTO log (word) SELECT word FROM victim', 'INSERT INTO victim SELECT 7, word FROM safe LIMIT 1', "SET STATEMENT max_statement_time = 1 FOR DELETE FROM victim", "SET @@sql_mode = 'ANSI_QUOTES'", 'SELECT * FROM victim PROCEDURE ANALYSE()', 'SELECT id FROM victim FOR UPDATE', "SELECT 'x' INTO @z", 'ANALYZE DELETE FROM victim', 'EXPLAIN DELETE FROM victim', 'ANALYZE TABLE victim', 'KILL 999999', 'FLUSH TABLES', 'RESET QUERY CACHE', 'COMMIT', 'SAVEPOINT a',
  'DELETE FROM victim RETURNING *', 'INSERT INTO safe VALUES (5, NULL) ON DUPLICATE KEY UPDATE word = NULL', 'CREATE USER somebody', 'GRANT SELECT ON shop.* TO owner', 'SELECT SETVAL(numbers, 50)',
]; // prettier-ignore

const server = await startMariadb(t);
const watching = await server.connect();

async function rows(text: string): Promise<string[][]> {
  const [found] = await watching.query<RowDataPacket[]>({ sql: text, rowsAsArray: true });
  return found as unknown as string[][];
}

await reset();
const catalogue = readCatalogue(
  {
    routines: await rows(catalogueQueries.routines),
    views: await rows(catalogueQueries.views),
    triggers: await rows(catalogueQueries.triggers),
    columns: await rows(catalogueQueries.columns),
    references: await rows(catalogueQueries.references),
    engines: await rows(catalogueQueries.engines),
    loaded: null,
  },
  server.user,
);
const classifier = createMysqlClassifier();

function classify(text: string): Classification | Promise<Classification> {
  const settings = {
    sql_mode: 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION',
    character_set_client: 'utf8mb4',
    flavour: 'mariadb',
    database: 'shop',
    lower_case_table_names: '0',
  };
  return classifier.classify(statementOf(text, { key: 'differential', settings, catalogue }));
}

type State = ReadonlyMap<string, string>;

/** Every object of the database with what it holds, and the accounts. */
async function stateNow(): Promise<State> {
  const state = new Map<string, string>();
  for (const [name, type] of await rows("SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'shop'")) {
    const made = await rows(`SHOW CREATE TABLE shop.\`${name}\``);
    state.set(`shop.${name}`, JSON.stringify([made, type === 'VIEW' ? [] : await rows(`SELECT * FROM shop.\`${name}\``)]));
  }
  const others = [
    "SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema = 'shop' ORDER BY 1",
    "SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema = 'shop' ORDER BY 1",
    'SELECT grantee, privilege_type FROM information_schema.user_privileges ORDER BY 1, 2',
  ];
  for (const text of others) state.set(text, JSON.stringify(await rows(text)));
  return state;
}

/** What differs between two states; a table that only moved counts for both of its names. */
function changedBetween(before: State, after: State): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
}

async function reset(): Promise<void> {
  await server.sql(`DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; USE shop; ${fixture}`);
}

/** Runs it on a connection of its own, which takes its locks and temporary tables away with it; false when it failed. */
async function runs(text: string): Promise<boolean> {
  const { host, port, user, password } = server;
  const connection = await createConnection({ host, port, user, password, database: 'shop', multipleStatements: true });
  try {
    await connection.query<RowDataPacket[]>(text);
    return true;
  } catch {
    return false;
  } finally {
    connection.destroy();
  }
}

t.test('what is called free changes nothing, and what changes was foretold', async (t) => {
  let before = await stateNow();
  const texts = [...expressions.flatMap((expression) => places.map((place) => place.replace('?', () => expression))), ...statements];
  const counts = { free: 0, ran: 0, changed: 0 };
  for (const text of texts) {
    const { understood, summary } = await classify(text);
    const isFree = understood && (summary.access === 'read' || summary.access === 'session');
    if (isFree) counts.free += 1;
    // Only a look is needed at what is not free anyhow in the many places; statements show which tables they foretold.
    if (!isFree && !statements.includes(text)) continue;
    if (await runs(text)) counts.ran += 1;
    const after = await stateNow();
    const changed = changedBetween(before, after);
    if (changed.length === 0) continue;
    counts.changed += 1;
    if (isFree) t.fail(`called free, and changed ${changed.join(', ')}: ${text}`);
    const isOpaque = !understood || summary.access === 'unknown' || summary.verbs.some((verb) => opaqueVerbs.has(verb));
    for (const name of isOpaque ? [] : changed.filter((it) => it.startsWith('shop.') && !behind(text, it))) {
      const written = summary.effects.filter(({ access }) => access === 'write').map(({ object }) => object);
      // An effect without a name says that something is written, and no rule can take it for harmless.
      t.ok(written.includes(name) || written.includes(null), `${name} is among what is written by ${text}`, { written });
    }
    await reset();
    before = await stateNow();
  }
  t.comment(JSON.stringify(counts));
  t.ok(counts.free > 100, 'plain statements are free');
  t.ok(counts.changed > 25, 'and changing ones changed something');
});

const opaqueVerbs = new Set(['call', 'code', 'unknown', 'admin']);

/** Triggers and views lead further than the text says: a write of a table may run what belongs to it. Known, and a write all the same. */
function behind(text: string, name: string): boolean {
  return (
    (name === 'shop.victim' && /INTO (safe|quiet)/.test(text)) ||
    (name === 'shop.safe' && /quiet/.test(text)) ||
    (name === 'shop.quiet' && /VIEW/.test(text))
  );
}
