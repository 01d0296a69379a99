// The texts that wait have a limit together: one more is refused in words by psql, mariadb and ssh, and fits once another has ended.

import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const limits = { holds_bytes: '8kB', holds_bytes_per_person: '6kB' };
const long = `/* ${'x'.repeat(5_000)} */`;
const noRoom = /a text of 50\d\d bytes can't wait for approval: with it what you have waiting would be more than 6000 bytes/;

t.test('psql', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments (id int)');
  const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', { env: 'production' })], config: { limits } });
  const psql = tool('psql', 'postgresql-client');
  const args = [gateway.url('alice', 'orders'), '-c', `DROP TABLE payments ${long}`];
  const first = start(t, psql, args);
  const hold = await gateway.api('bob').pendingHold();
  t.match(await run(t, psql, args), { code: 1, stderr: noRoom });
  t.match(await run(t, psql, [gateway.url('dana', 'orders'), '-c', `DROP TABLE payments ${long}`]), {
    code: 1,
    stderr: /all that waits would be more than 8000 bytes\n.*HINT: {2}Run it again when/,
  });
  await gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'no' });
  t.match(await first.end(), { code: 1 });
  await start(t, psql, args).waitFor(/NOTICE: {2}hold h-/);
});

t.test('mariadb', async (t) => {
  const server = await startMariadb(t);
  await server.sql('CREATE TABLE payments (id int)');
  const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', { env: 'production' })], config: { limits } });
  const { port } = gateway.address('mysql');
  const login = ['-h', '127.0.0.1', '-P', String(port), '-u', 'alice', `-p${gateway.token('alice')}`, '-c', 'shop'];
  const mariadb = (): [string, string[]] => [tool('mariadb', 'mariadb-client'), [...login, '-e', `DROP TABLE payments ${long}`]];
  start(t, ...mariadb());
  await gateway.api('bob').pendingHold();
  t.match(await run(t, ...mariadb()), { code: 1, stderr: noRoom });
});

t.test('ssh', async (t) => {
  const { gateway, ssh, startSsh } = await startSshWorld(t, { policies: sshPolicies(), config: () => ({ limits }) });
  const command = `rm victim # ${'x'.repeat(5_000)}`;
  startSsh([command]);
  await gateway.api('bob').pendingHold();
  t.match(await ssh([command]), { code: 126, stderr: noRoom });
});
