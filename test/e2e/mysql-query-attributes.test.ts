// Query attributes of a real client (mysql2): to a target that takes them, and to one that does not.

import { createConnection, type Connection } from 'mysql2/promise';
import t from 'tap';
import { flag } from '../../protocols/mysql/capabilities.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { startMysql8 } from '../support/mysql8-server.ts';
import { ask, errorOf, rawClient } from '../support/mysql-wire.ts';

const server = await startMariadb(t);
await server.sql('CREATE TABLE things (id int PRIMARY KEY); INSERT INTO things VALUES (1), (2)');
const mysql8 = await startMysql8(t, { behind: server, password: 'p', way: 'fast' });
const shown = { server_version: '8.0.36' };
const gateway = await startTestGateway(t, {
  targets: [
    { ...mariadbTarget(server, 'takes', {}), port: mysql8.port, user: 'sallyport', password: 'p', ...shown },
    { ...mariadbTarget(server, 'drops', {}), ...shown },
  ],
  policies: {
    'p.yaml': `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: all, decision: allow }
  - { id: writes, effects: { verbs: [delete] }, decision: deny, message: no writes }
  - { id: reads, effects: { access: [read, session] }, fence: read-only, decision: allow }
`,
  },
});
const { port } = gateway.address('mysql');

async function connect(target: string): Promise<Connection> {
  const connection = await createConnection({ host: '127.0.0.1', port, user: `alice:${target}`, password: gateway.token('alice'), database: 'shop' }); // prettier-ignore
  t.teardown(() => connection.destroy());
  return connection;
}

for (const target of ['takes', 'drops']) {
  t.test(`${target}: texts, executions and the gateway's own queries between them`, async (t) => {
    const connection = await connect(target);
    mysql8.attributes.length = 0;
    const attributes = { traceparent: '00-ab-cd-01', none: null };
    t.strictSame((await connection.query({ sql: 'SELECT id FROM things', attributes }))[0], [{ id: 1 }, { id: 2 }]);
    t.strictSame((await connection.execute({ sql: 'SELECT id, ? AS n, ? AS z FROM things WHERE id = ?', values: ['x', null, 2], attributes: { k: 'v' } }))[0], [{ id: 2, n: 'x', z: null }]); // prettier-ignore
    t.strictSame((await connection.execute({ sql: 'SELECT 1 AS one', attributes: { alone: 'w' } }))[0], [{ one: 1 }]);
    await connection.query("SET sql_mode = 'ANSI_QUOTES'");
    t.strictSame((await connection.query('SELECT "id" FROM things WHERE "id" = 1'))[0], [{ id: 1 }]);
    await t.rejects(connection.query({ sql: 'DELETE FROM things', attributes }), { message: /no writes/ });
    await t.rejects(connection.execute({ sql: 'DELETE FROM things WHERE id = ?', values: [1], attributes }), { message: /no writes/ });
    t.strictSame(mysql8.attributes, target === 'takes' ? ['traceparent=00-ab-cd-01', 'none=NULL', 'k=v', 'alone=w'] : []);
  });
}

t.test('a raw client: a text behind its attributes is judged, and what can not be read ends the connection', async (t) => {
  const capabilities = { standard: flag.deprecateEof | flag.queryAttributes, extended: 0 };
  const client = () => rawClient(t, { port, user: 'alice:drops', password: gateway.token('alice'), capabilities, database: 'shop' });
  const query = (head: number[], text: string) => Buffer.concat([Buffer.from([wire.command.query, ...head]), Buffer.from(text)]);
  const one = await client();
  t.match(errorOf(await ask(one, query([0, 1], 'DELETE FROM things'))), /no writes/);
  t.match(errorOf(await ask(one, query([1, 1, 0, 1, 0xfe, 0, 1, 0x61, 6], 'SELECTDELETE FROM things'))), /no writes/, 'a value is no text');
  t.match(errorOf(await ask(one, query([0, 2], 'SELECT 1'))), /more than one set/);
  t.match(errorOf(await ask(await client(), query([1, 1, 0, 1, 0xf2, 0, 1, 0x61, 0], 'SELECT 1'))), /type 242/);
  t.match(errorOf(await ask(await client(), query([0xfc, 1], 'S'))), /query attributes|middle of a field/);
});
