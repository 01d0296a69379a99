// Ways to a masked value of MariaDB that were tried beyond test/bypass/masking-mysql.jsonl: words of the server, statements that
// show rows by the way, names that resolve elsewhere, texts that are made when they run.

import { createConnection, type Connection } from 'mysql2/promise';
import t from 'tap';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';

t.setTimeout(170_000); // a busy machine takes its time

const secret = 'zsecretz';
const server = await startMariadb(t);
const setup = [
  'CREATE TABLE customers (id int PRIMARY KEY, name varchar(40), email varchar(60), doc json, FULLTEXT KEY ft (email))',
  `INSERT INTO customers VALUES (1, 'Ann', '${secret}', '{"a": 1}'), (2, 'Bob', NULL, NULL)`,
  'CREATE TABLE orders (id int, customer int, note varchar(80))',
  `INSERT INTO orders VALUES (1, 1, 'x')`,
  'CREATE TABLE child (id int PRIMARY KEY, customer int, FOREIGN KEY (customer) REFERENCES customers (id))',
  'CREATE VIEW plainly AS SELECT id, email AS e FROM customers',
  `CREATE PROCEDURE tells() BEGIN DECLARE v varchar(60); SELECT email INTO v FROM customers WHERE id = 1; SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1146, MESSAGE_TEXT = v; END`,
  `CREATE PROCEDURE makes() BEGIN DECLARE v varchar(60); SELECT email INTO v FROM customers WHERE id = 1; EXECUTE IMMEDIATE CONCAT('SELECT * FROM ', v); END`,
];
for (const text of setup) await server.sql(text);

const gateway = await startTestGateway(t, {
  targets: [mariadbTarget(server, 'shop', {})],
  policies: {
    'p.yaml': `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: all, decision: allow, mask: [{ columns: [customers.email], with: fixed }] }
`,
  },
});

const texts = [
  'SET sql_mode = (SELECT email FROM customers WHERE id = 1)',
  'SET character_set_client = (SELECT email FROM customers WHERE id = 1)',
  'SET SESSION time_zone = (SELECT email FROM customers WHERE id = 1)',
  'SET lc_messages = (SELECT email FROM customers WHERE id = 1)',
  'SET @@session.time_zone := (SELECT email FROM customers LIMIT 1)',
  'SET STATEMENT max_statement_time = 10 FOR SELECT email FROM customers',
  'SET STATEMENT max_statement_time = 10 FOR SELECT upper(email) FROM customers',
  'DO (SELECT email FROM customers WHERE id = 1) + 0;; SHOW WARNINGS',
  'SELECT name, email FROM customers PROCEDURE ANALYSE()',
  'SELECT * FROM customers PROCEDURE ANALYSE(10, 2000)',
  'SELECT email FROM customers INTO OUTFILE "/tmp/x.txt"',
  'CALL tells()',
  'CALL makes()',
  'BEGIN NOT ATOMIC DECLARE v varchar(60); SELECT email INTO v FROM customers WHERE id = 1; SELECT v; END',
  "BEGIN NOT ATOMIC DECLARE v varchar(60); SELECT email INTO v FROM customers WHERE id = 1; SIGNAL SQLSTATE '42000' SET MYSQL_ERRNO = 1146, MESSAGE_TEXT = v; END",
  'BEGIN NOT ATOMIC FOR r IN (SELECT email AS m FROM customers) DO SELECT r.m; END FOR; END',
  'BEGIN NOT ATOMIC UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1); END;; SELECT note FROM orders',
  "EXECUTE IMMEDIATE CONCAT('SELECT concat(ema', 'il, 1) FROM customers')",
  "SET @s = CONCAT('SELECT concat(ema', 'il, 1) FROM customers');; PREPARE p FROM @s;; EXECUTE p",
  "PREPARE p FROM 'SELECT ? FROM customers';; EXECUTE p USING (SELECT email FROM customers WHERE id = 1)",
  'SELECT GET_LOCK(email, 0) FROM customers WHERE id = 1;; SELECT * FROM information_schema.METADATA_LOCK_INFO',
  'SELECT * FROM information_schema.PROCESSLIST',
  'SHOW FULL PROCESSLIST',
  'SHOW BINLOG EVENTS',
  // The engine's status has the row of the parent that a foreign key met.
  'INSERT INTO child VALUES (1, 0);; SHOW ENGINE INNODB STATUS',
  'INSERT INTO child VALUES (1, 0);; SHOW /* */ ENGINE `InnoDB` STATUS',
  'SELECT * FROM mysql.column_stats',
  'SELECT min_value FROM mysql.column_stats',
  "SET GLOBAL innodb_ft_aux_table = 'shop/customers';; SELECT * FROM information_schema.INNODB_FT_INDEX_TABLE;; SELECT WORD FROM information_schema.INNODB_FT_INDEX_CACHE",
  'SELECT word FROM information_schema.innodb_ft_index_cache',
  'SELECT table_name, column_name FROM information_schema.columns WHERE column_name = (SELECT email FROM customers WHERE id = 1)',
  'CREATE OR REPLACE TEMPORARY TABLE t1 SELECT email note FROM customers;; SELECT note FROM t1',
  'CREATE OR REPLACE TEMPORARY TABLE t2 LIKE customers;; INSERT INTO t2 SELECT * FROM customers;; SELECT email FROM t2',
  'CREATE OR REPLACE VIEW v1 AS SELECT email AS note FROM customers;; SELECT note FROM v1',
  'CREATE OR REPLACE VIEW v2 (note) AS SELECT email FROM customers;; SELECT concat(note) FROM v2',
  'SELECT x.note FROM (SELECT email AS note FROM customers) AS x',
  'SELECT (SELECT note FROM (SELECT c.email AS note) AS q) FROM customers c',
  'SELECT customers.* FROM customers JOIN orders',
  'SELECT SQL_CALC_FOUND_ROWS email FROM customers',
  "SELECT 'a' email, email FROM customers",
  "SELECT email 'name' FROM customers",
  'SELECT (email) name FROM customers',
  'SELECT +email FROM customers',
  'SELECT BINARY email FROM customers',
  'SELECT email COLLATE utf8mb4_bin FROM customers',
  'SELECT _binary email FROM customers',
  'SELECT COALESCE(NULL, email) FROM customers',
  'SELECT IF(1, email, 2) FROM customers',
  'SELECT VALUES(email) FROM customers',
  'SELECT VALUE(email) FROM customers',
  'SELECT DEFAULT(email) FROM customers',
  'SELECT ROW(email, 1) IN (SELECT 1, 2) FROM customers',
  'SELECT JSON_TABLE FROM customers',
  "SELECT j.v FROM customers c, JSON_TABLE(JSON_ARRAY(c.email), '$[*]' COLUMNS (v text PATH '$')) j",
  'SELECT email FROM customers FOR UPDATE',
  'SELECT name FROM customers UNION ALL SELECT email FROM customers',
  'SELECT name FROM customers EXCEPT SELECT email FROM customers UNION SELECT email FROM customers',
  '(SELECT name FROM orders LIMIT 0) UNION (SELECT email FROM customers)',
  '(SELECT email FROM customers)',
  '((SELECT email FROM customers) LIMIT 1)',
  'VALUES (1), ((SELECT email FROM customers WHERE id = 1))',
  'SELECT note FROM orders WHERE 1 = 0 UNION SELECT e FROM plainly',
  'INSERT INTO orders VALUES (5, 5, (SELECT email FROM customers WHERE id = 1));; SELECT note FROM orders',
  'REPLACE INTO orders SELECT 6, 6, email FROM customers;; SELECT note FROM orders',
  'INSERT INTO orders SET note = (SELECT email FROM customers WHERE id = 1);; SELECT note FROM orders',
  'UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1);; SELECT note FROM orders',
  'UPDATE orders, customers SET orders.note = customers.email;; SELECT note FROM orders',
  'UPDATE customers SET name = email;; SELECT name FROM customers',
  "INSERT INTO customers (id, name, email) VALUES (9, email, 'q');; SELECT name FROM customers",
  "LOAD DATA LOCAL INFILE 'x' INTO TABLE orders SET note = (SELECT email FROM customers WHERE id = 1)",
  'ANALYZE SELECT * FROM customers WHERE email LIKE "z%"',
  'ANALYZE FORMAT=JSON SELECT upper(email) FROM customers',
  'EXPLAIN SELECT email FROM customers WHERE id = 1',
  'DESCRIBE customers',
  'CHECKSUM TABLE customers',
  'SELECT CONVERT(email USING utf8mb4) FROM customers',
  'SELECT email + 0 FROM customers;; SHOW WARNINGS',
  'SELECT CAST(email AS int) FROM customers;; GET DIAGNOSTICS CONDITION 1 @m = MESSAGE_TEXT;; SELECT @m',
  "SELECT STR_TO_DATE(email, '%Y') FROM customers;; SHOW WARNINGS",
  'SELECT CAST(email AS date) FROM customers;; SHOW ERRORS',
  "SELECT REGEXP_REPLACE('a', email, 'b') FROM customers",
  "SELECT JSON_EXTRACT(email, '$') FROM customers",
  "SELECT JSON_EXTRACT('{}', email) FROM customers;; SHOW WARNINGS",
  "SELECT CONVERT_TZ(now(), email, 'UTC') FROM customers",
  'SELECT ST_GeomFromText(email) FROM customers',
  'SELECT LOAD_FILE(email) FROM customers',
  "SELECT UUID() FROM customers WHERE ExtractValue('<a/>', CONCAT('$', email))",
  'SELECT NEXTVAL(email) FROM customers',
  'SELECT id FROM customers GROUP BY id HAVING ExtractValue(1, CONCAT(0x7e, MAX(email)))',
  'SELECT email FROM shop.customers',
  'SELECT `EMAIL` FROM `customers`',
  'SELECT customers.EmAiL FROM customers',
  'SELECT email/*x*/AS/*y*/id FROM customers',
  'SELECT/*!email,*/1 FROM customers',
  'SELECT /*M!100000 email */ FROM customers',
  'SELECT{x email} FROM customers',
  'SELECT * FROM (customers)',
  'SELECT o.* FROM (SELECT 1 a, email FROM customers) o',
  'SELECT c2.email FROM customers c1 LEFT JOIN customers c2 USING (id)',
  'SELECT email FROM customers NATURAL JOIN (SELECT 1 id) z',
  'SELECT MEDIAN(id) OVER (PARTITION BY email), email FROM customers',
  'SELECT LAG(email) OVER (ORDER BY id DESC) FROM customers',
  'SELECT t.`e` FROM plainly t',
  'WITH RECURSIVE r AS (SELECT email v, 1 n FROM customers UNION SELECT v, n+1 FROM r WHERE n < 2) SELECT v FROM r',
  "SELECT SUBSTRING_INDEX(GROUP_CONCAT(email), ',', 1) FROM customers",
  "SELECT COLUMN_JSON(COLUMN_CREATE('a', email)) FROM customers",
  'SELECT JSON_OBJECTAGG(id, email) FROM customers',
  'SELECT FORMAT_PICO_TIME(email) FROM customers',
  'HANDLER customers OPEN AS h;; HANDLER h READ FIRST;; HANDLER h CLOSE',
  'TABLE customers',
  'SHOW COLUMNS FROM customers WHERE Field = (SELECT email FROM customers WHERE id = 1)',
  'KILL QUERY (SELECT email FROM customers WHERE id = 1)',
  'SELECT SLEEP(0) FROM customers WHERE email = BENCHMARK(1, email);; SHOW WARNINGS',
  'CREATE TABLE zz (a int CHECK (a > 0)) SELECT email FROM customers;; DROP TABLE zz',
  'SELECT MASTER_POS_WAIT(email, 0, 0) FROM customers',
  'CREATE FUNCTION ff() RETURNS varchar(60) RETURN (SELECT email FROM customers WHERE id = 1);; SELECT ff();; DROP FUNCTION ff',
  'SELECT @a := 1, email FROM customers',
  'SELECT email INTO @q FROM customers WHERE id = 1;; SELECT @q',
  'SELECT LAST_INSERT_ID(CONV(HEX(LEFT(email, 8)), 16, 10)) FROM customers WHERE id = 1;; SELECT HEX(LAST_INSERT_ID())',
  'SELECT id FROM customers WHERE id = 1 AND LAST_INSERT_ID(CONV(HEX(LEFT(email, 8)), 16, 10));; SELECT HEX(@@last_insert_id)',
  'SELECT LAST_INSERT_ID(x) FROM (SELECT CONV(HEX(email), 16, 10) AS x FROM customers WHERE id = 1) d;; SELECT HEX(@@identity)',
  'UPDATE customers SET name = name WHERE id = 1 AND LAST_INSERT_ID(CONV(HEX(LEFT(email, 8)), 16, 10));; SELECT HEX(LAST_INSERT_ID())',
  'DELETE FROM customers WHERE id = 1 AND LAST_INSERT_ID(CONV(HEX(LEFT(email, 8)), 16, 10)) = 1;; SELECT HEX(LAST_INSERT_ID())',
  "SET optimizer_trace = 'enabled=on';; SELECT id FROM orders WHERE note > (SELECT email FROM customers WHERE id = 1);; SELECT * FROM information_schema.OPTIMIZER_TRACE",
  "SET optimizer_trace = 'enabled=on';; SELECT id FROM orders WHERE note > (SELECT email FROM customers WHERE id = 1);; SELECT JSON_EXTRACT(TRACE, '$') FROM information_schema.optimizer_trace",
  // Statements in statements, and texts that are prepared, copy as others do.
  "EXECUTE IMMEDIATE 'SELECT email INTO @q FROM customers WHERE id = 1';; SELECT @q",
  "PREPARE p FROM 'SELECT email INTO @q FROM customers WHERE id = 1';; EXECUTE p;; SELECT @q",
  "SET @s = 'SELECT email INTO @q FROM customers WHERE id = 1';; PREPARE p FROM @s;; EXECUTE p;; SELECT @q",
  "PREPARE p FROM 'UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1)';; EXECUTE p;; SELECT note FROM orders",
  "SET STATEMENT max_statement_time = 10 FOR EXECUTE IMMEDIATE 'SELECT email INTO @q FROM customers WHERE id = 1';; SELECT @q",
  "CALL sys.execute_prepared_stmt('SELECT email INTO @q FROM shop.customers WHERE id = 1');; SELECT @q",
  'SET STATEMENT max_statement_time = 10 FOR UPDATE orders, customers SET note = email;; SELECT note FROM orders',
  'SET STATEMENT max_statement_time = 10 FOR CALL makes()',
  'ANALYZE UPDATE orders, customers SET note = email;; SELECT note FROM orders',
  'ANALYZE FORMAT=JSON REPLACE orders (id, note) SELECT 5, email FROM customers WHERE id = 1;; SELECT note FROM orders',
  'UPDATE orders JOIN (SELECT email AS e FROM customers WHERE id = 1) x SET note = x.e;; SELECT note FROM orders',
  'CREATE OR REPLACE TEMPORARY TABLE zc SELECT 1 AS view, email AS note FROM customers;; SELECT note FROM zc',
  'SET NAMES gbk;; SELECT email FROM customers;; SET NAMES utf8mb4',
  'SET NAMES utf16;; SELECT email FROM customers',
  'SET character_set_results = ucs2;; SELECT email FROM customers;; SET character_set_results = utf8mb4',
];

t.test('what is prepared, and what has settings in front of it, is masked as it is without', async (t) => {
  const { port } = gateway.address('mysql');
  const client = await createConnection({
    host: '127.0.0.1',
    port,
    user: 'alice:shop',
    password: gateway.token('alice'),
    rowsAsArray: true,
  });
  t.teardown(() => client.end());
  t.same((await client.query('SET STATEMENT max_statement_time = 10 FOR SELECT id, email, id + 1 FROM customers WHERE id = 1'))[0], [
    [1, '***', 2],
  ]);
  await client.query("PREPARE p FROM 'SELECT id, email FROM customers WHERE id = ?'");
  await client.query('SET @i = 1');
  const [[row]] = (await client.query('EXECUTE P USING @i')) as unknown as [unknown[][]];
  t.equal(row?.[1], '***');
});

t.test('no way shows the value', async (t) => {
  const { port } = gateway.address('mysql');
  const connect = () =>
    createConnection({ host: '127.0.0.1', port, user: 'alice:shop', password: gateway.token('alice'), rowsAsArray: true });
  let client: Connection = await connect();
  const reversed = [...secret].reverse().join('');
  const hidden = [secret, reversed, Buffer.from(secret).toString('hex'), [...secret].join('\0')];
  for (const whole of texts) {
    for (const method of ['query', 'execute'] as const) {
      const seen: string[] = [];
      for (const one of whole.split(';;')) {
        const text = one.trim();
        const asked: Promise<unknown[]> = method === 'query' ? client.query(text) : client.execute(text);
        const answer = await asked.then(
          ([rows]) => rows,
          (thrown: Error) => void seen.push(thrown.message),
        );
        seen.push(JSON.stringify(answer, (_, v) => (v?.type === 'Buffer' ? Buffer.from(v.data).toString('latin1') : v)) ?? '');
      }
      const all = seen.join('\n').toLowerCase().replaceAll('\\u0000', '\0');
      const shown = hidden.filter((value) => all.includes(value));
      if (shown.length > 0) t.fail(`${whole} (${method}) → ${all.slice(0, 200)}`);
      await client.query('ROLLBACK').catch(async () => {
        client.destroy();
        client = await connect();
      });
    }
  }
  client.destroy();
  t.pass(`${texts.length} texts`);
});
