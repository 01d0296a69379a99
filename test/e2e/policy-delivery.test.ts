// Policies from a git repository in a whole gateway: templates run in psql and in a driver without a hold, what only looks like one is
// refused, each decision carries the commit, a merge counts from the next statement, and history is known.

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import t from 'tap';
import type { AuditEventView, Page, PolicyView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 120_000;
t.setTimeout(fileMsMax);

const policy = (states: string) => `policy: shop
rules:
  - id: connect
    actions: [connect]
    decision: allow
  - id: reads
    effects: { access: [read, session] }
    decision: allow
  - id: changes
    title: A change waits
    effects: { access: [write, unknown] }
    decision: hold
    wait: error
    approvers: { groups: [dba] }
  - id: too-many-denials
    title: Three denials in a minute are enough
    actions: [statement]
    when: history.denials_last_minute >= 3
    decision: deny
  - id: newcomers-copy-nothing
    title: Nobody exports at the first visit
    effects: { verbs: [export] }
    when: history.first_time
    decision: deny
    message: not at the first visit
  - id: secrets
    effects: { tables: [public.secrets] }
    decision: deny
templates:
  - id: set-state
    protocol: postgres
    statement: UPDATE public.orders SET state = :state WHERE id = :id
    parameters: { state: { in: [${states}] }, id: { type: int, min: 1 } }
    principals: { groups: [engineers] }
`;

t.test('templates by git', { timeout: fileMsMax }, async (t) => {
  const repository = mkdtempSync(join(tmpdir(), 'policy-repository-'));
  t.teardown(() => rmSync(repository, { recursive: true, force: true }));
  const git = (...args: string[]) => {
    const env = { PATH: process.env['PATH'], HOME: repository, GIT_CONFIG_NOSYSTEM: '1' };
    const who = ['-c', 'user.name=Alice', '-c', 'user.email=alice@example.com'];
    return execFileSync('git', [...who, ...args], { cwd: repository, env, encoding: 'utf8', stdio: 'pipe' }).trim();
  };
  const commit = (text: string, subject: string): string => {
    mkdirSync(join(repository, 'live'), { recursive: true });
    writeFileSync(join(repository, 'live', 'shop.yaml'), text);
    git('add', '-A');
    git('commit', '-q', '-m', subject);
    return git('rev-parse', 'HEAD');
  };
  git('init', '-q', '-b', 'main');
  const first = commit(policy('paid'), 'Orders can be paid');

  const server = await startPostgres(t);
  await server.sql("CREATE TABLE orders AS SELECT n AS id, 'new'::text AS state FROM generate_series(1, 9) AS n");
  await server.sql('CREATE TABLE secrets (word text)');
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', {})],
    config: { policies: { git: { url: repository, folder: 'live', poll: '1s' } } },
  });
  const psql = tool('psql', 'postgresql-client');
  const asked = async (text: string) => run(t, psql, ['-X', '-At', '-c', text, gateway.url('alice', 'orders')]);
  const state = async (id: number) => (await server.sql(`SELECT state FROM orders WHERE id = ${id}`))[0]?.['state'];

  await t.test('the template runs, and the audit log names it and the commit', async (t) => {
    const { stdout, stderr } = await asked("update public.orders /* ticket */ set state = 'paid' where id = 3");
    t.equal(stdout.trim(), 'UPDATE 1', stderr);
    t.equal(await state(3), 'paid');
    const event = await eventually('the release is in the audit log', async () => {
      const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=action.released&limit=50');
      return body.items.find(({ detail }) => JSON.stringify(detail).includes('shop/set-state'));
    });
    t.match(JSON.stringify(event), new RegExp(`@${first.slice(0, 12)}`));
  });

  await t.test('a driver that binds parameters is judged by their values', async (t) => {
    const client = new pg.Client({ connectionString: gateway.url('alice', 'orders') });
    await client.connect();
    t.teardown(() => client.end());
    const text = 'UPDATE public.orders SET state = $1 WHERE id = $2';
    t.equal((await client.query(text, ['paid', 4])).rowCount, 1);
    await t.rejects(client.query(text, ['lost', 5]), { message: /waits/ });
    t.equal(await state(4), 'paid');
    t.equal(await state(5), 'new');
  });

  await t.test('what only looks like it waits, and a temporary search_path does not help', async (t) => {
    const { stderr } = await asked("UPDATE public.orders SET state = 'paid' WHERE id = 5 OR true");
    t.match(stderr, /ERROR/);
    t.equal(await state(5), 'new');
    t.match((await asked('COPY orders TO STDOUT')).stdout, /^1\tnew$/m, 'a second visit');
    t.match((await run(t, psql, ['-X', '-c', 'COPY orders TO STDOUT', gateway.url('dana', 'orders')])).stderr, /not at the first visit/);
  });

  await t.test('a merge counts from the next statement; a mistake in one does not', async (t) => {
    const carol = gateway.api('carol');
    const now = async () => (await carol.get<PolicyView>('/policies')).body;
    commit('policy: shop\nrules: []\n', 'A mistake');
    const bad = await eventually('the mistake is told', async () => ((await now()).rejected.length > 0 ? now() : null));
    t.equal(bad.source?.commit, first);
    t.equal((await asked("UPDATE public.orders SET state = 'paid' WHERE id = 6")).stdout.trim(), 'UPDATE 1');
    const second = commit(policy('sent'), 'Orders can be sent');
    await eventually('the second commit is in force', async () => (await now()).source?.commit === second);
    t.match((await now()).source, { author: 'Alice <alice@example.com>', subject: 'Orders can be sent', ref: 'main', signed_by: null });
    t.match((await asked("UPDATE public.orders SET state = 'paid' WHERE id = 7")).stderr, /ERROR/);
    t.equal((await asked("UPDATE public.orders SET state = 'sent' WHERE id = 7")).stdout.trim(), 'UPDATE 1');
  });

  await t.test('denials of the last minute count', async (t) => {
    const denied = ['-c', 'SELECT * FROM secrets'];
    const { stderr } = await run(t, psql, ['-X', ...denied, ...denied, ...denied, '-c', 'SELECT 1', gateway.url('bob', 'orders')]);
    t.equal(stderr.match(/ERROR/g)?.length, 4);
    t.match(stderr, /Three denials in a minute are enough/);
  });
});
