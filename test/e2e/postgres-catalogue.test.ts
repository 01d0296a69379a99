// The catalogue of a PostgreSQL target is read again after every change, and nothing is judged by an old one, though its connection
// is kept and what has not changed is not read: beside a reader that begins anew each time, and with psql through the gateway.

import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import pg from 'pg';
import t from 'tap';
import { CatalogueSource } from '../../protocols/postgres/catalogue-source.ts';
import { cancelRequest } from '../../protocols/postgres/messages.ts';
import { signInWith, type Upstream } from '../../protocols/postgres/upstream.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import { catalogueAgeMsMax } from '../../src/core/catalogue-cache.ts';
import type { SqlCatalogue } from '../../src/core/catalogue.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Target } from '../../src/core/target.ts';
import { dial } from '../../src/targets/dial.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as wire from '../support/postgres-wire.ts';
import { WireClient } from '../support/postgres-wire.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const psql = tool('psql', 'postgresql-client');
const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };
const random = { bytes: (count: number) => randomBytes(count) };
const server = await startPostgres(t);
const owner = await server.connect();
const signal = () => AbortSignal.timeout(10_000);

const target = {
  name: 'db',
  protocol: 'postgres',
  host: server.host,
  port: server.port,
  user: server.user,
  password: new Secret(server.password),
  database: 'postgres',
  tls: { mode: 'disable', ca: null, certificate: null, key: null, serverName: null },
} as unknown as Target;
const services = { dial, random } as unknown as DriverServices;

const policy = `
policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: known, effects: { access: [read, session, write] }, decision: allow }
  - { id: definitions, effects: { verbs: [create, alter, drop], access: [unknown] }, decision: allow }
`;
const late = { extraMs: 0 };
const gateway = await startTestGateway(t, {
  targets: [targetOf(server, 'db', {})],
  policies: { 'p.yaml': policy },
  clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() + late.extraMs },
});

function noPooler(): never {
  throw new Error('there is no pooler');
}

function sourceOf(t: Teardown): { source: CatalogueSource; upstreams: Upstream[] } {
  const upstreams: Upstream[] = [];
  const signIn = async (until: AbortSignal) => {
    const upstream = await signInWith(services, target, 'postgres', { application_name: 'catalogue under test' }, until);
    upstreams.push(upstream);
    return upstream;
  };
  const source = new CatalogueSource(signIn, clock, random, noPooler);
  t.teardown(() => source.close());
  return { source, upstreams };
}

/** As somebody reads it who knows nothing from before. */
async function readAnew(t: Teardown): Promise<SqlCatalogue> {
  const { source } = sourceOf(t);
  const { content } = await source.load(signal());
  source.close();
  return content as SqlCatalogue;
}

const changes: readonly string[] = [
  'CREATE TABLE a (id int PRIMARY KEY, n text DEFAULT now()::text, g int GENERATED ALWAYS AS (id + 1) STORED)',
  'ALTER TABLE a ADD COLUMN b int',
  'ALTER TABLE a RENAME COLUMN b TO c',
  'ALTER TABLE a DROP COLUMN c',
  'CREATE VIEW v AS SELECT id, n FROM a',
  'CREATE VIEW w AS SELECT * FROM v',
  'ALTER TABLE a RENAME TO z',
  'ALTER TABLE z RENAME COLUMN n TO name',
  `CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END'`,
  `CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM z; RETURN 1; END'`,
  'CREATE VIEW x AS SELECT f() AS n',
  'ALTER FUNCTION f() RENAME TO ff',
  'ALTER FUNCTION ff() STABLE',
  `ALTER FUNCTION ff() SET search_path = 'pg_temp'`,
  'CREATE FUNCTION body() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM z; END',
  'ALTER TABLE z RENAME TO a',
  'CREATE SCHEMA s',
  'ALTER TABLE a SET SCHEMA s',
  'ALTER SCHEMA s RENAME TO r',
  `CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`,
  'CREATE TRIGGER t BEFORE INSERT ON r.a FOR EACH ROW EXECUTE FUNCTION tr()',
  'DROP TRIGGER t ON r.a',
  'CREATE RULE u AS ON UPDATE TO r.a DO INSTEAD NOTHING',
  'DROP RULE u ON r.a',
  'CREATE INDEX i ON r.a ((ff() + id))',
  'CREATE INDEX i ON r.a (id) WHERE id > 3',
  'CREATE POLICY p ON r.a USING (ff() > 0)',
  'ALTER POLICY p ON r.a USING (pg_backend_pid() > 0)',
  'DROP POLICY p ON r.a',
  'CREATE DOMAIN d AS int CHECK (VALUE > ff())',
  'ALTER DOMAIN d DROP CONSTRAINT d_check',
  `CREATE TYPE pair AS (one int, two d)`,
  'CREATE FUNCTION same(pair, pair) RETURNS boolean LANGUAGE sql RETURN true',
  'CREATE OPERATOR === (LEFTARG = pair, RIGHTARG = pair, FUNCTION = same)',
  'CREATE FUNCTION cast_it(pair) RETURNS int LANGUAGE sql RETURN 1',
  'CREATE CAST (pair AS int) WITH FUNCTION cast_it(pair)',
  'DROP CAST (pair AS int)',
  'CREATE TABLE whole (id int, n int) PARTITION BY LIST (id)',
  'CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)',
  'ALTER TABLE whole DETACH PARTITION part',
  'ALTER TABLE whole ALTER COLUMN n SET DEFAULT ff()',
  'ALTER TABLE whole ALTER COLUMN n DROP DEFAULT',
  'CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one',
  'CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)',
  'CREATE TYPE span AS RANGE (SUBTYPE = int)',
  'CREATE EXTENSION IF NOT EXISTS plpgsql',
  'VACUUM FULL pg_catalog.pg_class',
  'DROP VIEW x',
  'DROP FUNCTION body()',
  'DROP MATERIALIZED VIEW mv',
  'DROP TABLE whole, part',
  `ALTER ROLE postgres SET search_path = 'r'`,
  'ALTER ROLE postgres RESET search_path',
];

await t.test('after every kind of change it is what a reader from nothing sees, over a connection that stays', async (t) => {
  const { source, upstreams } = sourceOf(t);
  await source.load(signal());
  for (const change of changes) {
    if (change.startsWith('CREATE INDEX i ON r.a (id)')) await owner.query('DROP INDEX IF EXISTS r.i');
    await owner.query(change).catch((thrown: Error) => {
      // An index needs an immutable function; everything else has to work.
      if (!/IMMUTABLE/.test(thrown.message)) throw new Error(`${change}: ${thrown.message}`);
    });
    t.same((await source.load(signal())).content, await readAnew(t), change);
  }
  t.ok(upstreams.length < changes.length / 4, `${upstreams.length} sign-ins for ${changes.length} changes`);
});

await t.test('nothing is read when nothing has changed, and what does not matter gives the same catalogue', async (t) => {
  const { source, upstreams } = sourceOf(t);
  const first = await source.load(signal());
  await source.load(signal());
  const upstream = upstreams.at(-1) as Upstream;
  let readBytes = 0;
  upstream.stream.on('data', (chunk: Buffer) => (readBytes += chunk.length));
  t.equal(await source.load(signal()), first);
  const ofMarks = readBytes;
  await owner.query(`COMMENT ON FUNCTION ff() IS 'said'`);
  t.equal(await source.load(signal()), first);
  t.equal(readBytes, 2 * ofMarks, 'a comment has nothing read');
  await owner.query('GRANT SELECT ON r.a TO PUBLIC');
  t.equal(await source.load(signal()), first, 'what was read is equal');
  t.ok(readBytes > 3 * ofMarks);
});

await t.test('a view behind a lock is read again when the lock is gone, though that leaves no mark', async (t) => {
  const { source } = sourceOf(t);
  const other = await server.connect();
  const definition = async () =>
    ((await source.load(signal())).content as SqlCatalogue).relations.find(({ name }) => name === 'v')?.definition;
  await other.query('BEGIN; LOCK TABLE r.a IN ACCESS EXCLUSIVE MODE');
  t.equal(await definition(), undefined);
  await other.query('ROLLBACK');
  t.match(await definition(), /SELECT/);
  await other.end();
});

await t.test('a connection that the server ended is replaced, and one that nobody needs leaves the database', async (t) => {
  const { source, upstreams } = sourceOf(t);
  await source.load(signal());
  t.ok(upstreams[0]?.stream.writableEnded, 'one reading alone keeps none');
  await source.load(signal());
  const mine = `FROM pg_stat_activity WHERE application_name = 'catalogue under test' AND pid = ${upstreams[1]?.processId}`;
  await owner.query(`SELECT pg_terminate_backend(pid) ${mine}`);
  await owner.query('CREATE TABLE after_the_end ()');
  const { content } = await source.load(signal());
  t.ok((content as SqlCatalogue).relations.some(({ name }) => name === 'after_the_end'));
  t.equal(upstreams.length, 3);
  const left = `SELECT 1 FROM pg_stat_activity WHERE pid = ${upstreams[2]?.processId}`;
  await eventually('it has left', async () => (await owner.query(left)).rowCount === 0 || undefined);
});

await t.test('a function that begins to write is judged by what it does now, whoever changed it', async (t) => {
  const signIn = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: gateway.url('alice', 'db') });
    await client.connect();
    t.teardown(() => client.end());
    return client;
  };
  const [mine, others] = [await signIn(), await signIn()];
  const made = (body: string) => `CREATE OR REPLACE FUNCTION counted() RETURNS int LANGUAGE plpgsql AS 'BEGIN ${body} RETURN 1; END'`;
  const writes = made('DELETE FROM r.a;');
  const calls = () => mine.query('SELECT counted()').then(() => 'ran', (error: { code: string }) => error.code); // prettier-ignore
  await mine.query(made(''));
  t.equal(await calls(), 'ran');
  await mine.query(writes);
  t.equal(await calls(), '42501', 'by this session');
  await mine.query(made(''));
  t.equal(await calls(), 'ran');
  await others.query(writes);
  t.equal(await calls(), '42501', 'by another session');
  await others.query(made(''));
  t.equal(await calls(), 'ran');
  await owner.query(writes);
  late.extraMs += catalogueAgeMsMax + 1;
  t.equal(await calls(), '42501', 'elsewhere, and the age is over');
});

await t.test('what waits for the catalogue can be cancelled: a query, and the whole batch of an extended one', async (t) => {
  const login = { ...gateway.address('postgres'), user: 'alice', password: gateway.token('alice'), database: 'db' };
  const client = await WireClient.open(t, login);
  const locking = await server.connect();
  const cancelled = async (...messages: Buffer[]) => {
    late.extraMs += catalogueAgeMsMax + 1;
    client.send(...messages);
    await eventually('the catalogue is waited for', async () => {
      const waiting = await owner.query("SELECT 1 FROM pg_locks WHERE relation = 'pg_trigger'::regclass AND NOT granted");
      return waiting.rowCount === 1 || undefined;
    });
    const other = new WireClient(connect(login.port, login.host));
    other.send(cancelRequest(client.processId, client.secret));
    await other.closed();
  };
  await locking.query('BEGIN; LOCK TABLE pg_trigger IN ACCESS EXCLUSIVE MODE');
  await cancelled(wire.query('SELECT 1'), wire.query('SELECT 2'));
  t.match(wire.summary(await client.until('Z')), /^E57014\(.*\) ZI$/);
  await locking.query('ROLLBACK');
  t.equal(wire.summary(await client.until('Z')), 'T D C(SELECT 1) ZI', 'the next one waited, and ran');
  await client.query('BEGIN');
  await locking.query('BEGIN; LOCK TABLE pg_trigger IN ACCESS EXCLUSIVE MODE');
  await cancelled(wire.parse('', 'SELECT 3'), wire.bind('', ''), wire.execute(''), wire.sync);
  t.match(wire.summary(await client.until('Z')), /^E57014\(.*\) ZE$/);
  await locking.query('ROLLBACK');
  await client.query('ROLLBACK');
  t.equal(wire.summary(await client.query('SELECT 4')), 'T D C(SELECT 1) ZI');
});

await t.test('200 changes through psql are not many times slower than direct', async (t) => {
  const texts = Array.from({ length: 50 }, (_, i) => [
    `CREATE TABLE m${i} (id int PRIMARY KEY, a text);`,
    `ALTER TABLE m${i} ADD COLUMN b int;`,
    `CREATE INDEX ON m${i} (b);`,
    `DROP TABLE m${i};`,
  ]).flat();
  const timed = async (url: string): Promise<number> => {
    const startedMs = performance.now();
    const { code, stderr } = await run(t, psql, [url, '-X', '-q', '-v', 'ON_ERROR_STOP=1'], { input: texts.join('\n') });
    t.equal(code, 0, stderr);
    return performance.now() - startedMs;
  };
  const directMs = await timed(server.url());
  const throughMs = await timed(gateway.url('alice', 'db'));
  t.comment(`direct ${Math.round(directMs)} ms, through the gateway ${Math.round(throughMs)} ms`);
  // A sign-in and nine queries for each took 35 ms: 20 times what the statements took.
  t.ok(throughMs < 12 * directMs + 1_000, `${Math.round(throughMs)} ms beside ${Math.round(directMs)} ms`);
});

t.test('a pooler in between is noticed once: it named another process than the one that answers', async (t) => {
  let told = 0;
  const signIn = async (until: AbortSignal) => {
    const upstream = await signInWith(services, target, 'postgres', {}, until);
    return { ...upstream, processId: upstream.processId + 1 };
  };
  const source = new CatalogueSource(signIn, clock, random, () => told++);
  t.teardown(() => source.close());
  await source.load(signal());
  await server.sql('CREATE TABLE behind_a_pooler (a int)');
  await source.load(signal());
  t.equal(told, 1);
});
