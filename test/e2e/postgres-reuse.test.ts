// A target's connection that is used again by the same person: only after a session that only read, reset, and never for
// anybody else. What a server process is, pg_backend_pid tells.

import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres, tlsSettings } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { certificateFiles } from '../unit/agent-fixture.ts';

t.setTimeout(120_000);

const server = await startPostgres(t, { settings: tlsSettings(t, certificateFiles(t)) });
await server.sql('CREATE TABLE things (id int)');
const scratch = targetOf(server, 'scratch', { env: 'development' });
const secured = { ...scratch, name: 'secured', tls: { mode: 'require' } };
const gateway = await startTestGateway(t, { targets: [scratch, secured] });
const psql = tool('psql', 'postgresql-client');

/** Runs texts in one psql; gives what it printed. */
const inOne = (person: string, ...texts: string[]): Promise<string[]> => inOneAt('scratch', person, ...texts);
async function inOneAt(target: string, person: string, ...texts: string[]): Promise<string[]> {
  const { stdout, stderr } = await run(t, psql, ['-XAtq', ...texts.flatMap((it) => ['-c', it]), gateway.url(person, target)]);
  if (stderr !== '') throw new Error(stderr);
  return stdout.trim().split('\n');
}

/** The server's processes that clients of the gateway use, without the catalogue's. */
const backends = async (): Promise<string[]> => {
  const rows = await server.sql(`SELECT pid, state, query FROM pg_stat_activity WHERE application_name = 'psql' ORDER BY pid`);
  return rows.map(({ pid, query }) => `${String(pid)} ${String(query)}`);
};
const kept = () =>
  eventually('one connection is kept, and reset', async () => {
    const now = await backends();
    return now.length === 1 && now[0]?.endsWith('DISCARD ALL') === true ? now[0].split(' ')[0] : undefined;
  });
/** Sooner than a kept one would be given up. */
const noneAtOnce = () => eventually('the connection is ended, not kept', async () => (await backends()).length === 0 || undefined, 3000);
const none = () => eventually('no connection is kept', async () => (await backends()).length === 0 || undefined);

await t.test('after a session that only read, the same person gets the same server process, without its past', async (t) => {
  t.strictSame(await inOne('alice', 'BEGIN', 'SELECT count(*) FROM things', 'COMMIT'), ['0']);
  const pid = await kept();
  t.strictSame(await inOne('alice', 'SELECT 1', 'SELECT 2'), ['1', '2']);
  t.equal(await kept(), pid, 'the same process');
  const options = ['-XAtq', '-c', 'SELECT 1', gateway.url('alice', 'scratch')];
  await run(t, psql, options, { env: { PGOPTIONS: '-c work_mem=1MB' } });
  t.ok((await backends()).length >= 1, 'another way to sign in is another connection');
  await none();
});

await t.test('the same over TLS, again and again', async (t) => {
  const isTls = 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
  t.strictSame(await inOneAt('secured', 'alice', isTls), ['t']);
  const pid = await kept();
  const large = await inOneAt('secured', 'alice', 'SELECT n, repeat(md5(n::text), 20) FROM generate_series(1, 5000) n');
  t.equal(large.length, 5000);
  t.match(large[4999], /^5000\|/);
  for (const said of ['one', 'two', 'three']) {
    t.equal(await kept(), pid, 'the same process');
    t.strictSame(await inOneAt('secured', 'alice', `SELECT '${said}'`, isTls), [said, 't']);
  }
  await inOneAt('secured', 'alice', `SET work_mem = '2MB'`);
  await noneAtOnce();
});

await t.test('a kept connection with TLS that the server ended is not handed out', async (t) => {
  await inOneAt('secured', 'alice', 'SELECT 1');
  const pid = await kept();
  await server.sql(`SELECT pg_terminate_backend(${pid})`);
  t.strictSame(await inOneAt('secured', 'alice', 'SELECT 3'), ['3']);
  await none();
});

await t.test('nobody else gets it', async (t) => {
  await inOne('alice', 'SELECT 1');
  const pid = await kept();
  await inOne('bob', 'SELECT 1');
  const pids = await eventually('two are kept', async () => {
    const now = await backends();
    return now.length === 2 ? now.map((it) => it.split(' ')[0]) : undefined;
  });
  t.ok(pids.includes(pid));
  await none();
});

for (const text of [
  'INSERT INTO things VALUES (1)',
  `SET work_mem = '2MB'`,
  'PREPARE p AS SELECT 1',
  'CREATE TEMP TABLE scratchpad (id int)',
  'LISTEN somewhere',
  'SELECT pg_advisory_lock(7)',
  `SELECT set_config('application_name', 'psql', false)`,
  'DO $$ BEGIN PERFORM 1; END $$',
]) {
  await t.test(`not after ${text}`, async (t) => {
    const { stderr } = await run(t, psql, ['-XAtq', '-c', text, gateway.url('alice', 'scratch')]);
    t.equal(stderr, '');
    await noneAtOnce();
  });
}

await t.test('not out of an open transaction', async () => {
  await inOne('alice', 'BEGIN', 'SELECT 1');
  await noneAtOnce();
});

await t.test('a kept connection that the server ended is not handed out', async (t) => {
  await inOne('alice', 'SELECT 1');
  const pid = await kept();
  await server.sql(`SELECT pg_terminate_backend(${pid})`);
  t.strictSame(await inOne('alice', 'SELECT 3'), ['3']);
});
