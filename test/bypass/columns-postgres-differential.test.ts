// The columns that a statement is judged to touch, against the server's own privileges on columns: a role that has just those may
// run it, and where the judgement claims to be exact, without any one of them it may not.

import pg from 'pg';
import t from 'tap';
import { catalogueQueries } from '../../protocols/postgres/catalogue-queries.ts';
import type { CatalogueRow } from '../../protocols/postgres/catalogue-row.ts';
import type { CatalogueQuery, CatalogueRows } from '../../protocols/postgres/catalogue-queries.ts';
import { readCatalogue } from '../../protocols/postgres/catalogue.ts';
import { createPostgresClassifier } from '../../policies/classify/postgres/classifier.ts';
import type { ColumnsTouched } from '../../src/core/classification.ts';
import { startPostgres } from '../support/postgres.ts';
import { statementOf } from '../support/statements.ts';

/** `pad` may always be read: the server wants some column even for count(*). */
const fixture = `
  CREATE TABLE users (pad int, id int PRIMARY KEY, name text, ssn text, email text, "We.Ird" text);
  CREATE TABLE accounts (pad int, id int PRIMARY KEY, user_id int, balance int DEFAULT 0, note text);
  CREATE TABLE events (pad int, id int, ssn text, at date) PARTITION BY RANGE (at);
  CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE SCHEMA other;
  CREATE TABLE other.users (pad int, id int, secret text);
  CREATE VIEW people AS SELECT 1 AS pad, id AS pid, ssn AS secret, name || '!' AS loud FROM users WHERE email IS DISTINCT FROM 'x';
  CREATE VIEW purse AS SELECT pad, id, balance AS amount FROM accounts;
  INSERT INTO users VALUES (0, 1, 'a', '111', 'a@x', 'w'), (0, 2, 'b', '222', 'b@x', 'w');
  INSERT INTO accounts VALUES (0, 1, 1, 10, ''), (0, 2, 2, 20, '');
  CREATE ROLE reader LOGIN PASSWORD 'reader';
  GRANT USAGE ON SCHEMA other TO reader`;

const relations = ['users', 'accounts', 'events', 'other.users', 'people', 'purse'];

interface Case {
  readonly text: string;
  /** False: more is named than the server asks for, on purpose (a whole row, in doubt). */
  readonly exact?: false;
  /** DELETE, and what a view's rows need. */
  readonly also?: string;
}

const cases: readonly Case[] = [
  { text: 'SELECT name FROM users' },
  { text: 'SELECT * FROM users' },
  { text: 'TABLE users' },
  { text: 'SELECT u.* FROM users u' },
  { text: 'SELECT U.SSN FROM users AS U' },
  { text: 'SELECT "We.Ird" FROM public."users"' },
  { text: 'SELECT public.users.ssn FROM public.users' },
  { text: 'SELECT u FROM users u' },
  { text: 'SELECT users FROM users' },
  { text: 'SELECT u::text FROM users u' },
  { text: 'SELECT row_to_json(u) FROM users u' },
  { text: 'SELECT to_jsonb(u) - \'ssn\' FROM users u' },
  { text: 'SELECT (u).ssn FROM users u', exact: false },
  { text: 'SELECT count(*) FROM users' },
  { text: 'SELECT count(u) FROM users u' },
  { text: 'SELECT count(CASE WHEN ssn LIKE \'1%\' THEN 1 END) FROM users' },
  { text: 'SELECT count(*) FILTER (WHERE ssn = \'1\') FROM users' },
  { text: 'SELECT x FROM (SELECT ssn AS x, name FROM users) d' },
  { text: 'SELECT d.* FROM (SELECT id, name FROM users) d' },
  { text: 'SELECT d FROM (SELECT id, name FROM users) d' },
  { text: 'WITH w AS (SELECT ssn AS s FROM users) SELECT length(s) FROM w' },
  { text: 'WITH RECURSIVE r(n) AS (SELECT id FROM users UNION SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r' },
  { text: 'SELECT name FROM users WHERE ssn LIKE \'1%\' ORDER BY email' },
  { text: 'SELECT name, ssn FROM users ORDER BY 2' },
  { text: 'SELECT max(ssn) FROM users GROUP BY name HAVING count(email) > 0' },
  { text: 'SELECT DISTINCT ON (email) id FROM users' },
  { text: 'SELECT row_number() OVER (PARTITION BY ssn ORDER BY name) FROM users' },
  { text: 'SELECT u.name, a.balance FROM users u JOIN accounts a ON a.user_id = u.id' },
  { text: 'SELECT name FROM users JOIN accounts USING (id)' },
  { text: 'SELECT name FROM users NATURAL JOIN other.users o' },
  { text: 'SELECT name FROM users u, LATERAL (SELECT balance FROM accounts a WHERE a.user_id = u.id) b' },
  { text: 'SELECT name FROM users WHERE id IN (SELECT user_id FROM accounts WHERE balance > 5)' },
  { text: 'SELECT name FROM users u WHERE EXISTS (SELECT FROM accounts a WHERE a.user_id = u.id)' },
  { text: 'SELECT (SELECT max(balance) FROM accounts) FROM users' },
  { text: 'SELECT ssn FROM users UNION ALL SELECT note FROM accounts' },
  { text: 'SELECT ssn FROM users EXCEPT SELECT note FROM accounts' },
  { text: 'SELECT o.secret FROM other.users o' },
  { text: 'SELECT ssn FROM events WHERE at > \'2026-02-01\'' },
  { text: 'SELECT secret FROM people', exact: false },
  { text: 'SELECT * FROM people', exact: false },
  { text: 'SELECT string_agg(name, ssn) FROM users' },
  { text: 'SELECT CASE WHEN email = \'x\' THEN name END FROM users' },
  { text: 'SELECT array(SELECT ssn FROM users)' },
  { text: 'SELECT name FROM users LIMIT (SELECT max(balance) FROM accounts)' },
  { text: 'SELECT name FROM users TABLESAMPLE system (10)' },
  { text: 'VALUES ((SELECT min(ssn) FROM users))' },
  { text: 'UPDATE accounts SET balance = 1' },
  { text: 'UPDATE accounts SET balance = balance + 1 WHERE id = 1' },
  { text: 'UPDATE accounts a SET (balance, note) = (SELECT 1, name FROM users u WHERE u.id = a.user_id)' },
  { text: 'UPDATE accounts SET note = u.ssn FROM users u WHERE u.id = user_id RETURNING balance' },
  { text: 'UPDATE accounts SET note = \'x\' RETURNING *' },
  { text: 'UPDATE purse SET amount = 5', exact: false },
  { text: 'INSERT INTO accounts (id, balance) VALUES (10, 2)' },
  { text: 'INSERT INTO accounts VALUES (0, 11, 2)' },
  { text: 'INSERT INTO accounts (id, note) SELECT id + 100, ssn FROM users RETURNING id' },
  { text: 'INSERT INTO accounts (id) VALUES (1) ON CONFLICT (id) DO NOTHING' },
  { text: 'INSERT INTO accounts (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET balance = excluded.id + accounts.balance WHERE accounts.note = \'\'', exact: false },
  { text: 'DELETE FROM accounts WHERE note = \'x\'', also: 'GRANT DELETE ON accounts TO reader' },
  { text: 'DELETE FROM accounts USING users u WHERE u.id = user_id AND u.ssn = \'0\'', also: 'GRANT DELETE ON accounts TO reader' },
  { text: 'MERGE INTO accounts a USING users u ON a.user_id = u.id WHEN MATCHED AND u.ssn = \'1\' THEN UPDATE SET balance = 0 WHEN NOT MATCHED THEN INSERT (id, note) VALUES (u.id + 500, u.name)' },
  { text: 'COPY users (id, name) TO STDOUT' },
  { text: 'COPY (SELECT ssn FROM users) TO STDOUT' },
  { text: 'EXPLAIN SELECT ssn FROM users WHERE email = \'x\'' },
  { text: 'DECLARE c CURSOR FOR SELECT ssn FROM users' },
]; // prettier-ignore

const server = await startPostgres(t);
const owner = await server.connect();
await owner.query(fixture);
const classifier = await createPostgresClassifier();
t.teardown(() => classifier.close());

const rows: Partial<Record<CatalogueQuery, CatalogueRow[]>> = {};
for (const [name, text] of Object.entries(catalogueQueries)) {
  rows[name as CatalogueQuery] = (await owner.query<Record<string, string | null>>(text)).rows;
}
const catalogue = { version: '1', content: readCatalogue(rows as CatalogueRows) };

async function touched(text: string): Promise<ColumnsTouched> {
  const { understood, summary } = await classifier.classify(statementOf(text, { key: 'columns', settings: {}, catalogue }));
  if (!understood || summary.columns === undefined) throw new Error(`not understood: ${text}`);
  return summary.columns;
}

interface Privilege {
  readonly what: 'SELECT' | 'UPDATE' | 'INSERT';
  readonly table: string;
  readonly column: string;
}

/** "public.users.ssn" as a table and a column for GRANT. */
function privilegesOf({ read, written }: ColumnsTouched): Privilege[] {
  const split = (name: string): { table: string; column: string } => {
    const parts = name.match(/"(?:[^"]|"")*"|[^.]+/g) ?? [];
    return { table: parts.slice(0, -1).join('.'), column: parts.at(-1) ?? '' };
  };
  return [
    ...read.map((name): Privilege => ({ what: 'SELECT', ...split(name) })),
    ...written.flatMap((name): Privilege[] => [
      { what: 'UPDATE', ...split(name) },
      { what: 'INSERT', ...split(name) },
    ]),
  ];
}

const quoted = (name: string): string => (name.startsWith('"') ? name : `"${name}"`);
const said = ({ what, table, column }: Privilege): string => `${what} (${quoted(column)}) ON ${table}`;

/** What the server says to the role with these rights; null: it runs. Nothing of it stays. */
async function outcome(text: string, privileges: readonly Privilege[], also: string | undefined): Promise<string | null> {
  await owner.query(relations.map((it) => `REVOKE ALL ON ${it} FROM reader; GRANT SELECT (pad) ON ${it} TO reader`).join(';'));
  for (const it of privileges) await owner.query(`GRANT ${said(it)} TO reader`);
  if (also !== undefined) await owner.query(also);
  const reader = new pg.Client({ host: server.host, port: server.port, user: 'reader', password: 'reader', database: 'postgres' });
  await reader.connect();
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
    // UPDATE and INSERT were both given for what is written: a statement needs one or the other, so they are taken together.
    const one = new Map(privileges.map((it) => [`${it.what === 'SELECT'} ${it.table}.${it.column}`, it]));
    for (const [key, it] of one) {
      const less = privileges.filter((other) => `${other.what === 'SELECT'} ${other.table}.${other.column}` !== key);
      if (it.column === 'pad' && it.what === 'SELECT') continue;
      t.match(await outcome(text, less, also), /permission denied/, `without ${said(it)} it is refused`);
    }
  });
}
