// Results and answers pass in memory that is used again, for all sessions at once: each client gets its own bytes, every one of them,
// however slowly it reads, whoever leaves in the middle, and while others ask for little.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { tool } from '../support/tools.ts';

const server = await startPostgres(t, { from: 'debian' });
const gateway = await startTestGateway(t, { targets: [targetOf(server, 'scratch', { env: 'development' })] });
const psql = tool('psql', 'postgresql-client');

/** 30 MB in rows of 40 to 1,000 bytes: more than all buffers of two connections. Those of another number are others. */
const rows = 60_000;
const query = (client: number) => `SELECT repeat(md5('${client} ' || n), 1 + n * 7 % 31) FROM generate_series(1, ${rows}) n`;

function wanted(client: number): string {
  const hash = createHash('sha256');
  for (let n = 1; n <= rows; n += 1)
    hash.update(
      `${createHash('md5')
        .update(`${client} ${n}`)
        .digest('hex')
        .repeat(1 + ((n * 7) % 31))}\n`,
    );
  return hash.digest('hex');
}

function started(t: Test, command: string) {
  const child = spawn(psql, [gateway.url('alice', 'scratch'), '-XAtqc', command], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  return child;
}

/** Takes some of what comes, and the rest when it may. */
async function read(t: Test, command: string, mayGoOn: Promise<void>, stopped?: () => void): Promise<string> {
  const hash = createHash('sha256');
  let isFirst = true;
  for await (const chunk of started(t, command).stdout) {
    hash.update(chunk as Buffer);
    if (isFirst && stopped !== undefined) {
      stopped();
      await mayGoOn;
    }
    isFirst = false;
  }
  return hash.digest('hex');
}

t.test('some stop reading, others leave, others read, others ask for little', async (t) => {
  const later = Promise.withResolvers<void>();
  let waiting = 0;
  const slow = [1, 2].map((client) => read(t, `COPY (${query(client)}) TO STDOUT`, later.promise, () => (waiting += 1)));
  await eventually('they have stopped', () => waiting === 2);
  const leaving = [3, 4].map((client) => started(t, `COPY (${query(client)}) TO STDOUT`));
  for (const child of leaving) await once(child.stdout, 'data');
  const quick = [5, 6].map((client) => read(t, client === 5 ? `COPY (${query(client)}) TO STDOUT` : query(client), later.promise));
  for (const child of leaving) child.kill('SIGKILL');
  for (let n = 0; n < 5; n += 1) t.equal(await read(t, `SELECT ${n}`, later.promise), createHash('sha256').update(`${n}\n`).digest('hex'));
  t.same(await Promise.all(quick), [5, 6].map(wanted));
  later.resolve();
  t.same(await Promise.all(slow), [1, 2].map(wanted));
});
