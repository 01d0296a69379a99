// The columns that a statement is judged to touch, against the server's own privileges on columns: an account that has just those may
// run it. Where the judgement claims to be exact, without any one of them it may not.

import { createConnection } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { catalogueQueries, readCatalogue } from '../../protocols/mysql/catalogue.ts';
import { createMysqlClassifier } from '../../policies/classify/mysql/classifier.ts';
import type { ColumnsTouched } from '../../src/core/classification.ts';
import { startMariadb } from '../support/mariadb.ts';
import { statementOf } from '../support/statements.ts';

/** `pad` may always be read: the server wants some column even for count(*). */
const fixture = `
  CREATE TABLE users (pad int, id int PRIMARY KEY, name varchar(20), ssn varchar(20), email varchar(20), \`We.Ird\` int);
  CREATE TABLE accounts (pad int, id int PRIMARY KEY, user_id int, balance int DEFAULT 0, note varchar(20));
  CREATE VIEW people AS SELECT 1 AS pad, id AS pid, ssn AS secret, concat(name, '!') AS loud FROM users WHERE email <> 'x';
  INSERT INTO users VALUES (0, 1, 'a', '111', 'a@x', 1), (0, 2, 'b', '222', 'b@x', 2);
  INSERT INTO accounts VALUES (0, 1, 1, 10, ''), (0, 2, 2, 20, '');
  CREATE USER reader IDENTIFIED BY 'reader'`;

interface Case {
  readonly text: string;
  /** False: more is named than the server asks for, on purpose: every word that may be a column counts. */
  readonly exact?: false;
  /** DELETE has no columns. */
  readonly also?: string;
}

const cases: readonly Case[] = [
  { text: 'SELECT name FROM users' },
  { text: 'SELECT * FROM users' },
  { text: 'SELECT u.* FROM users u' },
  { text: 'SELECT `U`.`SSN` FROM users AS `U`' },
  { text: 'SELECT `We.Ird` FROM shop.users' },
  { text: 'SELECT shop.users.ssn FROM users' },
  { text: 'SELECT count(*) FROM users' },
  { text: 'SELECT count(IF(ssn LIKE \'1%\', 1, NULL)) FROM users' },
  { text: 'SELECT /*!50000 ssn, */ name FROM users' },
  { text: 'SELECT ssn\'x\' FROM users' },
  { text: 'SELECT x FROM (SELECT ssn AS x, name FROM users) d' },
  { text: 'SELECT d.* FROM (SELECT id, name FROM users) d' },
  { text: 'WITH w AS (SELECT ssn AS s FROM users) SELECT length(s) FROM w' },
  { text: 'SELECT name FROM users WHERE ssn LIKE \'1%\' ORDER BY email DESC LIMIT 1 OFFSET 0' },
  { text: 'SELECT max(ssn) FROM users GROUP BY name HAVING count(email) > 0' },
  { text: 'SELECT row_number() OVER (PARTITION BY ssn ORDER BY name) FROM users' },
  { text: 'SELECT u.name, a.balance FROM users u JOIN accounts a ON a.user_id = u.id' },
  // The server asks for no right to what USING and NATURAL compare; the answer tells about it all the same.
  { text: 'SELECT name FROM users JOIN accounts USING (id)', exact: false },
  { text: 'SELECT name FROM users NATURAL JOIN accounts', exact: false },
  { text: 'SELECT name FROM users WHERE id IN (SELECT user_id FROM accounts WHERE balance > 5)', exact: false },
  { text: 'SELECT name FROM users u WHERE EXISTS (SELECT 1 FROM accounts a WHERE a.user_id = u.id)' },
  { text: 'SELECT EXISTS (SELECT * FROM accounts), name FROM users', exact: false },
  { text: 'SELECT (SELECT max(balance) FROM accounts) FROM users' },
  { text: 'SELECT ssn FROM users UNION ALL SELECT note FROM accounts' },
  { text: 'SELECT secret FROM people', exact: false },
  { text: 'SELECT * FROM people', exact: false },
  { text: 'SELECT group_concat(name ORDER BY ssn SEPARATOR \'-\') FROM users' },
  { text: 'SELECT CASE WHEN email = \'x\' THEN name END FROM users' },
  { text: 'UPDATE accounts SET balance = 1' },
  { text: 'UPDATE accounts SET balance = balance + 1 WHERE id = 1' },
  { text: 'UPDATE accounts a JOIN users u ON u.id = a.user_id SET a.note = u.ssn WHERE u.email = \'x\'' },
  { text: 'INSERT INTO accounts (id, balance) VALUES (10, 2)' },
  { text: 'INSERT INTO accounts VALUES (0, 11, 2, 3, \'\')' },
  { text: 'INSERT INTO accounts SET id = 12, note = \'x\'' },
  { text: 'INSERT INTO accounts (id, note) SELECT id + 100, ssn FROM users', exact: false },
  { text: 'INSERT INTO accounts (id) VALUES (1) ON DUPLICATE KEY UPDATE balance = VALUES(id)', also: 'GRANT SELECT (balance) ON accounts TO reader', exact: false },
  { text: 'REPLACE INTO accounts (id) VALUES (1)', also: 'GRANT DELETE ON accounts TO reader' },
  { text: 'DELETE FROM accounts WHERE note = \'x\'', also: 'GRANT DELETE ON accounts TO reader' },
  { text: 'DELETE a FROM accounts a JOIN users u ON u.id = a.user_id WHERE u.ssn = \'0\'', also: 'GRANT DELETE ON accounts TO reader', exact: false },
  { text: 'EXPLAIN SELECT ssn FROM users WHERE email = \'x\'' },
]; // prettier-ignore

const server = await startMariadb(t);
const { host, port } = server;
/** It may give rights to others, which the owner may not. */
const owner = await createConnection({ host, port, user: 'root', database: 'shop' });
t.teardown(() => owner.end());
for (const text of fixture.split(';')) await owner.query(text);

async function rows(text: string): Promise<string[][]> {
  const [found] = await owner.query<RowDataPacket[]>({ sql: text, rowsAsArray: true });
  return found as unknown as string[][];
}

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
const settings = { sql_mode: '', character_set_client: 'utf8mb4', flavour: 'mariadb', database: 'shop', lower_case_table_names: '0' };

async function touched(text: string): Promise<ColumnsTouched> {
  const { understood, summary } = await classifier.classify(statementOf(text, { key: 'columns', settings, catalogue }));
  if (!understood || summary.columns === undefined) throw new Error(`not understood: ${text}`);
  return summary.columns;
}

interface Privilege {
  readonly what: readonly string[];
  readonly table: string;
  readonly column: string;
}

/** "shop.users.ssn" as a table and a column for GRANT. */
function privilegesOf({ read, written }: ColumnsTouched): Privilege[] {
  const split = (name: string): { table: string; column: string } => {
    const parts = (name.match(/"(?:[^"]|"")*"|[^.]+/g) ?? []).map((part) => part.replace(/^"(.*)"$/, '$1'));
    return { table: parts.slice(0, -1).join('.'), column: parts.at(-1) ?? '' };
  };
  return [
    ...read.map((name) => ({ what: ['SELECT'], ...split(name) })),
    ...written.map((name) => ({ what: ['UPDATE', 'INSERT'], ...split(name) })),
  ];
}

/** What the server says to the account with these rights; null: it runs. Nothing of it stays. */
async function outcome(text: string, privileges: readonly Privilege[], also: string | undefined): Promise<string | null> {
  await owner.query('REVOKE ALL PRIVILEGES, GRANT OPTION FROM reader');
  for (const table of ['users', 'accounts', 'people']) await owner.query(`GRANT SELECT (pad) ON ${table} TO reader`);
  for (const { what, table, column } of privileges) {
    for (const it of what) {
      // A view's own columns can't all be written, and nobody asks for that here.
      if (!(table.endsWith('people') && it !== 'SELECT')) await owner.query(`GRANT ${it} (\`${column}\`) ON ${table} TO reader`);
    }
  }
  if (also !== undefined) await owner.query(also);
  const reader = await createConnection({ host, port, user: 'reader', password: 'reader', database: 'shop' });
  try {
    await reader.query('BEGIN');
    await reader.query(text);
    return null;
  } catch (thrown) {
    return (thrown as Error).message;
  } finally {
    await reader.query('ROLLBACK').catch(() => undefined);
    await reader.end();
  }
}

for (const { text, exact, also } of cases) {
  t.test(text, async (t) => {
    const privileges = privilegesOf(await touched(text));
    t.equal(await outcome(text, privileges, also), null, 'with the columns that it was judged to touch it runs');
    if (exact === false) return;
    for (const it of privileges) {
      if (it.column === 'pad' && it.what[0] === 'SELECT') continue;
      const less = privileges.filter((other) => other !== it);
      t.match(await outcome(text, less, also), /denied/, `without ${it.what.join()} of ${it.table}.${it.column} it is refused`);
    }
  });
}
