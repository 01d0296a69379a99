// Large results pass in memory that is used again, for all sessions at once: each client gets its own rows, every byte of them,
// however slowly it reads, and whoever leaves in the middle.

import { createHash } from 'node:crypto';
import { createConnection, type Connection } from 'mysql2';
import t, { type Test } from 'tap';
import { startTestGateway } from '../support/gateway.ts';
import { eventually } from '../support/eventually.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';

const rows = 20_000;
const server = await startMariadb(t);
await server.sql(`
  CREATE TABLE many (id int PRIMARY KEY);
  INSERT INTO many SELECT seq FROM seq_1_to_${rows}`);
const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', { env: 'production' })] });
const { port } = gateway.address('mysql');
const token = gateway.token('alice');

/** Rows of 1 to 30 times 128 bytes, 40 MB: more than all buffers of two connections. Those of another number are others. */
const textOf = (client: number) => `SELECT REPEAT(MD5(CONCAT('${client} ', id)), 4 * (1 + MOD(id * 7, 30))) AS text FROM many ORDER BY id`;

function wanted(client: number): string {
  const hash = createHash('sha256');
  for (let id = 1; id <= rows; id += 1)
    hash.update(
      `${createHash('md5')
        .update(`${client} ${id}`)
        .digest('hex')
        .repeat(4 * (1 + ((id * 7) % 30)))}\n`,
    );
  return hash.digest('hex');
}

function connected(t: Test): Connection {
  const connection = createConnection({ host: '127.0.0.1', port, user: 'alice', password: token, database: 'shop' });
  connection.on('error', () => undefined);
  t.teardown(() => connection.destroy());
  return connection;
}

/** Reads the whole result, and stops behind its first rows until it may go on. */
async function read(t: Test, client: number, stopped: () => void, mayGoOn: Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  let count = 0;
  for await (const row of connected(t).query(textOf(client)).stream({ highWaterMark: 5 })) {
    hash.update(`${(row as { text: string }).text}\n`);
    count += 1;
    if (count !== 500) continue;
    stopped();
    await mayGoOn;
  }
  return hash.digest('hex');
}

t.test('some stop reading, others leave, others read: what waits in the gateway stays as it is', async (t) => {
  const later = Promise.withResolvers<void>();
  let waiting = 0;
  const slow = [1, 2, 3].map((client) => read(t, client, () => (waiting += 1), later.promise));
  await eventually('they have stopped', () => waiting === 3);
  let gone = 0;
  for (let leaver = 0; leaver < 3; leaver += 1) {
    const connection = connected(t);
    let seen = 0;
    connection
      .query(textOf(100 + leaver))
      .on('error', () => undefined)
      .on('result', () => {
        seen += 1;
        if (seen !== 1000 * (leaver + 1)) return;
        connection.destroy();
        gone += 1;
      });
  }
  const goesOn = Promise.resolve();
  const fast = await Promise.all([4, 5, 6].map((client) => read(t, client, () => undefined, goesOn)));
  await eventually('three have left', () => gone === 3);
  later.resolve();
  t.same(fast, [4, 5, 6].map(wanted));
  t.same(await Promise.all(slow), [1, 2, 3].map(wanted));
});
