// What a change of a view, or of rows that foreign keys refer to, changes besides what it names. Every statement is run on a real server,
// which tells the tables whose rows differ: each of them is named among those that are written.

import type { RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import { catalogueQueries, readCatalogue, type CatalogueRows } from '../../protocols/mysql/catalogue.ts';
import type { ClassificationSummary } from '../../src/core/classification.ts';
import { startMariadb } from '../support/mariadb.ts';
import { statementOf } from '../support/statements.ts';

const isOracle = process.env['SALLYPORT_TEST_MYSQL'] !== undefined;
const server = await startMariadb(t);
await server.sql(`
  CREATE TABLE flags (id int PRIMARY KEY); CREATE TABLE base (id int PRIMARY KEY, n int DEFAULT 0);
  CREATE TABLE parent (id int PRIMARY KEY, code int UNIQUE, n int);
  CREATE TABLE child (id int PRIMARY KEY, parent int, n int, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE coded (id int PRIMARY KEY, code int, n int, FOREIGN KEY (code) REFERENCES parent (code) ON DELETE SET NULL ON UPDATE CASCADE);
  CREATE TABLE grandchild (id int PRIMARY KEY, child int, n int, FOREIGN KEY (child) REFERENCES child (id) ON DELETE CASCADE);
  CREATE TABLE stays (id int PRIMARY KEY, parent int, FOREIGN KEY (parent) REFERENCES parent (id) ON DELETE RESTRICT);
  CREATE VIEW plain AS SELECT id, n FROM base WHERE id IN (SELECT id FROM flags);
  CREATE VIEW above AS SELECT id AS id, n FROM plain; CREATE VIEW parents AS SELECT id, n, code FROM parent;
  CREATE VIEW joined AS SELECT base.id AS id, grandchild.n AS n FROM base JOIN grandchild ON grandchild.id = base.id;
  CREATE TABLE piece (id int) ENGINE = MyISAM; CREATE TABLE merged (id int) ENGINE = MERGE UNION = (piece) INSERT_METHOD = LAST; CREATE VIEW over_merged AS SELECT * FROM merged;
  CREATE TRIGGER noted AFTER UPDATE ON coded FOR EACH ROW DELETE FROM flags; CREATE TRIGGER seen AFTER DELETE ON child FOR EACH ROW DELETE FROM flags;
`);
const tables = ['flags', 'base', 'parent', 'child', 'coded', 'grandchild', 'stays'];
const named = [...tables, 'plain', 'above', 'parents', 'joined'];

const connection = await server.connect();
async function rows(text: string): Promise<string[][]> {
  const [found] = await connection.query<RowDataPacket[]>({ sql: text, rowsAsArray: true });
  return found as unknown as string[][];
}

const loaded: CatalogueRows = {
  routines: await rows(catalogueQueries.routines),
  views: await rows(catalogueQueries.views),
  triggers: await rows(catalogueQueries.triggers),
  columns: await rows(catalogueQueries.columns),
  references: await rows(catalogueQueries.references),
  engines: await rows(catalogueQueries.engines),
  loaded: null,
};
const catalogue = readCatalogue(loaded, server.user);
const classifier = createMysqlClassifier();
const settings = {
  ...{ sql_mode: '', character_set_client: 'utf8mb4', flavour: isOracle ? 'mysql' : 'mariadb' },
  ...{ database: 'shop', lower_case_table_names: '0' },
};

async function judged(text: string, known = catalogue): Promise<ClassificationSummary> {
  const { understood, summary, problem } = await classifier.classify(statementOf(text, { key: known.version, settings, catalogue: known }));
  if (!understood) throw new Error(`${text}: ${problem?.message}`);
  return summary;
}

async function reset(): Promise<void> {
  await connection.query('SET foreign_key_checks = 0');
  for (const table of tables) await connection.query(`DELETE FROM ${table}`);
  await connection.query('SET foreign_key_checks = 1');
  for (const text of [
    'INSERT INTO flags VALUES (1), (2)',
    'INSERT INTO base VALUES (1, 0), (2, 0)',
    'INSERT INTO parent VALUES (1, 10, 0), (2, 20, 0)',
    'INSERT INTO child VALUES (1, 1, 0), (2, 2, 0)',
    'INSERT INTO coded VALUES (1, 10, 0), (2, 20, 0)',
    'INSERT INTO grandchild VALUES (1, 1, 0)',
    'INSERT INTO stays VALUES (1, 2)',
  ])
    await connection.query(text);
}

async function rowsOf(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const table of tables) found.set(table, JSON.stringify(await rows(`SELECT * FROM ${table} ORDER BY 1`)));
  return found;
}

/** The tables whose rows differ; null when the server refuses the statement. */
async function changedBy(text: string): Promise<readonly string[] | null> {
  await reset();
  const before = await rowsOf();
  try {
    await connection.query(text);
  } catch {
    return null;
  }
  const after = await rowsOf();
  return tables.filter((table) => before.get(table) !== after.get(table));
}

const statements = named.flatMap((it) => [
  `INSERT INTO ${it} (id) VALUES (5)`,
  `INSERT INTO ${it} SET id = 6`,
  `INSERT INTO ${it} (id, n) VALUES (1, 7) ON DUPLICATE KEY UPDATE n = 8`,
  `INSERT INTO ${it} (id) VALUES (1) ON DUPLICATE KEY UPDATE id = 9`,
  `REPLACE INTO ${it} (id, n) VALUES (1, 7)`,
  `UPDATE ${it} SET n = 3`,
  `UPDATE ${it} SET id = 4 WHERE id = 1`,
  `UPDATE ${it} SET code = 77 WHERE id = 1`,
  `UPDATE ${it} x SET x.ID = 4 WHERE x.id = 1`,
  `UPDATE ${it} JOIN flags f ON f.id = ${it}.id SET ${it}.id = 41 WHERE f.id = 1`,
  `UPDATE ${it}, flags SET ${it}.n = 5, flags.id = flags.id + 10`,
  `DELETE FROM ${it} WHERE id = 1`,
  `DELETE x FROM ${it} x JOIN flags f ON f.id = x.id WHERE f.id = 1`,
  `DELETE FROM x USING ${it} AS x WHERE x.id = 1`,
  `TRUNCATE ${it}`,
]);

await t.test('whatever a statement changes is named', async (t) => {
  let ran = 0;
  for (const text of statements) {
    const changed = await changedBy(text);
    if (changed === null) continue;
    ran += 1;
    const { tablesWritten, access } = await judged(text);
    const missed = changed.filter((it) => !tablesWritten.includes(`shop.${it}`));
    t.strictSame(access === 'unknown' ? [] : missed, [], `${text}: ${tablesWritten.join(' ')}`);
    // Rows that foreign keys delete or change fire no triggers: those of `child` and `coded` would empty `flags`.
    if (access === 'unknown') t.match(text, /coded|child|joined/, text);
  }
  t.ok(ran > 80, `${ran} ran`);
});

const exact: readonly (readonly [text: string, effects: string])[] = [
  ['UPDATE plain SET n = 1', 'update plain, update base through plain'],
  ['DELETE FROM above', 'delete above, delete plain through above, delete base through above'],
  ['INSERT INTO joined (id) VALUES (1)', 'insert joined, insert base through joined, insert grandchild through joined'],
  ['DELETE FROM parent WHERE id = 1', 'delete parent, delete child, delete grandchild, update coded'],
  ['UPDATE parent SET n = 1 WHERE id = 1 AND code = 2', 'update parent'],
  ['UPDATE parent SET code = 1', 'update parent, update coded'],
  ['UPDATE parents SET n = 1', 'update parents, update parent through parents, update child, update coded'],
  ['SELECT n FROM above', 'read above'],
];

await t.test('no more than that, and what stands behind which name', async (t) => {
  const short = (name: string | null | undefined): string => (name ?? '').replace('shop.', '');
  for (const [text, wanted] of exact) {
    const { effects } = await judged(text);
    const words = effects.map(
      ({ verb, object, through }) => `${verb} ${short(object)}${through === undefined ? '' : ` through ${short(through.object)}`}`,
    );
    t.strictSame(words.sort(), wanted.split(', ').sort(), text);
  }
});

await t.test('a table that is changed along is none whose columns are read', async (t) => {
  t.strictSame((await judged('DELETE FROM parent WHERE id = 1')).columns?.read, ['shop.parent.id']);
});

await t.test('which tables are behind one of the MERGE engine is told nowhere', async (t) => {
  for (const text of ['DELETE FROM merged WHERE id = 1', 'INSERT INTO merged VALUES (1)', 'UPDATE over_merged SET id = 2'])
    t.equal((await judged(text)).access, 'unknown', text);
  t.equal((await judged('SELECT * FROM over_merged')).access, 'read');
  t.equal((await judged('INSERT INTO piece VALUES (1)')).access, 'write');
});

await t.test('a table whose rows another server has is reached over the network, also through a view', async (t) => {
  const known = readCatalogue({ ...loaded, engines: [['shop', 'base', 'FEDERATED']] }, server.user);
  const networkOf = async (text: string): Promise<string> =>
    (await judged(text, known)).effects.flatMap(({ verb, access }) => (verb === 'network' ? [access] : [])).join(' ');
  t.equal(await networkOf('SELECT * FROM base'), 'read');
  t.equal(await networkOf('SELECT n FROM above'), 'read');
  t.equal(await networkOf('INSERT INTO base VALUES (1, 1)'), 'write');
  t.equal(await networkOf('UPDATE above SET n = 1'), 'write');
  t.equal(await networkOf('UPDATE parent SET n = 1'), '');
});
