// The test support itself: a server that starts, answers and is gone, tools that are watched, a condition that is waited for.

import { existsSync } from 'node:fs';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

t.test('PostgreSQL from npm starts, answers psql, and is gone after stop', async (t) => {
  const server = await startPostgres(t);
  t.same(await server.sql('SELECT 1 AS one; SELECT 2 AS two'), [{ two: 2 }]);
  const psql = await run(t, tool('psql', 'postgresql-client'), [server.url(), '-Atc', 'SELECT 6 * 7']);
  t.equal(psql.stdout, '42\n', psql.stderr);
  await server.stop();
  t.notOk(existsSync(`${server.server.place.directory}/postmaster.pid`));
  await t.rejects(server.sql('SELECT 1'), { code: 'ECONNREFUSED' });
});

t.test("Debian's PostgreSQL starts as well", async (t) => {
  const server = await startPostgres(t, { from: 'debian' });
  t.match(await server.sql('SHOW server_version'), [{ server_version: /^\d+/ }]);
});

t.test('a tool is watched, interrupted, and told apart by its end', async (t) => {
  const talker = start(t, 'sh', ['-c', 'echo ready; trap "echo caught; exit 7" INT; while :; do sleep 0.05; done']);
  await talker.waitFor(/ready/);
  talker.kill('SIGINT');
  t.match(await talker.end(), { code: 7, stdout: 'ready\ncaught\n' });
  await t.rejects(start(t, 'sh', ['-c', 'echo no']).waitFor(/yes/), /it ended before .*no/s);
  await t.rejects(start(t, '/nowhere/at-all').ended, /could not be started/);
});

t.test('a missing tool and an unmet condition fail with words', async (t) => {
  t.throws(() => tool('no-such-tool', 'no-such-package'), /apt-get install no-such-package/);
  await t.rejects(
    eventually('pigs fly', () => false, 30),
    /not within 30 ms: pigs fly/,
  );
  t.equal(
    await eventually(
      'it counts to three',
      (() => {
        let n = 0;
        return () => (++n === 3 ? n : null);
      })(),
    ),
    3,
  );
});
