// The type of a parameter runs code of the target: a domain's check does when a value is made of it. The type stands in PREPARE's
// list, or in the Parse message and nowhere in the text. Nothing of it may run where only reads are allowed.

import t from 'tap';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import * as pg from '../support/postgres-wire.ts';
import { summary, WireClient } from '../support/postgres-wire.ts';

t.setTimeout(120_000); // a busy machine takes its time

const server = await startPostgres(t, { from: 'debian' });
await server.sql(`
  CREATE TABLE victim (id int);
  CREATE FUNCTION wipe(int) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN DELETE FROM victim; RETURN true; END';
  CREATE DOMAIN checked AS int CHECK (wipe(VALUE));
  CREATE DOMAIN plain AS int CHECK (VALUE > 0);
  CREATE TYPE pair AS (a checked);
  CREATE TYPE mood AS ENUM ('good', 'bad')`);
const policy = `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: reads, effects: { access: [read, session] }, decision: allow }
`;
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'orders', {})], policies: { 'p.yaml': policy } });

async function oidOf(type: string): Promise<number> {
  const [row] = (await server.sql(`SELECT '${type}'::regtype::oid::int AS oid`)) as unknown as [{ oid: number }];
  return row.oid;
}

async function after(tries: (client: WireClient) => Promise<pg.WireMessage[]>): Promise<string> {
  await server.sql('DELETE FROM victim; INSERT INTO victim VALUES (1)');
  const { host, port } = gateway.address('postgres');
  const client = await WireClient.open(t, { host, port, user: 'alice', password: gateway.token('alice'), database: 'orders' });
  const said = summary(await tries(client));
  client.send(pg.terminate);
  const [left] = (await server.sql('SELECT count(*)::int AS n FROM victim')) as unknown as [{ n: number }];
  return `${left.n === 1 ? 'kept' : 'wiped'} ${said}`;
}

t.test('PREPARE with a list of types', async (t) => {
  for (const [type, value] of [
    ['checked', '1'],
    ['pair', "'(1)'"],
    ['checked[]', "'{1}'"],
  ] as const) {
    const said = await after(async (client) => {
      await client.query(`PREPARE p(${type}) AS SELECT 1`);
      return client.query(`EXECUTE p(${value})`);
    });
    t.match(said, /^kept E42501\(nothing allows call type/, type);
  }
  const byMessage = await after(async (client) => {
    await client.query('PREPARE p(checked) AS SELECT 1');
    return client.cycle(pg.bind('', 'p', ['1']), pg.execute(), pg.sync);
  });
  t.match(byMessage, /^kept E42501/, 'executed by message');
});

t.test('types in the Parse message', async (t) => {
  for (const [type, value] of [
    ['checked', '1'],
    ['pair', '(1)'],
    ['checked[]', '{1}'],
  ] as const) {
    const types = [await oidOf(type)];
    const refused = /^kept E42501\(nothing allows call type public\.\w+ of a parameter/;
    const once = (...rest: Buffer[]) =>
      after((client) => client.cycle(pg.parse('', 'SELECT 1', types), pg.bind('', '', [value]), ...rest, pg.sync));
    t.match(await once(pg.execute()), refused, type);
    t.match(await once(), refused, `${type}: Bind alone`);
    const kept = async (client: WireClient, ...next: Buffer[]) => {
      await client.cycle(pg.parse('p', 'SELECT 1', types), pg.sync);
      return client.cycle(...next, pg.sync);
    };
    const whole = [pg.bind('', 'p', [value]), pg.describe('P'), pg.execute()];
    t.match(await after((client) => kept(client, ...whole)), refused, `${type}: a cycle of its own`);
    const bySql = after(async (client) => {
      await client.cycle(pg.parse('p', 'SELECT 1', types), pg.sync);
      return client.query(`EXECUTE p('${value}')`);
    });
    t.match(await bySql, refused, `${type}: by SQL EXECUTE`);
  }
});

t.test('types that run nothing are read as ever', async (t) => {
  for (const [type, value] of [
    ['plain', '1'],
    ['mood', 'good'],
    ['mood[]', '{good}'],
    ['int', '1'],
  ] as const) {
    const types = [await oidOf(type)];
    const said = await after((client) => client.cycle(pg.parse('', 'SELECT $1', types), pg.bind('', '', [value]), pg.execute(), pg.sync));
    t.match(said, /^kept 1 2 D C\(SELECT 1\) ZI/, type);
  }
  const bySql = await after(async (client) => {
    await client.query('PREPARE p(plain, mood, int) AS SELECT $1, $2, $3');
    return client.query("EXECUTE p(1, 'good', 2)");
  });
  t.match(bySql, /^kept T D C\(SELECT 1\) ZI/);
});
