// Several relay threads behind one port: the same rules, limits and log as with one, whichever thread a connection came to.

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import pg from 'pg';
import t from 'tap';
import type { AccessRequestView, AuditEventView, Page, SessionView } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

type Tap = Parameters<typeof startTestGateway>[0];

const policy = (extra = '') => `
policy: production
rules:
  - { id: open, actions: [connect], decision: allow }
  - { id: read, effects: { access: [read, session] }, decision: allow }
  - { id: write, effects: { verbs: [insert, update, create, alter] }, decision: allow }
  - { id: ask, effects: { verbs: [delete] }, decision: hold, approvers: { groups: [dba] }, expires: 1h }
  - { id: often, when: 'action.text.contains("rate") && history.actions_last_minute > 5', decision: deny }
  - { id: with-access, needs: grant, effects: { verbs: [truncate] }, decision: allow }
${extra}
access:
  - { id: empty, principals: { groups: [engineers] }, longest: 2h, automatic: true }
`;

const threads = 3;
/** All in one of three threads: one in half a million. */
const many = 14;

/** The gateway's threads: those of this process that are started from now on and relay. */
function relayThreads(t: Tap): Worker[] {
  const workers: Worker[] = [];
  const started = (worker: Worker) => void workers.push(worker);
  process.on('worker', started);
  t.teardown(() => process.off('worker', started));
  return workers;
}

async function clients(t: Tap, url: string, count: number): Promise<pg.Client[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = new pg.Client({ connectionString: url, ssl: false });
      client.on('error', () => undefined);
      t.teardown(() => client.end().catch(() => undefined));
      await client.connect();
      return client;
    }),
  );
}

const fails = async (asked: Promise<unknown>) =>
  asked.then(
    () => '',
    (thrown: Error) => thrown.message,
  );

t.test('many clients over several threads', async (t) => {
  const server: TestPostgres = await startPostgres(t);
  await server.sql('CREATE TABLE things AS SELECT n AS id FROM generate_series(1, 10) AS n; CREATE TABLE once (id int)');
  const workers = relayThreads(t);
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'production.yaml': policy() },
    config: { relay_threads: threads, limits: { connections: 200, connections_per_address: many + 2 } },
  });
  const url = gateway.url('alice', 'orders');
  const [alice, bob, carol, erin] = ['alice', 'bob', 'carol', 'erin'].map((name) => gateway.api(name)) as [
    ReturnType<typeof gateway.api>,
    ReturnType<typeof gateway.api>,
    ReturnType<typeof gateway.api>,
    ReturnType<typeof gateway.api>,
  ];
  const openSessions = async () => (await carol.get<Page<SessionView>>('/sessions?state=open&limit=100')).body.items;

  await t.test('pgbench: every event is in one chain, in the order of its session', async (t) => {
    const bench = tool('pgbench', 'postgresql-contrib');
    const script = join(temporaryDirectory(t, 'pgbench'), 'script.sql');
    writeFileSync(script, 'SELECT count(*) FROM things WHERE id = 3;\n');
    const { stdout, stderr, code } = await run(t, bench, ['-n', '-c', '6', '-t', '60', '-M', 'prepared', '-f', script, url]);
    t.equal(code, 0, stderr);
    t.match(stdout, /actually processed: 360\/360/);
    const events: AuditEventView[] = [];
    for (let cursor = ''; ;) {
      const { body } = await carol.get<Page<AuditEventView>>(`/audit?limit=200${cursor}`);
      events.unshift(...body.items.toReversed());
      if (body.next === null) break;
      cursor = `&cursor=${body.next}`;
    }
    t.match((await carol.get('/audit/verify')).body, { ok: true });
    const sessions = Map.groupBy(
      events.filter((it) => it.session_id !== null),
      (it) => it.session_id,
    );
    let released = 0;
    for (const [id, own] of sessions) {
      const types = own.map((it) => it.type).filter((type) => type.startsWith('session.'));
      if (!types.includes('session.opened')) continue;
      const asked = own.filter((it) => it.action_id !== `${id}-0`); // the first one is to open it
      t.equal(asked[0]?.type, 'session.opened', `${id} begins with its opening`);
      t.equal(own.at(-1)?.type, 'session.closed', `${id} ends with its end`);
      const last = new Map<string, string>();
      for (const event of own) {
        if (event.action_id === null) continue;
        if (event.type === 'action.released') released += 1;
        if (event.type === 'action.finished') t.equal(last.get(event.action_id), 'action.released', 'released before finished');
        last.set(event.action_id, event.type);
      }
      const numbers = own.filter((it) => it.type === 'action.released').map((it) => Number(it.action_id?.split('-').at(-1)));
      t.same(
        numbers,
        numbers.toSorted((a, b) => a - b),
        'actions of a session in their order',
      );
    }
    t.ok(released >= 360, `${released} released`);
  });

  const all = await clients(t, url, many);

  await t.test('a statement waits in its own thread and is answered by the main one', async (t) => {
    const [first, second] = all as [pg.Client, pg.Client];
    const asked = [first.query('DELETE FROM things WHERE id = 1'), fails(second.query('DELETE FROM things WHERE id = 2'))] as const;
    const one = await bob.pendingHold(/id = 1/);
    const two = await bob.pendingHold(/id = 2/);
    t.equal((await bob.post(`/holds/${one.id}/approve`, { reason: 'yes' })).status, 200);
    t.equal((await bob.post(`/holds/${two.id}/deny`, { reason: 'not this one' })).status, 200);
    t.equal((await asked[0]).rowCount, 1);
    t.match(await asked[1], /not this one/);
    t.equal((await second.query('SELECT count(*)::int AS n FROM things')).rows[0].n, 9, 'its session goes on');
  });

  await t.test('access counts from the moment it is given, in every thread', async (t) => {
    t.match(await fails(all[0]!.query('TRUNCATE once')), /access/i);
    const given = await alice.post<AccessRequestView>('/access-requests', { target: 'orders', for_ms: 3_600_000, reason: 'ticket 7' });
    t.equal(given.status, 200);
    for (const client of all) await client.query('TRUNCATE once');
    const id = given.body.grant_id ?? '';
    t.equal((await erin.post(`/grants/${id}/revoke`, { reason: 'enough' })).status, 200);
    await eventually('its sessions have ended', async () => (await openSessions()).length === 0);
  });

  await t.test('policies count from the moment they are in force, in every thread', async (t) => {
    const own = await clients(t, url, many);
    for (const client of own) await client.query('INSERT INTO once VALUES (1)');
    const closed = "  - { id: closed, effects: { verbs: [insert] }, decision: deny, message: 'closed for today' }";
    const before = (await carol.get<{ version: string }>('/policies')).body.version;
    writeFileSync(`${gateway.policyDir}/production.yaml`, policy(closed));
    await eventually(
      'the new version is in force',
      async () => (await carol.get<{ version: string }>('/policies')).body.version !== before,
    );
    for (const client of own) t.match(await fails(client.query('INSERT INTO once VALUES (2)')), /closed for today/);
    for (const client of own) t.equal((await client.query('SELECT count(*)::int AS n FROM once WHERE id = 2')).rows[0].n, 0);
    await Promise.all(own.map((client) => client.end()));
  });

  await t.test('what was done is counted over all threads', async (t) => {
    const own = await clients(t, url, 8);
    const said = [];
    for (const client of own) said.push(await fails(client.query("SELECT 'rate'")));
    t.match(said.at(-1), /Often/, 'the last ones are too many in a minute');
    await Promise.all(own.map((client) => client.end()));
  });

  await t.test('limits of connections are those of the gateway, not of a thread', async (t) => {
    await eventually('all are gone', async () => (await openSessions()).length === 0);
    const own = await clients(t, url, many + 2);
    const late = new pg.Client({ connectionString: url, ssl: false });
    late.on('error', () => undefined);
    t.match(await fails(late.connect()), /too many clients/);
    await own[0]!.end();
    await eventually('there is room again', async () => {
      const [again] = await clients(t, url, 1);
      return again !== undefined;
    });
    await Promise.all(own.map((client) => client.end()));
  });

  await t.test('a client cancels whichever thread its wish comes to', async (t) => {
    const own = await clients(t, url, 6);
    for (const client of own) {
      const asleep = fails(client.query('SELECT pg_sleep(60)'));
      const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
      await eventually(
        'it runs',
        async () =>
          (await server.sql("SELECT 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'")).length > 0,
      );
      const wish = Buffer.alloc(16); // CancelRequest (54.7): length, code, process and secret
      for (const [index, value] of [16, 80_877_102, processID, secretKey].entries()) wish.writeInt32BE(value, index * 4);
      connect(gateway.address('postgres').port, '127.0.0.1').end(wish);
      t.match(await asleep, /cancel/);
    }
    await Promise.all(own.map((client) => client.end()));
  });

  await t.test('a session is seen, read and ended from outside', async (t) => {
    const [client] = (await clients(t, url, 1)) as [pg.Client];
    await client.query('SELECT 4711');
    const [session] = await openSessions();
    const { body } = await carol.get<{ items: { text: string }[] }>(`/sessions/${session?.id}/recording`);
    t.ok(JSON.stringify(body).includes('4711'), 'the recording has what ran a moment ago');
    const gone = new Promise<void>((resolve) => client.once('end', () => resolve()));
    t.equal((await erin.post(`/sessions/${session?.id}/kill`)).status, 200);
    await gone;
    await eventually('it is closed', async () => (await openSessions()).length === 0);
  });

  await t.test('a thread that dies takes its own sessions with it, and another one takes its place', async (t) => {
    const own = await clients(t, url, many);
    const [waiting, busy] = [own.slice(0, 8), own.slice(8)];
    const held = waiting.map((client) => fails(client.query('DELETE FROM things WHERE id = 5')));
    const asleep = busy.map((client) => fails(client.query('SELECT pg_sleep(30)')));
    const pending = async () => (await bob.get<Page<object>>('/holds?state=pending&limit=100')).body.items.length;
    await eventually('all wait', async () => (await pending()) === waiting.length);
    const sleeping = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active' AND pid <> pg_backend_pid()";
    await eventually('all sleep', async () => (await server.sql(`SELECT 1 ${sleeping}`)).length === busy.length);
    const endedUnknown = async () =>
      (await carol.get<Page<AuditEventView>>('/audit?type=action.finished&text=unknown&limit=100')).body.items.length;
    const unknownBefore = await endedUnknown();
    const before = await openSessions();
    t.equal(before.length, many);
    await workers.find(({ threadName }) => threadName === 'relay-1')?.terminate();
    await eventually('its sessions are closed', async () => {
      const left = await openSessions();
      return left.length > 0 && left.length < many;
    });
    const left = (await openSessions()).length;
    const runningLeft = left - (await pending());
    t.ok(runningLeft >= 0 && runningLeft <= busy.length, 'what waited there is withdrawn');
    await eventually(
      'what ran there has ended, nobody knows how',
      async () => (await endedUnknown()) - unknownBefore === busy.length - runningLeft,
    );
    await eventually('another one listens', async () => {
      const more = await clients(t, url, 4);
      for (const client of more) await client.query('SELECT 1');
      await Promise.all(more.map((client) => client.end()));
      return gateway.log.some(({ message }) => /another one is started/.test(message));
    });
    t.match((await carol.get('/audit/verify')).body, { ok: true });
    for (const client of own) void client.end().catch(() => undefined);
    await server.sql(`SELECT pg_terminate_backend(pid) ${sleeping}`);
    await Promise.all([...held, ...asleep]);
  });
});

t.test('a gateway that stops while a thread is started again leaves none behind', async (t) => {
  const workers = relayThreads(t);
  const gateway = await startTestGateway(t, { config: { relay_threads: 1 } });
  const relay = () => workers.find(({ threadName }) => threadName === 'relay-0'); // ended ones have no name
  await relay()?.terminate();
  const second = await eventually('another one is being started', relay);
  const ended = new Promise<void>((resolve) => second.once('exit', () => resolve()));
  await gateway.close();
  await ended;
  t.notOk(
    gateway.log.some(({ message }) => /could not be started/.test(message)),
    'that is no failure',
  );
});
