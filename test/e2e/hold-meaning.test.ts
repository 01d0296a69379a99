// A text that waits is approved for what it would do when it began to wait. Where the target is changed meanwhile so that the same words
// would do something else, it does not run, whoever said yes; where nothing of it changed, it runs.

import { createConnection } from 'mysql2/promise';
import pg from 'pg';
import t from 'tap';
import type { HoldView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf, type TestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { startPostgres } from '../support/postgres.ts';

/** Bob may do anything: what he changes through the gateway is known at once, as what is changed elsewhere is within half a minute. */
const policies = (terms = '') => ({
  'p.yaml': `
policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: bobs, principals: { people: [bob] }, decision: allow }
  - { id: free, effects: { access: [read, session] }, decision: allow }
  - id: waits
    principals: { people: [alice] }
    effects: { access: [write, unknown] }
    decision: hold
    approvers: { groups: [dba] }
${terms}`,
});

interface Case {
  readonly what: string;
  readonly text: string;
  /** Done by somebody else while it waits. */
  readonly meanwhile: readonly string[];
  readonly runs: boolean;
}

const changed = /something else now than what was approved/;

async function approve(gateway: TestGateway, meanwhile: () => Promise<unknown>): Promise<void> {
  const bob = gateway.api('bob');
  const hold = await eventually('it waits', async () => (await bob.get<Page<HoldView>>('/holds?state=pending')).body.items[0]);
  await meanwhile();
  const { status } = await bob.post(`/holds/${hold.id}/approve`, { reason: 'fine' });
  if (status !== 200) throw new Error(`the approval was answered with ${status}`);
}

const outcome = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'ran',
    (error: Error) => error.message,
  );

const setup = `
  DROP SCHEMA IF EXISTS public, postgres CASCADE; CREATE SCHEMA public;
  CREATE TABLE mine (id int PRIMARY KEY); INSERT INTO mine VALUES (1); CREATE TABLE secret (id int); INSERT INTO secret VALUES (1);
  CREATE VIEW seen AS SELECT id FROM mine;
  CREATE FUNCTION empties() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM secret; RETURN NULL; END'`;
const cases: readonly Case[] = [
  { what: 'nothing changed', text: 'DELETE FROM seen', meanwhile: [], runs: true },
  { what: 'something else changed', text: 'DELETE FROM seen', meanwhile: ['CREATE TABLE other (id int)'], runs: true },
  {
    what: 'the view stands for another table',
    text: 'DELETE FROM seen',
    meanwhile: ['CREATE OR REPLACE VIEW seen AS SELECT id FROM secret'],
    runs: false,
  },
  {
    what: 'a table took its place',
    text: 'DELETE FROM seen',
    meanwhile: ['ALTER VIEW seen RENAME TO was', 'ALTER TABLE secret RENAME TO seen'],
    runs: false,
  },
  {
    what: 'a trigger was made',
    text: 'DELETE FROM mine',
    meanwhile: ['CREATE TRIGGER t BEFORE DELETE ON mine FOR EACH STATEMENT EXECUTE FUNCTION empties()'],
    runs: false,
  },
  {
    what: 'a foreign key reaches further',
    text: 'DELETE FROM mine',
    meanwhile: ['ALTER TABLE secret ADD FOREIGN KEY (id) REFERENCES mine ON DELETE CASCADE'],
    runs: false,
  },
  {
    what: 'a schema in front has a table of the name',
    text: 'DELETE FROM mine',
    meanwhile: ['CREATE SCHEMA postgres', 'CREATE TABLE postgres.mine AS SELECT * FROM secret'],
    runs: false,
  },
];

const server = await startPostgres(t);
const owner = await server.connect();

for (const threads of [0, 2]) {
  await t.test(`PostgreSQL, ${threads} relay threads`, async (t) => {
    const gateway = await startTestGateway(t, {
      targets: [targetOf(server, 'db', {})],
      policies: policies(),
      config: { relay_threads: threads },
    });
    for (const { what, text, meanwhile, runs } of cases) {
      for (const parameters of [undefined, []]) {
        await owner.query(setup);
        const [client, bobs] = ['alice', 'bob'].map((who) => new pg.Client({ connectionString: gateway.url(who, 'db') })) as [
          pg.Client,
          pg.Client,
        ];
        await Promise.all([client.connect(), bobs.connect()]);
        await bobs.query('COMMENT ON TABLE mine IS NULL'); // what the owner made is known from now on
        const ended = outcome(client.query(text, parameters));
        await approve(gateway, async () => {
          for (const each of meanwhile) await bobs.query(each);
        });
        const ending = await ended;
        if (runs) t.equal(ending, 'ran', what);
        else t.match(ending, changed, what);
        t.match((await client.query('SELECT 1')).rows.length, 1, 'the session goes on');
        await Promise.all([client.end(), bobs.end()]);
      }
    }
  });
}

await t.test('with wait: error, an approval counts for what it would have done', async (t) => {
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'db', {})],
    policies: policies('    wait: error\n'),
  });
  await owner.query(setup);
  const [client, bobs] = ['alice', 'bob'].map((who) => new pg.Client({ connectionString: gateway.url(who, 'db') })) as [
    pg.Client,
    pg.Client,
  ];
  await Promise.all([client.connect(), bobs.connect()]);
  t.match(await outcome(client.query('DELETE FROM seen')), /waits/);
  await approve(gateway, () => bobs.query('CREATE OR REPLACE VIEW seen AS SELECT id FROM secret'));
  t.match(await outcome(client.query('DELETE FROM seen')), /waits/, 'it waits anew');
  await approve(gateway, async () => undefined);
  t.equal(await outcome(client.query('DELETE FROM seen')), 'ran');
  await Promise.all([client.end(), bobs.end()]);
});

await t.test('MySQL', async (t) => {
  const mariadb = await startMariadb(t);
  await mariadb.sql(`CREATE TABLE mine (id int); CREATE TABLE secret (id int); CREATE VIEW seen AS SELECT id FROM mine`);
  const gateway = await startTestGateway(t, { targets: [mariadbTarget(mariadb, 'db', {})], policies: policies() });
  const connect = (who: string) =>
    createConnection({
      ...gateway.address('mysql'),
      user: who,
      password: gateway.token(who),
      database: 'db',
      enableCleartextPlugin: false,
    });
  for (const [view, runs] of [
    ['SELECT id FROM mine', true],
    ['SELECT id FROM secret', false],
  ] as const) {
    const [client, bobs] = await Promise.all(['alice', 'bob'].map(connect));
    if (client === undefined || bobs === undefined) throw new Error('nobody connected');
    const ended = outcome(client.query('DELETE FROM seen WHERE id = 1'));
    await approve(gateway, () => bobs.query(`CREATE OR REPLACE VIEW seen AS ${view}`));
    const ending = await ended;
    if (runs) t.equal(ending, 'ran');
    else t.match(ending, changed);
    await Promise.all([client.end(), bobs.end()]);
  }
});
