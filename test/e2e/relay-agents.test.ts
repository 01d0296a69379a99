// Relay threads, a target that only an agent reaches, and an account of its own for each connection: psql works as without threads,
// and when a thread, the agent or the client goes, streams and accounts go with it.

import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import t from 'tap';
import type { AgentView, EnrolmentTokenIssued } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { startVault } from '../support/vault.ts';
import { agentOf } from '../unit/agent-fixture.ts';

const rows = 20_000;
const rowBytes = 1_000;

t.test('relay threads reach a target through an agent', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE kept (line text)'); // not by an account that ends: what it owns would keep it
  const vault = await startVault(t, {
    create: (user, password) => server.sql(`CREATE ROLE "${user}" LOGIN SUPERUSER PASSWORD '${password}'`),
    drop: (user) => server.sql(`DROP ROLE "${user}"`),
  });
  const secretIdFile = join(temporaryDirectory(t, 'vault'), 'secret-id');
  writeFileSync(secretIdFile, vault.secretId, { mode: 0o600 });
  const workers: Worker[] = [];
  const started = (worker: Worker) => void workers.push(worker);
  process.on('worker', started);
  t.teardown(() => process.off('worker', started));
  const { password: _none, ...orders } = targetOf(server, 'orders', { env: 'development' });
  const gateway = await startTestGateway(t, {
    targets: [orders],
    config: {
      relay_threads: 2,
      credentials: { vault: { address: vault.url, role_id: vault.roleId, secret_id_file: secretIdFile } },
      targets: [{ ...orders, agent: 'vpc', credential: { vault_database: 'writer' } }],
    },
  });
  const psql = tool('psql', 'postgresql-client');
  const url = gateway.url('alice', 'orders');
  const ask = (text: string) => run(t, psql, [url, '-Atc', text], { timeoutMs: 60_000 });
  const session = () => start(t, psql, [url, '-At']);
  const agents = async () => (await gateway.api('carol').get<{ items: AgentView[] }>('/agents')).body.items;
  const nothingLeft = async () => vault.leases.size === 0 && (await agents())[0]?.streams === 0;

  t.match((await ask('SELECT 1')).stderr, /agent "vpc" is not connected/, 'no agent, and it says so');
  await eventually('accounts that were of no use are gone', () => vault.leases.size === 0);

  const issued = await gateway.api('erin').post<EnrolmentTokenIssued>('/agents/enrolment-tokens', { name: 'vpc' });
  const agent = agentOf(t, { gateway: issued.body.gateway, token: issued.body.token });
  await eventually('the agent is linked', () => agent.isLinked);

  await t.test('psql works unchanged, each connection with its own account', async (t) => {
    const [one, two] = await Promise.all([ask('SELECT current_user'), ask('SELECT current_user')]);
    t.match(one.stdout, /^v-approle-writer-/, one.stderr);
    t.match(two.stdout, /^v-approle-writer-/, two.stderr);
    t.not(one.stdout, two.stdout);
    const copied = await ask(`COPY (SELECT repeat('x', ${rowBytes}) FROM generate_series(1, ${rows})) TO STDOUT`);
    t.equal(copied.stdout.length, rows * (rowBytes + 1), 'a copy of 20 MB is whole');
    const up = session();
    up.write('COPY kept FROM STDIN;\n');
    const line = randomBytes(rowBytes / 2).toString('hex');
    for (let row = 0; row < rows / 4; row++) up.write(`${line}\n`);
    up.write('\\.\n');
    await up.waitFor(/COPY 5000/, 60_000);
    up.endInput();
    await up.end();
    t.equal((await ask(`SELECT count(*) FROM kept WHERE line = '${line}'`)).stdout, '5000\n');
  });

  await t.test('cancelled from the client, on a connection of its own', async (t) => {
    const asleep = session();
    asleep.write('SELECT pg_sleep(60);\n');
    await eventually(
      'it runs',
      async () => (await server.sql("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60);' AND state = 'active'")).length > 0,
    );
    asleep.kill('SIGINT');
    await asleep.waitFor(/cancel/i);
    asleep.endInput();
    await asleep.end();
    t.pass('and told so');
  });

  await t.test('a thread dies: its sessions, streams and accounts are gone, the others go on', async (t) => {
    const sessions = Array.from({ length: 8 }, session);
    for (const it of sessions) {
      it.write("SELECT 'here';\n");
      await it.waitFor(/here/);
    }
    const threads = workers.filter(({ threadName }) => threadName?.startsWith('relay'));
    t.equal(threads.length, 2);
    await Promise.all(threads.map((worker) => worker.terminate()));
    for (const it of sessions) {
      it.write('SELECT 1;\n');
      await it.waitFor(/closed the connection|terminating|lost/i);
      it.endInput();
      await it.end();
    }
    await eventually('nothing is left of them', nothingLeft);
    await eventually('new ones are served', async () => (await ask('SELECT 41 + 1')).stdout === '42\n');
  });

  await t.test('the agent goes: told at once, and its accounts are gone', async (t) => {
    const it = session();
    it.write("SELECT 'here';\n");
    await it.waitFor(/here/);
    await agent.close();
    it.write('SELECT 1;\n');
    await it.waitFor(/closed the connection|terminating|lost|agent/i);
    it.endInput();
    await it.end();
    const accounts = () => server.sql("SELECT 1 FROM pg_roles WHERE rolname LIKE 'v-approle%'");
    await eventually('no account is left', async () => vault.leases.size === 0 && (await accounts()).length === 0);
    t.pass('and nothing is left');
  });
});
