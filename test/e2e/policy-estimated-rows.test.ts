// How many rows a statement would reach, as a fact of policies: real servers with 100,000 rows, psql and drivers asking, and rules that
// let few rows pass and hold many. What can't be known is held.

import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import t from 'tap';
import type { Test } from 'tap';
import type { AuditEventView, HoldView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { startPostgres } from '../support/postgres.ts';

const policy = `
policy: rows
rules:
  - id: few
    title: Few rows may be changed
    decision: allow
    actions: [statement]
    effects: { access: [write] }
    when: action.estimated_rows < 1000
  - id: many
    title: Many rows wait
    decision: hold
    actions: [statement]
    effects: { verbs: [update, delete, insert, truncate, drop, export] }
    when: action.estimated_rows >= 1000
    approvers: { groups: [dba] }
  - id: large-reads
    title: Large reads wait
    decision: hold
    actions: [statement]
    effects: { verbs: [read], access: [read] }
    when: action.estimated_rows >= 20000.0
    approvers: { groups: [dba] }
  - id: reads
    title: Reads
    decision: allow
    actions: [statement]
    effects: { access: [read, session] }
  - id: connect
    title: Connect
    decision: allow
    actions: [connect]
`;

/** A text, its parameters, what comes of it, and the estimate (null: not known). */
type Case = readonly [string, readonly unknown[] | null, 'ran' | 'held', ((rows: number) => boolean) | null];

interface Said {
  readonly ruling: 'ran' | 'held';
  readonly estimate: unknown;
}

/** What the audit log says of this text: its last release or hold. */
async function judgedAs(gateway: TestGateway, text: string): Promise<Said> {
  const lines = await eventually(`the audit log has ${text}`, async () => {
    const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?limit=50');
    const found = body.items
      .filter((it) => it.type === 'action.released' || it.type === 'action.held')
      .filter((it) => it.detail['text'] === text);
    return found.length > 0 ? found : undefined;
  });
  const [last] = lines;
  return { ruling: last?.type === 'action.held' ? 'held' : 'ran', estimate: last?.detail['estimated_rows'] };
}

/** Runs it; a hold is denied. Says what was judged. */
async function rulingOf(gateway: TestGateway, text: string, running: Promise<unknown>): Promise<Said> {
  const bob = gateway.api('bob');
  let over = false;
  const ended = running.then(
    () => null,
    (error: Error) => error,
  );
  void ended.then(() => (over = true));
  await eventually('it ran, or waits', async () => {
    const { body } = await bob.get<Page<HoldView>>('/holds?state=pending');
    for (const { id } of body.items) await bob.post(`/holds/${id}/deny`, { reason: 'no' });
    return over || undefined;
  });
  const error = await ended;
  const said = await judgedAs(gateway, text);
  if (said.ruling === 'ran' && error !== null) throw new Error(`${text}: ${error.message}`);
  return said;
}

async function judge(
  t: Test,
  gateway: TestGateway,
  cases: readonly Case[],
  ask: (text: string, values: readonly unknown[] | null) => Promise<unknown>,
): Promise<void> {
  for (const [text, values, ruling, isRight] of cases) {
    const said = await rulingOf(gateway, text, ask(text, values));
    t.equal(said.ruling, ruling, text, { said });
    t.ok(isRight === null ? said.estimate === null : isRight(Number(said.estimate)), `${text}: estimated ${JSON.stringify(said.estimate)}`);
  }
}

/** Of 100,000 rows; dead ones of transactions that were rolled back blur it. */
const large = (rows: number): boolean => rows > 90_000 && rows < 200_000;

t.test('PostgreSQL', async (t) => {
  const server = await startPostgres(t);
  await server.sql(`
    CREATE TABLE parts (id int PRIMARY KEY, state text, made timestamptz, note text);
    INSERT INTO parts SELECT n, CASE WHEN n % 1000 = 0 THEN 'rare' ELSE 'usual' END, timestamptz '2026-01-01' + n * interval '1 minute', 'n' || n
      FROM generate_series(1, 100000) n;
    CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners SELECT generate_series(1, 100);
    CREATE TABLE owned (id int PRIMARY KEY, owner int REFERENCES owners ON DELETE CASCADE);
    INSERT INTO owned SELECT n, n % 100 + 1 FROM generate_series(1, 50000) n;
    CREATE TABLE archive (LIKE parts);
    CREATE VIEW all_parts AS SELECT * FROM parts;
    CREATE TABLE fresh (id int PRIMARY KEY);
    CREATE TABLE victim (id int); INSERT INTO victim VALUES (1);
    CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql VOLATILE AS 'BEGIN DELETE FROM public.victim; RETURN 1; END';
    CREATE FUNCTION lying(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM public.wipe(); RETURN 1; END';
    CREATE TABLE trap (id int); INSERT INTO trap VALUES (1);
    CREATE INDEX ON trap ((id + lying(1))); DELETE FROM victim; INSERT INTO victim VALUES (1);
    ANALYZE parts; ANALYZE owners; ANALYZE owned; ANALYZE archive; ANALYZE trap;
  `);
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'parts', {})], policies: { 'rows.yaml': policy } });
  const client = new pg.Client({ connectionString: gateway.url('alice', 'parts') });
  client.on('error', () => undefined);
  await client.connect();
  t.teardown(() => client.end());
  const cases: readonly Case[] = [
    ['DELETE FROM parts WHERE id IN (1, 2, 3)', null, 'ran', (it) => it === 3],
    ['DELETE FROM parts WHERE id < 4', null, 'ran', (it) => it < 100],
    ['DELETE FROM parts', null, 'held', large],
    ['DELETE FROM parts WHERE id = $1', [7], 'ran', (it) => it === 1],
    ['DELETE FROM parts WHERE id < $1', [50_000], 'held', (it) => it > 40_000],
    ['DELETE FROM parts WHERE id < $1', [10], 'ran', (it) => it < 100],
    ["UPDATE parts SET note = '' WHERE state = 'rare'", null, 'ran', (it) => it > 20 && it < 400],
    ["UPDATE parts SET note = '' WHERE state = $1", ['usual'], 'held', (it) => it > 90_000],
    ["DELETE FROM parts WHERE md5(note) = 'x'", null, 'held', large],
    ['DELETE FROM parts WHERE id = 5 OR true', null, 'held', large],
    ['INSERT INTO archive SELECT * FROM parts WHERE id < 20', null, 'ran', (it) => it < 100],
    ['INSERT INTO archive SELECT * FROM parts', null, 'held', large],
    ['INSERT INTO archive SELECT * FROM parts LIMIT 10', null, 'ran', (it) => it === 10],
    ["INSERT INTO archive VALUES (1, 'a'), (2, 'b')", null, 'ran', (it) => it === 2],
    ['TRUNCATE parts', null, 'held', large],
    ['DROP TABLE archive', null, 'ran', (it) => it < 1000],
    ['DELETE FROM owners WHERE id = 5', null, 'held', null],
    ['DELETE FROM owned WHERE id = 5', null, 'ran', (it) => it === 1],
    ['DELETE FROM all_parts WHERE id = 5', null, 'held', null],
    ['WITH gone AS (DELETE FROM parts RETURNING id) DELETE FROM owned WHERE id = 5', null, 'held', null],
    ['DELETE FROM owned WHERE id = 5; DELETE FROM parts', null, 'held', large],
    ['SELECT * FROM parts', null, 'held', large],
    ['SELECT * FROM parts LIMIT 5', null, 'ran', (it) => it === 5],
    ['SELECT count(*) FROM parts', null, 'ran', (it) => it === 1],
    ['SELECT * FROM parts WHERE id = 9 UNION ALL SELECT * FROM parts', null, 'held', large],
    ['SELECT * FROM parts, owners LIMIT 3', null, 'ran', (it) => it === 3],
    ['SELECT generate_series(1, 100000), id FROM owners', null, 'held', null],
    ['WITH few AS (SELECT * FROM parts WHERE id < 5) SELECT * FROM few', null, 'ran', (it) => it < 100],
    ['SELECT 1', null, 'ran', (it) => it === 1],
    ['COPY parts TO STDOUT', null, 'held', large],
  ];
  await judge(t, gateway, cases, async (text, values) => {
    await client.query('BEGIN');
    try {
      await (values === null ? client.query(text) : client.query(text, [...values]));
    } finally {
      await client.query('ROLLBACK');
    }
  });

  await t.test('rows that the transaction itself added count', async (t) => {
    await client.query('BEGIN');
    for (let at = 0; at < 12; at += 1) {
      await client.query(`INSERT INTO fresh VALUES ${Array.from({ length: 900 }, (_, n) => `(${at * 900 + n})`).join(', ')}`);
    }
    const said = await rulingOf(gateway, 'DELETE FROM fresh', client.query('DELETE FROM fresh'));
    t.equal(said?.ruling, 'held', JSON.stringify(said));
    await client.query('ROLLBACK');
  });

  await t.test('rows that came after the statistics are expected above what they know', async (t) => {
    await server.sql(`CREATE TABLE growing (id int PRIMARY KEY); INSERT INTO growing SELECT generate_series(1, 10000); ANALYZE growing;
      ALTER TABLE growing SET (autovacuum_enabled = false); INSERT INTO growing SELECT generate_series(10001, 30000)`);
    const above = 'DELETE FROM growing WHERE id > 10000 AND id < 30001';
    t.match(await rulingOf(gateway, above, client.query(above)), { ruling: 'held' });
    const below = 'DELETE FROM growing WHERE id > 2 AND id < 6';
    t.match(await rulingOf(gateway, below, client.query(below)), { ruling: 'ran' });
  });

  await t.test('nothing runs for an estimate, and nobody waits for one', async (t) => {
    await rulingOf(gateway, 'DELETE FROM trap WHERE id = 1', client.query('DELETE FROM trap WHERE id = 1'));
    t.equal((await server.sql('SELECT count(*)::int AS n FROM victim'))[0]?.['n'], 1, 'no code of the table ran before it was allowed');
    const other = await server.connect();
    await other.query('BEGIN; LOCK TABLE parts IN ACCESS EXCLUSIVE MODE');
    const said = await rulingOf(gateway, 'DELETE FROM parts WHERE id = 3', client.query('DELETE FROM parts WHERE id = 3'));
    t.match(said, { ruling: 'held', estimate: null }, 'a table that somebody has to himself is not known');
    await other.query('ROLLBACK');
    await other.end();
  });
});

t.test('MariaDB', async (t) => {
  const server = await startMariadb(t);
  await server.sql(`
    CREATE TABLE parts (id int PRIMARY KEY, state varchar(20), code varchar(20), note varchar(20), KEY (state), KEY (code));
    INSERT INTO parts SELECT seq, IF(seq % 1000 = 0, 'rare', 'usual'), CONCAT('c', seq), 'n' FROM seq_1_to_100000;
    CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners SELECT seq FROM seq_1_to_100;
    CREATE TABLE owned (id int PRIMARY KEY, owner int, FOREIGN KEY (owner) REFERENCES owners (id) ON DELETE CASCADE);
    CREATE TABLE archive LIKE parts;
    CREATE VIEW all_parts AS SELECT * FROM parts;
    ANALYZE TABLE parts, owners, owned`);
  const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'parts', {})], policies: { 'rows.yaml': policy } });
  const { port } = gateway.address('mysql');
  const to = { host: '127.0.0.1', port, user: 'alice:parts', password: gateway.token('alice'), database: 'shop', multipleStatements: true };
  const client = await createConnection(to);
  t.teardown(() => client.destroy());
  const cases: readonly Case[] = [
    ['DELETE FROM parts WHERE id IN (1, 2, 3)', null, 'ran', (it) => it === 3],
    ['DELETE FROM parts WHERE id < 4', null, 'ran', (it) => it < 10],
    ['DELETE FROM parts WHERE id BETWEEN 1 AND 3 AND id <> 2', null, 'ran', (it) => it < 10],
    ['DELETE FROM parts WHERE id NOT BETWEEN 1 AND 3', null, 'held', (it) => it > 90_000],
    ['DELETE FROM parts', null, 'held', (it) => it > 90_000],
    ['DELETE FROM parts LIMIT 5', null, 'ran', (it) => it === 5],
    ['DELETE FROM parts WHERE id = ?', [7], 'ran', (it) => it === 1],
    ['DELETE FROM parts WHERE id < ?', [50_000], 'held', (it) => it > 20_000],
    ['DELETE FROM parts WHERE id < ?', [10], 'ran', (it) => it < 20],
    ["UPDATE parts SET note = '' WHERE state = 'rare'", null, 'ran', (it) => it < 400],
    ['UPDATE parts SET note = ? WHERE state = ?', ['', 'usual'], 'held', (it) => it > 20_000],
    ["DELETE FROM parts WHERE note = 'x'", null, 'held', (it) => it > 90_000],
    ["DELETE FROM parts WHERE code = 'c77'", null, 'ran', (it) => it === 1],
    ['DELETE FROM parts WHERE code = 0', null, 'held', (it) => it > 90_000], // every text that is no number equals 0
    ['DELETE FROM parts WHERE id = 5 OR 1 = 1', null, 'held', (it) => it > 90_000],
    ['DELETE FROM parts WHERE NOT (id > 3 AND LENGTH(note) > 0)', null, 'held', (it) => it > 90_000],
    ['INSERT INTO archive SELECT * FROM parts WHERE id < 20', null, 'ran', (it) => it < 40],
    ['INSERT INTO archive SELECT * FROM parts', null, 'held', (it) => it > 90_000],
    ['INSERT INTO archive (id) VALUES (1), (2)', null, 'ran', (it) => it === 2],
    ['TRUNCATE parts', null, 'held', (it) => it > 90_000],
    ['DELETE FROM owners WHERE id = 5', null, 'held', null],
    ['DELETE FROM all_parts WHERE id = 5', null, 'held', null],
    ['DELETE parts FROM parts, owners WHERE parts.id = owners.id', null, 'held', (it) => it > 90_000],
    ['SELECT * FROM parts', null, 'held', (it) => it > 90_000],
    ['SELECT * FROM parts LIMIT 2, 5', null, 'ran', (it) => it === 5],
    ['SELECT COUNT(*) FROM parts', null, 'ran', (it) => it === 1],
    ['SELECT p.* FROM parts p JOIN owners o ON o.id = p.id', null, 'held', (it) => it > 90_000],
    ['SELECT * FROM (SELECT * FROM parts) x', null, 'held', null],
  ];
  await judge(t, gateway, cases, async (text, values) => {
    await client.beginTransaction();
    try {
      await (values === null ? client.query(text) : client.execute(text, values as (string | number)[]));
    } finally {
      await client.rollback();
    }
  });
});
