// A target's connection behind an agent that is used again by the same person: the stream through the agent is kept with it, and both
// end with the agent. What a server process is, pg_backend_pid tells.

import t from 'tap';
import type { EnrolmentTokenIssued } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { sallyport } from '../support/gateway-process.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { agentOf, linked } from '../unit/agent-fixture.ts';

t.setTimeout(60_000);

const server = await startPostgres(t);
await server.sql('CREATE TABLE things (id int)');
const gateway = await startTestGateway(t, {
  targets: [{ ...targetOf(server, 'far', { env: 'development' }), agent: 'vpc' }],
});
const psql = tool('psql', 'postgresql-client');
const { http } = gateway.running.addresses;

const issued = await run(t, process.execPath, [sallyport, 'agents', 'token', 'vpc', '--json'], {
  env: { SALLYPORT_SERVER: http, SALLYPORT_TOKEN: gateway.token('erin') },
});
const { token } = JSON.parse(issued.stdout) as EnrolmentTokenIssued;
const agent = agentOf(t, { gateway: http.replace('http:', 'ws:'), token, allow: [`127.0.0.1:${server.port}`] });
await linked(agent);

/** Runs texts in one psql; gives what it printed. */
async function inOne(...texts: string[]): Promise<string[]> {
  const { stdout, stderr } = await run(t, psql, ['-XAtq', ...texts.flatMap((it) => ['-c', it]), gateway.url('alice', 'far')]);
  if (stderr !== '') throw new Error(stderr);
  return stdout.trim().split('\n');
}

/** Server processes of psql through the gateway, with what each ran last. */
const backends = async (): Promise<string[]> => {
  const rows = await server.sql(`SELECT pid, query FROM pg_stat_activity WHERE application_name = 'psql' ORDER BY pid`);
  return rows.map(({ pid, query }) => `${String(pid)} ${String(query)}`);
};
const kept = () =>
  eventually('one connection is kept, and reset', async () => {
    const now = await backends();
    return now.length === 1 && now[0]?.endsWith('DISCARD ALL') === true ? now[0].split(' ')[0] : undefined;
  });

await t.test('after a session that only read, the same server process, several times', async (t) => {
  t.strictSame(await inOne('BEGIN', 'SELECT count(*) FROM things', 'COMMIT'), ['0']);
  const pid = await kept();
  for (const _ of [1, 2, 3]) {
    t.strictSame(await inOne('SELECT 1', `SELECT repeat('x', 300000)`), ['1', 'x'.repeat(300_000)], 'and all of its bytes');
    t.equal(await kept(), pid, 'the same process');
  }
});

await t.test('not after a session that wrote', async () => {
  await inOne('INSERT INTO things VALUES (1)');
  await eventually('the connection is ended, not kept', async () => (await backends()).length === 0 || undefined, 3000);
});

await t.test('a kept connection that the server ended is not handed out', async (t) => {
  await inOne('SELECT 1');
  await server.sql(`SELECT pg_terminate_backend(${await kept()})`);
  t.strictSame(await inOne('SELECT 3'), ['3']);
});

await t.test('it ends with the agent', async (t) => {
  await inOne('SELECT 1');
  await kept();
  await agent.close();
  await eventually('the server has nobody', async () => (await backends()).length === 0 || undefined, 3000);
  await t.rejects(inOne('SELECT 1'), /agent "vpc" is not connected/);
});
