// Masked columns and detectors through real clients of PostgreSQL: what a statement does to reach a hidden value must not show
// it, in text or binary, in a recording or an error; what has nothing hidden goes through as it is.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as wire from '../support/postgres-wire.ts';
import { rowsOf, summary, WireClient } from '../support/postgres-wire.ts';
import type { WireMessage } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const secret = 'zsecretz';
const server = await startPostgres(t, { from: 'debian' });
await server.sql(`
  CREATE TABLE customers (id int PRIMARY KEY, name text, email text, ssn varchar(11), born date, token uuid, score int, doc jsonb, code char(6));
  INSERT INTO customers VALUES
    (1, 'Ann', '${secret}@example.org', '123-45-6789', '1980-02-03', 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee', 42, '{"mail": "${secret}@example.org"}', 'abc'),
    (2, 'Bob', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
  CREATE TABLE orders (id int, customer int, note text);
  INSERT INTO orders VALUES (10, 1, 'write to ${secret}@example.org'), (11, 2, 'nothing');
  CREATE VIEW contacts AS SELECT id AS cid, lower(email) AS mail, name FROM customers;
  CREATE VIEW deep AS SELECT mail AS m, name AS n FROM contacts;
  CREATE MATERIALIZED VIEW stored AS SELECT email AS e, id FROM customers;
  CREATE TABLE parted (id int, email text) PARTITION BY RANGE (id);
  CREATE TABLE part_one PARTITION OF parted FOR VALUES FROM (0) TO (100);
  INSERT INTO parted VALUES (1, '${secret}@example.org');
  CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM customers WHERE id = $1';
  CREATE FUNCTION spread() RETURNS SETOF customers LANGUAGE sql STABLE AS 'SELECT * FROM customers';
  CREATE SEQUENCE counted;
  ANALYZE customers;
`);

const byColumn = `[{ columns: [customers.email, parted.email, ssn, customers.born, customers.token, customers.score, customers.doc, customers.code], with: partial }]`;
const policies = {
  'p.yaml': `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: by-column, targets: { names: [columns] }, decision: allow, record: { results: true }, mask: ${byColumn} }
  - { id: fixed, targets: { names: [fixed] }, decision: allow, mask: [{ columns: ['customers.*'], with: fixed }] }
  - { id: hash, targets: { names: [hash] }, decision: allow, mask: [{ columns: [email, token], with: hash }] }
  - { id: found, targets: { names: [found] }, decision: allow, record: { results: true }, mask: [{ detector: email, with: partial }] }
  - { id: blind, targets: { names: [blind] }, decision: allow, mask: [{ columns: [customers.email], predicates: deny }] }
  - { id: fenced, targets: { names: [fenced] }, decision: allow, fence: read-only, mask: [{ columns: [customers.email] }] }
`,
};
const names = ['columns', 'fixed', 'hash', 'found', 'blind', 'fenced'];
const gateway = await startTestGateway(t, { targets: names.map((name) => targetOf(server, name, {})), policies });

async function connect(target: string, types = true): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: gateway.url('alice', target),
    ssl: false,
    ...(types ? {} : { types: { getTypeParser: () => (v: unknown) => v } }),
  } as pg.ClientConfig);
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.end());
  return client;
}

async function wireTo(target: string): Promise<WireClient> {
  const { host, port } = gateway.address('postgres');
  return WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: target });
}

interface Evasion {
  readonly id: string;
  /** Texts one after the other, parted by ;; */
  readonly sql: string;
  /** Columns of the result that hold nothing hidden. */
  readonly clear?: readonly number[];
  /** Values that may be the same. */
  readonly constant?: readonly string[];
}

const corpus = readFileSync(join(import.meta.dirname, '../bypass/masking.jsonl'), 'utf8');
const evasions = corpus.trim().split('\n').map((line) => JSON.parse(line) as Evasion); // prettier-ignore

async function run(client: WireClient, text: string, extended: boolean): Promise<WireMessage[]> {
  if (!extended) return client.query(text);
  return client.cycle(wire.parse('', text), wire.bind('', ''), wire.execute(''), wire.sync);
}

/** Rows of all texts; nothing lasts. */
async function rowsThrough(client: WireClient, { sql }: Evasion, extended: boolean): Promise<{ rows: (string | null)[][]; seen: string }> {
  const messages: WireMessage[] = [];
  for (const text of sql.split(';;')) messages.push(...(await run(client, text, extended)));
  await client.query('ROLLBACK');
  const bytes = Buffer.concat(messages.map((it) => it.bytes)).toString('latin1');
  return { rows: rowsOf(messages), seen: bytes };
}

const direct = async () =>
  WireClient.open(t, { host: server.host, port: server.port, user: server.user, password: server.password, database: 'postgres' });
const reversed = [...secret].reverse().join('');

for (const target of ['columns', 'fenced'] as const) {
  t.test(`no way to a masked column shows what is in it (${target})`, async (t) => {
    const [client, own] = [await wireTo(target), await direct()];
    const changes = /UPDATE|INSERT|CREATE|INTO/;
    const fitting =
      target === 'columns'
        ? evasions
        : evasions.filter(({ sql }) => /email|mail/.test(sql) && !/doc|part_one/.test(sql) && !changes.test(sql));
    for (const evasion of fitting) {
      for (const extended of [false, true]) {
        const name = `${evasion.id}${extended ? ', extended' : ''}`;
        const [shown, real] = [
          await rowsThrough(client, evasion, extended),
          changes.test(evasion.sql) ? { rows: [] } : await rowsThrough(own, evasion, extended),
        ];
        for (const hidden of [secret, reversed, Buffer.from(secret).toString('hex')]) {
          if (shown.seen.toLowerCase().includes(hidden)) t.fail(`${name} shows the value: ${evasion.sql}`);
        }
        if (target === 'fenced') continue;
        for (const [at, row] of shown.rows.entries()) {
          for (const [column, cell] of row.entries()) {
            if (cell === null || cell !== real.rows[at]?.[column] || evasion.clear?.includes(column) || evasion.constant?.includes(cell))
              continue;
            t.fail(`${name} shows column ${column} as it is: ${cell}: ${evasion.sql}`);
          }
        }
      }
    }
    t.pass(`${fitting.length} ways`);
  });
}

t.test('what is not hidden goes as it is', async (t) => {
  const [client, own] = [await wireTo('columns'), await direct()];
  const clean = [
    'SELECT id, name FROM customers ORDER BY id',
    'SELECT upper(name), id * 2 FROM customers',
    'SELECT count(*), count(email) FROM customers',
    "SELECT count(*) FROM customers WHERE email LIKE 'z%'",
    'SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer',
    'SELECT n, name FROM deep JOIN contacts ON n = name',
    'WITH x AS (SELECT id, email FROM customers) SELECT id + 1 FROM x',
    'SELECT a FROM (SELECT id, email FROM customers) AS x(a, b)',
    'SELECT id FROM part_one',
    'SELECT 1, now() > now(), pg_backend_pid() > 0',
    'SELECT id, customer FROM orders',
    'SELECT * FROM generate_series(1, 3)',
    'SELECT relname FROM pg_class ORDER BY 1 LIMIT 3',
    'SELECT table_name FROM information_schema.tables LIMIT 0',
    'EXPLAIN (COSTS off) SELECT email FROM customers',
    'SHOW work_mem',
    'COPY orders (id, customer) TO STDOUT',
    'BEGIN; DECLARE k CURSOR FOR SELECT id, name || 1 FROM customers; FETCH ALL FROM k; COMMIT',
    'PREPARE q AS SELECT upper(name) FROM customers; EXECUTE q; DEALLOCATE q',
    'SELECT email FROM nothing_of_that_name',
  ];
  for (const sql of clean) {
    const [shown, real] = [await client.query(sql), await own.query(sql)];
    t.same(
      shown.map(({ bytes }) => bytes.toString('latin1')),
      real.map(({ bytes }) => bytes.toString('latin1')),
      sql,
    );
  }
});

t.test('every type has a legal value, in text and in binary', async (t) => {
  for (const target of ['columns', 'fixed', 'hash'] as const) {
    const client = await wireTo(target);
    for (const format of [0, 1]) {
      const bind = wire.bind('', '');
      const binary = Buffer.concat([bind.subarray(0, bind.length - 2), Buffer.from([0, 1, 0, format])]);
      binary.writeInt32BE(binary.length - 1, 1);
      const seen = await client.cycle(
        wire.parse('', 'SELECT * FROM customers ORDER BY id'),
        binary,
        wire.describe('P'),
        wire.execute(),
        wire.sync,
      );
      t.match(summary(seen), /^1 2 T D D C\(SELECT 2\) ZI$/, `${target}, format ${format}`);
      const [row, empty] = rowsOf(seen);
      t.ok(
        empty?.slice(2).every((cell) => cell === null),
        'NULL stays NULL',
      );
      t.equal(row?.length, 9);
      if (target !== 'hash') t.notOk(Buffer.concat(seen.map(({ bytes }) => bytes)).includes(secret));
    }
  }
  const fixed = await connect('fixed');
  const prepared = { name: 'all', text: 'SELECT * FROM customers ORDER BY id', values: [] };
  for (const again of [1, 2]) {
    const { rows } = await fixed.query<Record<string, unknown>>({ ...prepared, binary: again === 2 } as pg.QueryConfig);
    const [row] = rows;
    t.match(row, { id: 0, name: '***', email: '***', ssn: '***', score: 0, doc: '***' });
    if (again === 1) t.match(row, { token: /^0{8}-/, born: new Date(2000, 0, 1) });
    t.equal((row?.['code'] as string).length, 6, 'char(6) keeps its width');
  }
  const partial = await connect('columns');
  t.match((await partial.query('SELECT email, ssn, score FROM customers WHERE id = 1')).rows, [
    { email: 'z***@example.org', ssn: '***6789', score: null },
  ]);
  const hash = await connect('hash');
  const [one, two] = [
    await hash.query('SELECT email, token FROM customers ORDER BY id'),
    await hash.query('SELECT email FROM customers ORDER BY id'),
  ];
  t.match(one.rows[0], { email: /^[0-9a-f]{16}$/, token: /^[0-9a-f]{8}-[0-9a-f]{4}-/ });
  t.equal(one.rows[0].email, two.rows[0].email, 'the same value has the same hash');
});

t.test('portals in parts, names prepared once, parameters', async (t) => {
  const client = await wireTo('columns');
  const parts = await client.cycle(
    wire.parse('s', 'SELECT email, name FROM customers ORDER BY id'),
    ...[wire.bind('p', 's'), wire.execute('p', 1), wire.execute('p', 1), wire.execute('p', 1), wire.sync],
  );
  t.equal(summary(parts), '1 2 D s D s C(SELECT 0) ZI');
  t.same(rowsOf(parts), [
    ['z***@example.org', 'Ann'],
    [null, 'Bob'],
  ]);
  const again = await client.cycle(wire.bind('', 's'), wire.execute(), wire.sync);
  t.same(rowsOf(again), rowsOf(parts), 'without any description asked for');
  const lines = await connect('columns');
  t.same((await lines.query('SELECT email FROM customers WHERE id = $1', [1])).rows, [{ email: 'z***@example.org' }]);
});

t.test('detectors find it in any column', async (t) => {
  const client = await connect('found');
  t.same((await client.query('SELECT id, note FROM orders ORDER BY id')).rows, [
    { id: 10, note: 'write to z***@example.org' },
    { id: 11, note: 'nothing' },
  ]);
  t.same((await client.query("SELECT 'a@b.org' AS x, ARRAY['a@b.org'] AS y, '{\"k\": [\"c@d.org\"]}'::json AS z")).rows, [
    { x: 'a***@b.org', y: null, z: { k: ['c***@d.org'] } },
  ]);
  const own = await wireTo('found');
  t.match(summary(await own.query("SELECT 'me@example.org'::int")), /m\*\*\*@example\.org/);
  t.match(summary(await own.query('COPY orders TO STDOUT')), /E42501.*masked/);
});

t.test('predicates on masked columns are denied where the rule says so', async (t) => {
  const client = await wireTo('blind');
  for (const sql of [
    "SELECT id FROM customers WHERE email LIKE 'z%'",
    'SELECT id FROM customers ORDER BY email',
    'SELECT email FROM customers ORDER BY 1',
    'SELECT count(*) FROM customers GROUP BY email',
    'SELECT DISTINCT email FROM customers',
    'SELECT a.id FROM customers a JOIN customers b USING (email)',
    "SELECT cid FROM contacts WHERE mail > 'a'",
    "UPDATE customers SET name = 'x' WHERE email = 'y'",
  ]) {
    t.match(summary(await client.query(sql)), /^E42501\(.*masked.*\) ZI$/, sql);
  }
  t.match(summary(await client.query('SELECT id, email FROM customers WHERE id = 1 ORDER BY name')), /^T D C\(SELECT 1\) ZI$/);
});

t.test('recordings and logs hold what the client saw', async (t) => {
  await gateway.close();
  const files = readdirSync(gateway.dataDir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(gateway.dataDir, name))
    .filter((name) => statSync(name).isFile());
  t.ok(files.length > 0);
  const texts = new Set(evasions.flatMap(({ sql }) => sql.match(/zsecretz@example.org/g) ?? []));
  for (const file of files) {
    const found = readFileSync(file)
      .toString('latin1')
      .split('\n')
      .filter((line) => line.includes(`${secret}@`) && ![...texts].some((text) => line.includes(`'${text}'`)));
    t.same(
      found.map((line) => line.slice(0, 300)),
      [],
      file.slice(gateway.dataDir.length),
    );
  }
  t.notOk(JSON.stringify(gateway.log).includes(secret));
});
