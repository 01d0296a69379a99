// Masked columns and detectors through real clients of MariaDB: what a statement does to reach a hidden value must not show it,
// in rows of text or binary, in warnings or errors; what has nothing hidden goes through as it is.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import t from 'tap';
import { readPacket } from '../../protocols/mysql/byte-stream.ts';
import { extendedFlag, flag } from '../../protocols/mysql/capabilities.ts';
import { framed } from '../../protocols/mysql/codec.ts';
import { query } from '../../protocols/mysql/messages.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { rawClient, wireSignal } from '../support/mysql-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const secret = 'zsecretz';
const server = await startMariadb(t);
const setup = [
  'CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), email varchar(60), born date, score int NOT NULL DEFAULT 7, doc json)',
  `INSERT INTO customers VALUES (1, 'Ann', '${secret}@example.org', '1980-02-03', 42, '{"a": 1}'), (2, 'Bob', NULL, NULL, 43, NULL)`,
  'CREATE TABLE copies LIKE customers',
  'CREATE TABLE orders (id int, customer int, note varchar(80))',
  `INSERT INTO orders VALUES (10, 1, 'write to ${secret}@example.org'), (11, 2, 'nothing')`,
  'CREATE VIEW contacts AS SELECT id AS cid, lower(email) AS mail, name FROM customers',
  'CREATE VIEW deep AS SELECT mail AS m, name AS n FROM contacts',
  'CREATE VIEW plainly AS SELECT id, email AS e FROM customers',
  'CREATE ALGORITHM=TEMPTABLE VIEW tempted AS SELECT id, email AS e FROM customers',
  'CREATE FUNCTION mail_of(x int) RETURNS varchar(60) READS SQL DATA RETURN (SELECT email FROM customers WHERE id = x)',
  'CREATE PROCEDURE show_all() SELECT * FROM customers',
  'ANALYZE TABLE customers PERSISTENT FOR ALL',
];
for (const text of setup) await server.sql(text);

const policy = `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: by-column, targets: { names: [columns] }, decision: allow, understood: true, record: { results: true }, mask: [{ columns: [customers.email, copies.email, born, score, doc] }] }
  - { id: fixed, targets: { names: [fixed] }, decision: allow, mask: [{ columns: ['customers.*'], with: fixed }] }
  - { id: found, targets: { names: [found] }, decision: allow, record: { results: true }, mask: [{ detector: email }] }
  - { id: blind, targets: { names: [blind] }, decision: allow, mask: [{ columns: [customers.email], predicates: deny }] }
`;
const names = ['columns', 'fixed', 'found', 'blind'];
const gateway = await startTestGateway(t, {
  targets: names.map((name) => mariadbTarget(server, name, {})),
  policies: { 'p.yaml': policy },
});

async function connect(target: string): Promise<Connection> {
  const { port } = gateway.address('mysql');
  const client = await createConnection({
    host: '127.0.0.1',
    port,
    user: `alice:${target}`,
    password: gateway.token('alice'),
    rowsAsArray: true,
    dateStrings: true,
  });
  t.teardown(() => client.end());
  return client;
}

interface Evasion {
  readonly id: string;
  readonly sql: string;
  readonly clear?: readonly number[];
}
const corpus = readFileSync(join(import.meta.dirname, '../bypass/masking-mysql.jsonl'), 'utf8');
const evasions = corpus.trim().split('\n').map((line) => JSON.parse(line) as Evasion); // prettier-ignore
const changes = /INSERT|UPDATE|CREATE|DELETE|HANDLER/;

async function run(client: Connection, method: 'query' | 'execute', text: string): Promise<[RowDataPacket[][]]> {
  const [rows] = method === 'query' ? await client.query<RowDataPacket[][]>(text) : await client.execute<RowDataPacket[][]>(text);
  return [rows];
}

async function rowsOf(client: Connection, { sql }: Evasion, prepared: boolean): Promise<{ rows: unknown[][]; seen: string }> {
  const rows: unknown[][] = [];
  const seen: unknown[] = [];
  for (const text of sql.split(';;')) {
    try {
      const [result] = prepared ? await client.execute<RowDataPacket[][]>(text) : await client.query<RowDataPacket[][]>(text);
      seen.push(result);
      if (Array.isArray(result)) rows.push(...(Array.isArray(result[0]?.[0]) ? (result[0] as unknown[][]) : (result as unknown[][])));
    } catch (thrown) {
      seen.push((thrown as Error).message);
    }
  }
  return { rows, seen: JSON.stringify(seen) };
}

t.test('no way to a masked column shows what is in it', async (t) => {
  const client = await connect('columns');
  const own = await createConnection({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: 'shop',
    rowsAsArray: true,
    dateStrings: true,
  });
  t.teardown(() => own.end());
  const reversed = [...secret].reverse().join('');
  for (const evasion of evasions) {
    for (const prepared of [false, true]) {
      const name = `${evasion.id}${prepared ? ', prepared' : ''}`;
      const shown = await rowsOf(client, evasion, prepared);
      const real = changes.test(evasion.sql) ? { rows: [] } : await rowsOf(own, evasion, prepared);
      const text = shown.seen.toLowerCase();
      for (const hidden of [secret, reversed, Buffer.from(secret).toString('hex')]) {
        if (text.replaceAll(evasion.sql.toLowerCase(), '').includes(hidden))
          t.fail(`${name} shows the value: ${evasion.sql}: ${shown.seen.slice(0, 300)}`);
      }
      for (const [at, row] of shown.rows.entries()) {
        if (!Array.isArray(row)) continue;
        for (const [column, cell] of row.entries()) {
          if (cell === null || JSON.stringify(cell) !== JSON.stringify(real.rows[at]?.[column]) || evasion.clear?.includes(column))
            continue;
          t.fail(`${name} shows column ${column} as it is: ${String(cell)}: ${evasion.sql}`);
        }
      }
    }
  }
  t.pass(`${evasions.length} ways`);
});

t.test('what is not hidden goes as it is', async (t) => {
  const client = await connect('columns');
  const own = await createConnection({
    host: server.host,
    port: server.port,
    user: server.user,
    password: server.password,
    database: 'shop',
    rowsAsArray: true,
  });
  t.teardown(() => own.end());
  for (const sql of [
    'SELECT id, name FROM customers ORDER BY id',
    'SELECT upper(name), id * 2 FROM customers',
    'SELECT count(*), count(email) FROM customers',
    "SELECT count(*) FROM customers WHERE email LIKE 'z%'",
    'SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer',
    'SELECT n FROM deep',
    'SELECT cid, upper(name) FROM contacts',
    'SELECT id, concat(customer) FROM orders',
    'SHOW TABLES',
    'SELECT 1, now() > 0',
  ]) {
    for (const prepared of [false, true]) {
      t.same((await rowsOf(client, { id: '', sql }, prepared)).rows, (await rowsOf(own, { id: '', sql }, prepared)).rows, sql);
    }
  }
});

t.test('every type has a legal value, in text and in binary', async (t) => {
  for (const method of ['query', 'execute'] as const) {
    const fixed = await connect('fixed');
    const [rows] = await run(fixed, method, 'SELECT * FROM customers ORDER BY id');
    t.same(rows[0], [0, '***', '***', '2000-01-01', 0, '***'], method);
    t.same(rows[1], [0, '***', null, null, 0, null], method);
    const partial = await connect('columns');
    const [some] = await run(partial, method, 'SELECT id, email, born, score FROM customers ORDER BY id');
    t.same(
      some,
      [
        [1, 'z***@example.org', null, null],
        [2, null, null, null],
      ],
      method,
    );
  }
});

t.test('detectors, errors and predicates', async (t) => {
  const found = await connect('found');
  for (const method of ['query', 'execute'] as const) {
    const [rows] = await run(found, method, 'SELECT id, note FROM orders WHERE id < 12 ORDER BY id');
    t.same(rows, [
      [10, 'write to z***@example.org'],
      [11, 'nothing'],
    ]);
  }
  const blind = await connect('blind');
  for (const sql of [
    "SELECT id FROM customers WHERE email LIKE 'z%'",
    'SELECT id FROM customers ORDER BY email',
    'SELECT DISTINCT email FROM customers',
    "UPDATE customers SET name = 'x' WHERE email = 'y'",
    "DELETE FROM customers WHERE email = 'y'",
  ]) {
    await t.rejects(blind.query(sql), { errno: 1142, message: /masked/ }, sql);
  }
  const [rows] = await blind.query<RowDataPacket[][]>('SELECT id, email FROM customers WHERE id = 1');
  t.same(rows, [[1, 'z***@example.org']]);
});

t.test('a client that hears that a text is JSON reads JSON in its place', async (t) => {
  const signIn = { port: gateway.address('mysql').port, user: 'alice:columns', password: gateway.token('alice') };
  const capabilities = { standard: flag.deprecateEof, extended: extendedFlag.extendedMetadata };
  const { stream } = await rawClient(t, { ...signIn, capabilities });
  stream.write(framed(query('SELECT doc FROM customers WHERE id = 1'), 0));
  const answer: string[] = [];
  for (let sequence = 1; sequence <= 4; sequence += 1)
    answer.push((await readPacket(stream, sequence, 0xffffff, wireSignal)).payload.toString('latin1'));
  t.match(answer[1], /json/);
  t.equal(answer[2], '\x05"***"');
});

t.test('recordings and logs hold what the client saw', async (t) => {
  await gateway.close();
  const files = readdirSync(gateway.dataDir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(gateway.dataDir, name))
    .filter((name) => statSync(name).isFile());
  for (const file of files) {
    const lines = readFileSync(file).toString('latin1').split('\n');
    t.same(
      lines.filter((line) => line.includes(`${secret}@`) && !line.includes(`VALUES (50, '${secret}@`)).map((line) => line.slice(0, 400)),
      [],
      file.slice(gateway.dataDir.length),
    );
  }
});
