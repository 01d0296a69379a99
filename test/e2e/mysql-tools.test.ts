// The tools that people use, unchanged, through the gateway: dump and restore, mysqlslap, sysbench, PyMySQL, MariaDB Connector/J.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: scratch
description: A database to try things in.
applies_to: { protocols: [mysql], labels: { env: scratch } }
rules:
  - { id: all, title: Everything, actions: [connect, statement], decision: allow }
`;

const server = await startMariadb(t);
await server.sql(`
  CREATE DATABASE copy;
  CREATE TABLE big (id int PRIMARY KEY AUTO_INCREMENT, v varchar(200), b longblob, d datetime(3), f double, n decimal(10,2));
  INSERT INTO big (v, b, d, f, n) SELECT CONCAT('it''s \\\\ ', seq), UNHEX('00ff270d0a5c'), NOW(3), seq / 3, seq FROM seq_1_to_2000;
  CREATE VIEW few AS SELECT id, v FROM big WHERE id < 10;
  CREATE FUNCTION plus_one(a int) RETURNS int DETERMINISTIC RETURN a + 1;
  CREATE PROCEDURE two_results() BEGIN SELECT 1 AS a; SELECT 2 AS b; END;
  CREATE TRIGGER keep BEFORE INSERT ON big FOR EACH ROW BEGIN SET NEW.v = COALESCE(NEW.v, ''); END;`);
const gateway = await startTestGateway(t, {
  targets: [mariadbTarget(server, 'shop', { env: 'scratch' })],
  policies: { 'scratch.yaml': policy },
});
const { port } = gateway.address('mysql');
const token = gateway.token('alice');
const as = ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice:shop', `-p${token}`];

t.test('mysqldump | mariadb gives the same database', async (t) => {
  const file = join(temporaryDirectory(t, 'dump'), 'dump.sql');
  const dump = await run(
    t,
    tool('mysqldump', 'mariadb-client'),
    [...as, '--routines', '--triggers', '--single-transaction', `--result-file=${file}`, 'shop'],
    {
      timeoutMs: 60_000,
    },
  );
  t.equal(dump.code, 0, dump.stderr);
  const restored = await run(t, tool('mariadb', 'mariadb-client'), [...as, 'copy'], { input: readFileSync(file), timeoutMs: 60_000 });
  t.equal(restored.code, 0, restored.stderr);
  const sums = await server.sql('CHECKSUM TABLE shop.big, copy.big');
  t.equal(sums[0]?.['Checksum'], sums[1]?.['Checksum']);
  t.match(await server.sql('SELECT copy.plus_one(1) AS n, (SELECT COUNT(*) FROM copy.few) AS few'), [{ n: 2, few: 9 }]);
});

t.test('mysqldump --flush-logs, which asks by a command of the protocol, is judged as FLUSH LOGS', async (t) => {
  const dump = await run(t, tool('mysqldump', 'mariadb-client'), [...as, '--flush-logs', '--single-transaction', 'shop'], {
    timeoutMs: 60_000,
  });
  t.equal(dump.code, 0, dump.stderr);
  t.match(dump.stdout, /CREATE TABLE `big`[^]*Dump completed/);
  const flush = (what: string) => run(t, tool('mariadb-admin', 'mariadb-client'), [...as, what]);
  t.match(
    await flush('refresh'),
    { code: 1, stderr: /closing idle threads and RESET are not served/ },
    'it closes idle threads, too, for which there is no text',
  );
  const { body } = await gateway.api('carol').get<object>('/audit?type=action.released');
  t.ok(JSON.stringify(body).includes('"FLUSH LOGS"'), 'it is in the audit log');
});

t.test('mysqlslap', async (t) => {
  const more = [
    '--create-schema=slap',
    '--concurrency=4',
    '--auto-generate-sql',
    '--number-of-queries=100',
    '--auto-generate-sql-load-type=mixed',
  ];
  const ended = await run(t, tool('mysqlslap', 'mariadb-client'), [...as, ...more], { timeoutMs: 60_000 });
  t.match(ended, { code: 0, stdout: /Average number of queries per client: 25/ }, ended.stderr);
});

t.test('sysbench, with prepared statements and without', async (t) => {
  const options = [
    '--db-driver=mysql',
    '--mysql-host=127.0.0.1',
    `--mysql-port=${port}`,
    '--mysql-user=alice',
    `--mysql-password=${token}`,
    '--mysql-db=shop',
  ];
  const load = ['--table-size=200', '--threads=2', '--events=40', '--time=0', 'oltp_read_write'];
  const sysbench = (...more: string[]) => run(t, tool('sysbench', 'sysbench'), [...options, ...load, ...more], { timeoutMs: 60_000 });
  t.match(await sysbench('prepare'), { code: 0 });
  for (const mode of ['auto', 'disable']) {
    const ended = await sysbench(`--db-ps-mode=${mode}`, 'run');
    t.match(ended, { code: 0, stdout: /transactions: +40 / }, `${mode}: ${ended.stdout}`);
  }
  t.match(await sysbench('cleanup'), { code: 0 });
});

t.test('PyMySQL', async (t) => {
  const program = `
import sys, pymysql
c = pymysql.connect(host='127.0.0.1', port=int(sys.argv[1]), user='alice', password=sys.argv[2], database='shop')
k = c.cursor()
k.execute('SELECT %s, COUNT(*) FROM big', ("it's",)); print(k.fetchall())
print(k.execute('UPDATE big SET n = 0 WHERE id <= 9')); c.rollback()
c.select_db('copy'); k.execute('SELECT DATABASE()'); print(k.fetchall()); c.ping(); c.select_db('shop')
k.callproc('two_results'); print(k.fetchall()); k.nextset(); print(k.fetchall()); k.nextset()
try: k.execute('SELECT nothing')
except pymysql.err.OperationalError as e: print(e.args[0])
c.close()`;
  const python = '/usr/bin/python3';
  const ended = await run(t, python, ['-c', program, String(port), token]);
  t.equal(ended.stdout, `(("it's", 2000),)\n9\n(('copy',),)\n((1,),)\n((2,),)\n1054\n`, ended.stderr);
});

t.test('MariaDB Connector/J', async (t) => {
  const directory = temporaryDirectory(t, 'java');
  mkdirSync(join(directory, 'classes'));
  writeFileSync(
    join(directory, 'Tries.java'),
    `
import java.sql.*;
public class Tries {
  public static void main(String[] given) throws Exception {
    for (String option : new String[] {"", "&useServerPrepStmts=true", "&useServerPrepStmts=true&rewriteBatchedStatements=true", "&useBulkStmts=true"}) {
      String url = "jdbc:mariadb://127.0.0.1:" + given[0] + "/shop?user=alice&password=" + given[1] + option;
      try (Connection c = DriverManager.getConnection(url)) {
        PreparedStatement p = c.prepareStatement("SELECT ?, v, b, d, f, n FROM big WHERE id < ? ORDER BY id");
        p.setString(1, "é'x"); p.setInt(2, 4);
        ResultSet r = p.executeQuery();
        int rows = 0;
        while (r.next()) { rows++; r.getTimestamp(4); if (!"é'x".equals(r.getString(1))) throw new Exception("text"); if (r.getBytes(3).length != 6) throw new Exception("bytes"); }
        c.setAutoCommit(false);
        PreparedStatement q = c.prepareStatement("INSERT INTO big (v, d, f, n, b) VALUES (?, ?, ?, ?, ?)");
        for (int i = 0; i < 20; i++) { q.setString(1, "b" + i); q.setTimestamp(2, new Timestamp(0)); q.setDouble(3, 1.5); q.setBigDecimal(4, new java.math.BigDecimal("3.25")); q.setBytes(5, new byte[] {0, 1, 39, (byte) 200}); q.addBatch(); }
        int batch = q.executeBatch().length;
        q.setString(1, null); q.setNull(2, Types.TIMESTAMP); q.setFloat(3, 2.5f); q.setLong(4, 7L); q.setBinaryStream(5, new java.io.ByteArrayInputStream(new byte[100000]));
        int one = q.executeUpdate();
        c.rollback();
        c.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        c.setCatalog("copy");
        CallableStatement s = c.prepareCall("{call two_results()}");
        s.execute();
        System.out.println(rows + " " + batch + " " + one + " " + c.getCatalog() + " " + s.getMoreResults());
      }
    }
  }
}`,
  );
  const ended = await run(
    t,
    tool('java', 'default-jdk-headless'),
    ['-cp', '/usr/share/java/mariadb-java-client.jar', join(directory, 'Tries.java'), String(port), token],
    { timeoutMs: 60_000 },
  );
  t.equal(ended.stdout, '3 20 1 copy true\n'.repeat(4), ended.stderr);
});

t.test('MariaDB Connector/J signs in to a production database, where changes of how texts are read wait', async (t) => {
  const production = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', { env: 'production' })] });
  const file = join(temporaryDirectory(t, 'java'), 'SignsIn.java');
  writeFileSync(
    file,
    `
import java.sql.*;
public class SignsIn {
  public static void main(String[] given) throws Exception {
    try (Connection c = DriverManager.getConnection("jdbc:mariadb://127.0.0.1:" + given[0] + "/shop?socketTimeout=20000&user=alice&password=" + given[1])) {
      ResultSet r = c.createStatement().executeQuery("SELECT @@sql_mode");
      r.next();
      System.out.println(r.getString(1).matches(".*IGNORE_SPACE.*STRICT_TRANS_TABLES.*"));
    }
  }
}`,
  );
  const given = [String(production.address('mysql').port), production.token('alice')];
  const args = ['-cp', '/usr/share/java/mariadb-java-client.jar', file, ...given];
  const ended = await run(t, tool('java', 'default-jdk-headless'), args, { timeoutMs: 60_000 });
  t.equal(ended.stdout, 'true\n', ended.stderr);
});
