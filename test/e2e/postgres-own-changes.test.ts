// What a transaction has made or changed itself is seen by others, and so by the gateway's reader of the catalogue, only when it is
// committed. Until then whatever touches it is judged as unknown; what only makes plain tables goes on unhindered.

import pg from 'pg';
import t from 'tap';
import type { HoldView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';

const policy = `
policy: p
conditions:
  defines: action.kinds.all(k, k == "do" || glob(k, "create *") || glob(k, "alter *") || glob(k, "drop *"))
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: known, effects: { access: [read, session, write] }, decision: allow }
  - { id: definitions, effects: { access: [unknown] }, when: 'conditions.defines', decision: allow }
  - { id: own-calls, effects: { verbs: [call], functions: [make_it, public.make_it] }, decision: allow }
  - { id: unknown, effects: { access: [unknown] }, otherwise: true, decision: hold, approvers: { groups: [dba] } }
`;

const server = await startPostgres(t);
await server.sql(`
  CREATE TABLE victim (id int);
  CREATE FUNCTION cleanup() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM public.victim; RETURN 1; END';
  CREATE FUNCTION made_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM public.cleanup(); RETURN NEW; END';
  CREATE FUNCTION harmless() RETURNS int LANGUAGE sql AS 'SELECT 1';
  CREATE FUNCTION make_it() RETURNS int LANGUAGE plpgsql AS 'BEGIN CREATE VIEW made AS SELECT public.cleanup() AS a; RETURN 1; END';
  CREATE TABLE plain (id int PRIMARY KEY, name text);
  INSERT INTO plain VALUES (1, 'a');
  CREATE VIEW seen AS SELECT 1 AS a;
  CREATE VIEW above AS SELECT a FROM seen;
  CREATE VIEW bad AS SELECT cleanup() AS a;
  CREATE FUNCTION reads_seen() RETURNS int LANGUAGE sql AS 'SELECT a FROM seen';
  CREATE TABLE whole (id int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF whole FOR VALUES IN (1); INSERT INTO whole VALUES (1);
  CREATE SCHEMA first;
  CREATE TABLE first.shadowing (id int); CREATE TABLE public.shadowing (id int);
`);
const owner = await server.connect();
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'db', {})], policies: { 'p.yaml': policy } });
const bob = gateway.api('bob');

type Ending = 'ran' | 'held';
interface Case {
  readonly what: string;
  /** The last one is the one that counts; the others must run. */
  readonly texts: readonly string[];
  readonly ends: Ending;
}

async function end(client: pg.Client, text: string, values?: readonly unknown[]): Promise<Ending> {
  let over = false;
  let held = false;
  const ended = (values === undefined ? client.query(text) : client.query(text, [...values])).then(
    () => null,
    (error: Error) => error,
  );
  void ended.then(() => (over = true));
  await eventually('it ran, or waits', async () => {
    const { body } = await bob.get<Page<HoldView>>('/holds?state=pending');
    for (const { id } of body.items) {
      held = true;
      await bob.post(`/holds/${id}/deny`, { reason: 'no' });
    }
    return over || undefined;
  });
  const error = await ended;
  if (!held && error !== null) throw new Error(`${text}: ${error.message}`);
  return held ? 'held' : 'ran';
}

const evil = 'CREATE OR REPLACE VIEW seen AS SELECT public.cleanup() AS a';
// Each of these statements is harmless by itself.
const swap = 'DROP VIEW above; ALTER VIEW seen RENAME TO was; ALTER VIEW bad RENAME TO seen';
const cases: readonly Case[] = [
  { what: 'a view', texts: ['BEGIN', 'CREATE VIEW v AS SELECT cleanup()', 'SELECT * FROM v'], ends: 'held' },
  { what: 'with its schema', texts: ['BEGIN', 'CREATE VIEW v AS SELECT cleanup()', 'SELECT * FROM public.v'], ends: 'held' },
  { what: 'behind a savepoint', texts: ['BEGIN', 'SAVEPOINT s', 'CREATE VIEW v AS SELECT cleanup()', 'SELECT * FROM v'], ends: 'held' },
  {
    what: 'after a rollback to before something else',
    texts: ['BEGIN', 'CREATE VIEW v AS SELECT cleanup()', 'SAVEPOINT s', 'SELECT 1', 'ROLLBACK TO s', 'SELECT * FROM v'],
    ends: 'held',
  },
  { what: 'a view that was harmless', texts: ['BEGIN', evil, 'SELECT * FROM seen'], ends: 'held' },
  { what: 'a view on one that was harmless', texts: ['BEGIN', evil, 'SELECT * FROM above'], ends: 'held' },
  { what: 'a function that reads one', texts: ['BEGIN', evil, 'SELECT reads_seen()'], ends: 'held' },
  { what: 'in a subquery', texts: ['BEGIN', evil, 'SELECT (SELECT max(a) FROM seen)'], ends: 'held' },
  { what: 'a cursor', texts: ['BEGIN', evil, 'DECLARE c CURSOR FOR SELECT * FROM seen'], ends: 'held' },
  { what: 'COPY', texts: ['BEGIN', evil, 'COPY (SELECT * FROM seen) TO STDOUT'], ends: 'held' },
  { what: 'EXPLAIN ANALYZE', texts: ['BEGIN', evil, 'EXPLAIN ANALYZE SELECT * FROM seen'], ends: 'held' },
  { what: 'prepared before', texts: ['PREPARE p AS SELECT * FROM seen', 'BEGIN', evil, 'EXECUTE p'], ends: 'held' },
  { what: 'all in one text', texts: [`BEGIN; ${swap}; SELECT * FROM seen; ROLLBACK`], ends: 'held' },
  { what: 'one text, committed in between', texts: [`BEGIN; ${swap}; COMMIT; SELECT * FROM seen`], ends: 'held' },
  { what: 'committed', texts: ['BEGIN', evil, 'COMMIT', 'SELECT * FROM seen'], ends: 'held' },
  { what: 'committed, and chained', texts: ['BEGIN', evil, 'COMMIT AND CHAIN', 'SELECT * FROM seen'], ends: 'held' },
  {
    what: 'a function that was harmless',
    texts: ['BEGIN', `CREATE OR REPLACE FUNCTION harmless() RETURNS int LANGUAGE sql AS 'SELECT public.cleanup()'`, 'SELECT harmless()'],
    ends: 'held',
  },
  {
    what: 'a function called like a column',
    texts: ['BEGIN', `CREATE FUNCTION wipe(plain) RETURNS int LANGUAGE sql AS 'SELECT public.cleanup()'`, 'SELECT p.wipe FROM plain p'],
    ends: 'held',
  },
  {
    what: 'an overload of a built-in function',
    texts: ['BEGIN', `CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql AS 'SELECT public.cleanup()'`, 'SELECT lower(1)'],
    ends: 'held',
  },
  {
    what: 'a trigger',
    texts: ['BEGIN', 'CREATE TRIGGER g BEFORE UPDATE ON plain FOR EACH ROW EXECUTE FUNCTION made_up()', `UPDATE plain SET name = 'b'`],
    ends: 'held',
  },
  {
    what: 'a rule',
    texts: ['BEGIN', 'CREATE RULE r AS ON UPDATE TO plain DO ALSO SELECT cleanup()', `UPDATE plain SET name = 'b'`],
    ends: 'held',
  },
  {
    what: 'a policy of rows',
    texts: [
      'BEGIN',
      'ALTER TABLE plain ENABLE ROW LEVEL SECURITY',
      'CREATE POLICY p ON plain USING (cleanup() = 1)',
      'SELECT * FROM plain',
    ],
    ends: 'held',
  },
  {
    what: 'an operator',
    texts: ['BEGIN', 'CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)', 'SELECT * FROM plain WHERE id === 1'],
    ends: 'held',
  },
  { what: 'a new name', texts: ['BEGIN', 'ALTER VIEW above RENAME TO other', 'SELECT * FROM other'], ends: 'held' },
  {
    what: 'the name that another one takes',
    texts: ['SET search_path = first, public', 'BEGIN', 'DROP TABLE first.shadowing', 'DELETE FROM shadowing'],
    ends: 'held',
  },
  {
    what: 'what DO made',
    texts: ['BEGIN', `DO 'BEGIN CREATE VIEW made AS SELECT public.cleanup() AS a; END'`, 'SELECT * FROM made'],
    ends: 'held',
  },
  { what: 'what DO made, without a transaction', texts: [`DO 'BEGIN ${evil}; END'`, 'SELECT * FROM seen'], ends: 'held' },
  { what: 'what a function made', texts: ['BEGIN', 'SELECT make_it()', 'SELECT * FROM made'], ends: 'held' },
  {
    what: 'a table that is a partition of nothing known',
    texts: ['BEGIN', 'CREATE TABLE n (LIKE plain INCLUDING ALL)', 'INSERT INTO n VALUES (1)'],
    ends: 'held',
  },
  {
    what: 'a default',
    texts: ['BEGIN', 'ALTER TABLE plain ALTER name SET DEFAULT cleanup()', 'INSERT INTO plain (id) VALUES (9)'],
    ends: 'held',
  },
  { what: 'a temporary view', texts: ['BEGIN', 'CREATE TEMP VIEW plain AS SELECT cleanup() AS id', 'SELECT * FROM plain'], ends: 'held' },
  {
    what: 'a temporary function',
    texts: ['BEGIN', `CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT cleanup()'`, 'SELECT pg_temp.f()'],
    ends: 'held',
  },
  {
    what: 'a temporary view named like a system one',
    texts: ['BEGIN', 'CREATE TEMP VIEW pg_class AS SELECT cleanup()', 'SELECT * FROM pg_class'],
    ends: 'held',
  },
  {
    what: 'a materialized view',
    texts: ['BEGIN', 'CREATE MATERIALIZED VIEW m AS SELECT cleanup() WITH NO DATA', 'REFRESH MATERIALIZED VIEW m'],
    ends: 'held',
  },
  {
    what: 'a table that inherits',
    texts: [
      'BEGIN',
      'CREATE TABLE child () INHERITS (plain)',
      'CREATE TRIGGER g BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION made_up()',
      `UPDATE plain SET name = 'b'`,
    ],
    ends: 'held',
  },
  {
    what: 'a trigger on a partition',
    texts: ['BEGIN', 'CREATE TRIGGER g BEFORE UPDATE ON part FOR EACH ROW EXECUTE FUNCTION made_up()', 'UPDATE whole SET id = 1'],
    ends: 'held',
  },
  // What does not have to wait.
  { what: 'other tables', texts: ['BEGIN', evil, 'SELECT * FROM plain'], ends: 'ran' },
  { what: 'nothing at all', texts: ['BEGIN', `DO 'BEGIN END'`, 'SELECT 1'], ends: 'ran' },
  { what: 'after a rollback', texts: ['BEGIN', evil, 'ROLLBACK', 'SELECT * FROM seen'], ends: 'ran' },
  {
    what: 'a migration',
    texts: [
      'BEGIN',
      "CREATE TABLE n (id serial PRIMARY KEY, name varchar(20) NOT NULL DEFAULT lower('X'), made timestamptz DEFAULT now(), CHECK (length(name) < 9))",
      'CREATE INDEX ON n (lower(name))',
      'ALTER TABLE plain ADD COLUMN more int DEFAULT 0',
      'ALTER TABLE n ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES plain (id)',
      "COMMENT ON TABLE n IS 'new'",
      'UPDATE plain SET more = 1',
      "INSERT INTO n (id, name) SELECT id, 'b' FROM plain WHERE id = 1",
      'SELECT count(*) FROM n',
    ],
    ends: 'ran',
  },
  { what: 'a copy of a table', texts: ['BEGIN', 'CREATE TABLE n AS SELECT * FROM plain', 'SELECT * FROM n'], ends: 'ran' },
];

for (const mode of ['simple', 'extended'] as const) {
  t.test(`${mode} protocol`, async (t) => {
    for (const [at, { what, texts, ends }] of cases.entries()) {
      // One statement at a time; every third says enough, because both are judged in the same place.
      if (mode === 'extended' && (at % 3 > 0 || texts.some((text) => text.includes('; ')))) continue;
      await owner.query(`TRUNCATE victim; INSERT INTO victim VALUES (1); DROP VIEW IF EXISTS above, made, was, seen, bad CASCADE;
        CREATE VIEW bad AS SELECT cleanup() AS a; CREATE VIEW seen AS SELECT 1 AS a;
        CREATE VIEW above AS SELECT a FROM seen`);
      const client = new pg.Client({ connectionString: gateway.url('alice', 'db') });
      client.on('error', () => undefined);
      await client.connect();
      try {
        await client.query('COMMENT ON TABLE victim IS NULL'); // the catalogue is read again
        for (const text of texts.slice(0, -1)) {
          const came = await end(client, text, mode === 'extended' ? [] : undefined);
          if (came !== 'ran') t.fail(`${what}: ${text} was held`);
        }
        t.equal(await end(client, texts.at(-1) ?? '', mode === 'extended' ? [] : undefined), ends, what);
      } finally {
        await client.end();
      }
      t.equal((await owner.query<{ n: number }>('SELECT count(*)::int AS n FROM victim')).rows[0]?.n, 1, `${what}: nothing ran unasked`);
    }
  });
}
