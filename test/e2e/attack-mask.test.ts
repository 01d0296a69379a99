// Ways to a masked value that were tried beyond test/bypass/masking.jsonl: what the server says while it runs, what it computed
// earlier, and names that resolve elsewhere.

import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as wire from '../support/postgres-wire.ts';
import { WireClient } from '../support/postgres-wire.ts';

t.setTimeout(170_000); // a busy machine takes its time

const secret = 'zsecretz';
const server = await startPostgres(t, { from: 'debian' });
await server.sql(`
  CREATE TABLE customers (id int PRIMARY KEY, name text, email text, shout text GENERATED ALWAYS AS (upper(email)) STORED);
  INSERT INTO customers VALUES (1, 'Ann', '${secret}'), (2, 'Bob', NULL);
  CREATE TABLE vip () INHERITS (customers);
  INSERT INTO vip VALUES (3, 'Cyd', '${secret}');
  CREATE TABLE orders (id int, customer int, note text);
  INSERT INTO orders VALUES (1, 1, 'x');
  CREATE INDEX ON customers (upper(email));
  CREATE FUNCTION leak(customers) RETURNS text LANGUAGE sql STABLE AS 'SELECT $1.email';
  CREATE FUNCTION opened() RETURNS refcursor LANGUAGE plpgsql STABLE AS 'DECLARE c refcursor := ''open_one''; BEGIN OPEN c FOR SELECT email FROM customers WHERE id = 1; RETURN c; END';
  CREATE TYPE pair AS (note text, email text);
  CREATE FUNCTION outs(OUT note text, OUT b text) LANGUAGE sql STABLE AS 'SELECT ''n'', email FROM customers WHERE id = 1';
  CREATE FUNCTION raised() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RAISE EXCEPTION ''%'', (SELECT email FROM customers WHERE id = 1) USING ERRCODE = ''42501''; END';
  CREATE FUNCTION raised2() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RAISE EXCEPTION ''%'', (SELECT email FROM customers WHERE id = 1) USING ERRCODE = ''57014''; END';
  ANALYZE;
`);
const gateway = await startTestGateway(t, {
  targets: [targetOf(server, 'orders', {})],
  policies: {
    'p.yaml': `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: all, decision: allow, mask: [{ columns: [customers.email], with: fixed }] }
`,
  },
});

const texts = [
  'SELECT email::regclass FROM customers WHERE id = 1',
  'SELECT id FROM customers WHERE email::regclass = 1',
  'SELECT email::regtype FROM customers WHERE id = 1',
  'SELECT email::regrole FROM customers WHERE id = 1',
  'SELECT email::regnamespace FROM customers WHERE id = 1',
  'SELECT email::regproc FROM customers WHERE id = 1',
  'SELECT email::regconfig FROM customers WHERE id = 1',
  'SELECT email::regcollation FROM customers WHERE id = 1',
  "SELECT has_table_privilege(email, 'select') FROM customers WHERE id = 1",
  "SELECT has_schema_privilege(email, 'usage') FROM customers WHERE id = 1",
  'SELECT current_setting(email) FROM customers WHERE id = 1',
  'SELECT timezone(email, now()) FROM customers WHERE id = 1',
  'SELECT date_trunc(email, now()) FROM customers WHERE id = 1',
  'SELECT nextval(email) FROM customers WHERE id = 1',
  "SELECT pg_get_serial_sequence(email, 'x') FROM customers WHERE id = 1",
  "SELECT convert_to('x', email) FROM customers WHERE id = 1",
  "SELECT encode('x', email) FROM customers WHERE id = 1",
  "SELECT normalize('x', 'NFC') FROM customers WHERE email::regclass = 1",
  'SELECT leak(c) FROM customers c',
  'SELECT c.leak FROM customers c',
  'SELECT (c).leak FROM customers c',
  'SELECT shout FROM customers',
  'SELECT lower(shout) FROM customers',
  'SELECT email FROM vip',
  'SELECT shout FROM vip',
  'SELECT e FROM (SELECT * FROM vip) v(a, b, e)',
  'SELECT * FROM customers AS c(email, x, name)',
  'SELECT name FROM customers AS c(email, x, name)',
  'SELECT note FROM customers AS orders(id, customer, note)',
  'BEGIN;; SELECT opened();; FETCH ALL FROM open_one;; COMMIT',
  'BEGIN; SELECT opened(); FETCH ALL FROM open_one; COMMIT',
  'SELECT note FROM outs()',
  'SELECT b FROM outs()',
  'SELECT * FROM outs() AS o(id, note)',
  'SELECT (outs()).*',
  'SELECT * FROM json_populate_record(NULL::pair, (SELECT to_json(c) FROM customers c WHERE id = 1))',
  "SELECT note FROM json_to_record((SELECT json_build_object('note', email) FROM customers WHERE id = 1)) AS orders(note text)",
  'SELECT note FROM (SELECT email FROM customers) AS orders(note)',
  'SELECT note FROM orders, LATERAL (SELECT email FROM customers) AS x(customer) WHERE false UNION ALL SELECT customer FROM orders, LATERAL (SELECT email FROM customers) AS x(customer)',
  'SELECT raised()',
  'SELECT raised2()',
  'SELECT 1 WHERE raised() = 1',
  "SELECT most_common_vals FROM pg_stats WHERE tablename LIKE 'customers%'",
  "SELECT stavalues1::text FROM pg_statistic WHERE stavalues1::text LIKE '%z%'",
  'SELECT * FROM pg_statistic',
  'SELECT histogram_bounds::text FROM pg_stats',
  "SELECT * FROM JSON_TABLE((SELECT json_agg(email) FROM customers), '$[*]' COLUMNS (note text PATH '$'))",
  "SELECT x.* FROM XMLTABLE('/a' PASSING (SELECT xmlelement(name a, email) FROM customers WHERE id = 1) COLUMNS note text PATH '.') x",
  'WITH customers AS (SELECT email AS id FROM customers) SELECT id FROM customers',
  'WITH RECURSIVE orders AS (SELECT email AS note FROM customers UNION SELECT note FROM orders) SELECT note FROM orders',
  'SELECT (SELECT note FROM (SELECT email AS note FROM customers c2 WHERE c2.id = o.id) orders) FROM orders o',
  'SELECT o.note FROM orders o NATURAL JOIN (SELECT id, email AS note FROM customers) c',
  'MERGE INTO orders USING customers c ON orders.id = c.id WHEN MATCHED THEN UPDATE SET customer = 1 RETURNING c.email',
  'UPDATE orders SET customer = 1 FROM customers c RETURNING c.*',
  'DELETE FROM orders USING customers c WHERE orders.id = c.id RETURNING upper(c.email)',
  'CREATE TEMP VIEW v AS SELECT email AS note FROM customers;; SELECT note FROM v',
  'CREATE VIEW pv AS SELECT email AS note FROM customers;; SELECT note FROM pv',
  'BEGIN;; CREATE VIEW orders2 AS SELECT email AS note FROM customers;; SELECT note FROM orders2;; ROLLBACK',
  'BEGIN; CREATE VIEW orders3 AS SELECT email AS note FROM customers; SELECT note FROM orders3; ROLLBACK',
  'BEGIN;; ALTER TABLE customers RENAME email TO note;; SELECT note FROM customers;; ROLLBACK',
  'BEGIN;; ALTER TABLE customers RENAME TO orders9;; SELECT email FROM orders9;; ROLLBACK',
  'CREATE TEMP TABLE orders8 AS TABLE customers;; SELECT * FROM orders8',
  "CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE sql AS 'SELECT email FROM customers WHERE id = 1';; SELECT pg_temp.f()",
  "DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM customers WHERE id = 1); END $$",
  "DO $$ BEGIN RAISE EXCEPTION '%', (SELECT email FROM customers WHERE id = 1) USING ERRCODE = '42501'; END $$",
  "DO $$ BEGIN PERFORM set_config('a.b', (SELECT email FROM customers WHERE id = 1), false); END $$;; SHOW a.b",
  "DO $$ DECLARE x text := (SELECT email FROM customers WHERE id = 1); BEGIN EXECUTE 'CREATE TEMP TABLE ' || quote_ident(x) || '(i int)'; END $$;; SELECT relname FROM pg_class WHERE relname LIKE 'z%'",
  'DO $$ BEGIN UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1); END $$;; SELECT note FROM orders',
  'SET debug_print_parse = on; SET client_min_messages = log; SELECT email FROM customers',
  'SET client_min_messages = debug5;; SELECT email FROM customers WHERE id = 1',
  'EXPLAIN (ANALYZE, VERBOSE) SELECT upper(email) FROM customers',
  'EXPLAIN SELECT * FROM orders WHERE note = (SELECT email FROM customers WHERE id = 1)',
  'PREPARE q AS SELECT upper(email) FROM customers;; EXPLAIN ANALYZE EXECUTE q;; EXECUTE q;; DEALLOCATE q',
  'PREPARE q2(text) AS SELECT $1 FROM customers;; EXECUTE q2((SELECT email FROM customers WHERE id = 1));; DEALLOCATE q2',
  'COPY (SELECT c FROM customers c) TO STDOUT',
  'COPY (TABLE vip) TO STDOUT',
  'COPY customers (shout) TO STDOUT',
  'SELECT * FROM ONLY customers',
  "SELECT string_agg(x, '') FROM customers, unnest(string_to_array(email, NULL)) x",
  'SELECT email COLLATE "C" FROM customers',
  'SELECT $$a$$ || email AS id FROM customers',
  'SELECT customers.*::text FROM customers',
  'SELECT customers::orders FROM customers',
  'SELECT U&"\\0065mail" FROM customers',
  'SELECT "email" FROM "public"."customers"',
  'TABLE public.customers',
  'SELECT * FROM (TABLE customers UNION ALL TABLE customers) orders(id, customer, note, x)',
  'VALUES ((SELECT min(email) FROM customers))',
  'SELECT CASE WHEN true THEN (TABLE (SELECT email FROM customers WHERE id=1)) END',
  'SELECT lead(email) OVER (ORDER BY id DESC) FROM customers',
  'SELECT max(c) FROM (SELECT ROW(email)::text c FROM customers) x',
  "SELECT array_to_string(ARRAY(SELECT email FROM customers), ',')",
  'SELECT xmlserialize(content xmlelement(name a, email) as text) FROM customers',
  "SELECT JSON_OBJECT('a': email) FROM customers",
  'SELECT JSON_ARRAYAGG(email) FROM customers',
  "SELECT JSON_VALUE(to_jsonb(c), '$.email') FROM customers c",
  "SELECT (to_jsonb(c))['email'] FROM customers c",
  "SELECT jsonb_path_query(to_jsonb(c), '$.email') FROM customers c",
  "SELECT pg_get_expr('x', 0), (SELECT email FROM customers LIMIT 1)",
  "SELECT query_to_xml_and_xmlschema('select email from customers', true, false, '')",
  "SELECT database_to_xml(true, false, '')",
  "SELECT schema_to_xml('public', true, false, '')",
  "SELECT * FROM ts_stat('select to_tsvector(email) from customers')",
  "SELECT ts_rewrite('a'::tsquery, 'select email::tsquery, email::tsquery from customers where id = 1')",
  'SELECT query FROM pg_stat_activity',
  "SELECT pg_read_file('postgresql.conf')",
  'SELECT lo_from_bytea(0, email::bytea) FROM customers WHERE id = 1',
  "SELECT 1/0 FROM customers WHERE email LIKE 'z%'",
  "SELECT pg_notify(email, 'x') FROM customers WHERE id = 1",
  'SELECT pg_terminate_backend(0), email FROM customers',
  'SELECT to_regclass(email) FROM customers',
  "CREATE TEMP SEQUENCE q;; SELECT setval('q', ('x' || encode(email::bytea, 'hex'))::bit(64)::bigint) FROM customers WHERE id = 1;; SELECT to_hex(last_value) FROM q;; SELECT to_hex(currval('q')), to_hex(lastval())",
  "SELECT pg_advisory_lock(('x' || encode(email::bytea, 'hex'))::bit(64)::bigint) FROM customers WHERE id = 1;; SELECT to_hex(classid::bigint) || to_hex(objid::bigint) FROM pg_locks WHERE locktype = 'advisory'",
  "SELECT pg_try_advisory_xact_lock_shared(('x' || encode(email::bytea, 'hex'))::bit(64)::bigint) FROM customers WHERE id = 1;; SELECT pg_try_advisory_lock_shared(('x' || encode(email::bytea, 'hex'))::bit(64)::bigint) FROM customers WHERE id = 1;; SELECT to_hex(classid::bigint) || to_hex(objid::bigint) FROM pg_locks WHERE locktype = 'advisory'",
  "SELECT pg_logical_emit_message(false, 'a', email) FROM customers WHERE id = 1",
  "PREPARE c AS SELECT set_config('a.b', email, false) FROM customers WHERE id = 1;; EXECUTE c;; SHOW a.b;; SELECT current_setting('a.b')",
  'PREPARE i AS INSERT INTO orders SELECT 5, 5, email FROM customers;; EXECUTE i;; SELECT note FROM orders',
  'EXPLAIN ANALYZE INSERT INTO orders SELECT 5, 5, email FROM customers;; SELECT note FROM orders',
  'EXPLAIN ANALYZE CREATE TEMP TABLE ex AS SELECT email AS note FROM customers;; SELECT note FROM ex',
  'PREPARE u AS UPDATE orders SET note = email FROM customers;; EXPLAIN ANALYZE EXECUTE u;; SELECT note FROM orders',
  'CREATE TEMP TABLE ea AS EXECUTE u;; PREPARE z AS SELECT email AS note FROM customers;; CREATE TEMP TABLE eb AS EXECUTE z;; SELECT note FROM eb',
  'SELECT format_type(25, NULL), upper(email) FROM customers',
  'SELECT dearmor(email) FROM customers',
  'SELECT email FROM customers FOR UPDATE',
  'SELECT DISTINCT ON (email) email AS id FROM customers',
  'SELECT id AS email, email AS id FROM customers ORDER BY 2',
  'SELECT count(*), email x FROM customers GROUP BY x',
  'SELECT mode() WITHIN GROUP (ORDER BY email) FROM customers',
  'SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY email) FROM customers',
];

t.test('no way shows the value', async (t) => {
  const { host, port } = gateway.address('postgres');
  const open = () => WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'orders' });
  let client = await open();
  const hidden = [secret, secret.toUpperCase(), [...secret].reverse().join(''), Buffer.from(secret).toString('hex')];
  for (const text of texts) {
    for (const extended of [false, true]) {
      const seen: string[] = [];
      for (const one of text.split(';;')) {
        const messages =
          extended && !one.includes(';')
            ? await client.cycle(wire.parse('', one), wire.bind('', ''), wire.execute(''), wire.sync)
            : await client.query(one);
        seen.push(...messages.map(({ bytes }) => bytes.toString('latin1')));
      }
      await client.query('ROLLBACK');
      const all = seen.join('\n');
      if (hidden.some((value) => all.includes(value)))
        t.fail(
          `${text}${extended ? ' (extended)' : ''} → ${JSON.stringify(seen.filter((it) => hidden.some((v) => it.includes(v)))).slice(0, 300)}`,
        );
    }
  }
  t.pass(`${texts.length} texts`);
});
