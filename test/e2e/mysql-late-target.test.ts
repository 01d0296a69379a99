// Clients that name no target when they sign in, as mysqldump does: with one target that one is meant; with several USE names
// it, and the settings made before are judged and made then.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const policy = `
policy: scratch
description: A database to try things in, but for one setting.
applies_to: { protocols: [mysql], labels: { env: scratch } }
rules:
  - { id: all, title: Everything, actions: [connect, statement], decision: allow }
  - { id: no-long-waits, title: Nobody waits long, actions: [statement], when: 'action.text.contains("lock_wait_timeout")', decision: deny }
  - { id: asked, title: Somebody is asked, actions: [statement], when: 'action.text.contains("net_retry_count")', decision: hold, approvers: { groups: [dba] } }
`;
const server = await startMariadb(t);
await server.sql(`
  CREATE TABLE things (id int PRIMARY KEY, name varchar(20)); INSERT INTO things SELECT seq, CONCAT('thing ', seq) FROM seq_1_to_50;
  CREATE DATABASE copy`);
const policies = { 'scratch.yaml': policy };
const shop = mariadbTarget(server, 'shop', { env: 'scratch' });
const copy = { ...mariadbTarget(server, 'copy', { env: 'scratch' }), database: 'copy' };
const alone = await startTestGateway(t, { targets: [shop], policies });
const several = await startTestGateway(t, { targets: [shop, copy], policies });

for (const [name, gateway] of [
  ['one target', alone],
  ['several targets', several],
] as const) {
  const as = ['-h', '127.0.0.1', '-P', String(gateway.address('mysql').port), '-u', 'alice', `-p${gateway.token('alice')}`];
  t.test(`${name}: mysqldump shop | mariadb`, async (t) => {
    const file = join(temporaryDirectory(t, 'dump'), 'dump.sql');
    const dump = await run(t, tool('mysqldump', 'mariadb-client'), [...as, `--result-file=${file}`, 'shop']);
    t.equal(dump.code, 0, dump.stderr);
    t.equal(dump.stderr, '');
    const into = gateway === several ? 'copy' : 'shop/copy';
    const restored = await run(t, tool('mariadb', 'mariadb-client'), [...as, into], { input: readFileSync(file) });
    t.equal(restored.code, 0, restored.stderr);
    const sums = await server.sql('CHECKSUM TABLE shop.things, copy.things');
    t.equal(sums[0]?.['Checksum'], sums[1]?.['Checksum']);
  });
}

t.test('with one target nothing has to name it', async (t) => {
  const as = ['-h', '127.0.0.1', '-P', String(alone.address('mysql').port), '-u', 'alice', `-p${alone.token('alice')}`, '-N', '-B'];
  const mariadb = tool('mariadb', 'mariadb-client');
  t.match(await run(t, mariadb, [...as, '-e', 'SELECT DATABASE()']), { stdout: 'shop\n' });
  t.match(await run(t, mariadb, [...as, '-e', 'USE copy; SELECT DATABASE()']), { stdout: 'copy\n' });
  t.match(await run(t, mariadb, [...as, '-e', 'SELECT DATABASE()', 'copy']), { stdout: 'copy\n' }, 'any of its databases is meant');
  t.match((await run(t, mariadb, [...as, '-e', 'status'])).stdout, /Server:\s+MariaDB[^]*Server version:\s+\d+\.\d+\.\d+-MariaDB/);
});

t.test('with several: settings before USE count after it, a forbidden one ends the attempt, all else is refused', async (t) => {
  const as = ['-h', '127.0.0.1', '-P', String(several.address('mysql').port), '-u', 'alice', `-p${several.token('alice')}`, '-N', '-B'];
  const mariadb = (text: string) => run(t, tool('mariadb', 'mariadb-client'), [...as, '-e', text]);
  const set = await mariadb(
    "SET SESSION time_zone = '+03:00', sort_buffer_size = 65536; USE copy; SELECT @@time_zone, @@sort_buffer_size, DATABASE()",
  );
  t.equal(set.stdout, '+03:00\t65536\tcopy\n', set.stderr);
  t.match(await mariadb('SET lock_wait_timeout = 9999; USE copy'), { code: 1, stderr: /lock_wait_timeout/ });
  t.match(await mariadb("SET @@sql_mode = 'no such mode'; USE copy"), { code: 1, stderr: /ERROR 1231 .*no such mode/ });
  for (const text of [
    'SELECT 1',
    "SET time_zone = (SELECT '+03:00')",
    'SET GLOBAL sort_buffer_size = 65536',
    'SET a = 1; DROP TABLE things',
  ]) {
    t.match(await mariadb(text), { code: 1, stderr: /ERROR 1046.*no target was named/ }, text);
  }
});

t.test('a setting that waits when the target is known: the words are seen live, and the rest follows after the answer', async (t) => {
  const as = ['-h', '127.0.0.1', '-P', String(several.address('mysql').port), '-u', 'alice', `-p${several.token('alice')}`];
  const command = [tool('mariadb', 'mariadb-client'), ...as, '--progress-reports'].map((it) => `'${it}'`).join(' ');
  const terminal = start(t, tool('script', 'bsdutils'), ['-qfc', command, '/dev/null']);
  await terminal.waitFor(/MariaDB \[/);
  terminal.write('SET net_retry_count = 7;\nUSE copy;\n');
  const bob = several.api('bob');
  const hold = await bob.pendingHold(/net_retry_count/);
  await terminal.waitFor(new RegExp(`hold ${hold.id}: .*waiting for approval`, 's'));
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'fine' });
  await terminal.waitFor(/Database changed/);
  terminal.write("SHOW VARIABLES LIKE 'net_retry%';\n");
  await terminal.waitFor(/net_retry_count\s*\|\s*7\b/);
});
