// npm run demo, as a person or program starts it, in a directory of its own.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import pg from 'pg';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { run, start } from '../support/processes.ts';
import type { Running } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

const checkout = join(import.meta.dirname, '../..');

interface Ready {
  readonly console: string;
  readonly api: string;
  readonly people: Readonly<Record<string, { readonly token: string }>>;
  readonly targets: Readonly<
    Record<string, { readonly protocol: string; readonly url: string; readonly direct: string; readonly argv?: readonly string[] }>
  >;
}

async function startDemo(t: Parameters<typeof start>[0], dataDir: string): Promise<{ demo: Running; ready: Ready }> {
  // As on a machine where nobody set anything: npm's own settings of the outer run must not leak in.
  const env = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => name.startsWith('npm_'))
      .map((name) => [name, undefined]),
  );
  const demo = start(t, 'npm', ['run', 'demo', '--', '--json', '--data', dataDir], { cwd: checkout, env });
  await demo.waitFor(/^\{.*\n/, 60_000);
  return { demo, ready: JSON.parse(demo.stdout) as Ready };
}

/** Processes whose command line names the data directory. */
function left(dataDir: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(dataDir) && !line.includes('test.ts') ? [`${pid} ${line}`] : [];
      } catch {
        return [];
      }
    });
}

t.test('one line of JSON, everything in it works, Ctrl-C leaves nothing, and a second start is quick', async (t) => {
  const dataDir = join(temporaryDirectory(t, 'demo'), "bob's data ü");
  const { demo, ready } = await startDemo(t, dataDir);
  t.equal(demo.stdout.trimEnd().split('\n').length, 1, 'one line on stdout');
  t.same(Object.keys(ready.people), ['alice', 'bob', 'dana', 'carol', 'erin']);
  t.match(ready.console, /^http:\/\/127\.0\.0\.1:\d+\/login#/);
  t.equal(ready.targets['orders']?.protocol, 'postgres');

  const bob = await fetch(`${ready.api}/me`, { headers: { authorization: `Bearer ${ready.people['bob']?.token}` } });
  t.match(await bob.json(), { name: 'bob', groups: ['dba'] });
  const psql = tool('psql', 'postgresql-client');
  for (const way of ['url', 'direct'] as const) {
    const { stdout, stderr } = await run(t, psql, [ready.targets['orders']?.[way] ?? '', '-Atc', 'SELECT count(*) FROM payments']);
    t.equal(stdout, '30000\n', `${way}: ${stderr}`);
  }
  t.match(Object.keys(ready.targets), ['orders', 'scratch', 'shop', 'web-1']);
  for (const way of ['url', 'direct'] as const) {
    const { hostname, port, username, password, pathname } = new URL(ready.targets['shop']?.[way] ?? '');
    const shop = ['-h', hostname, '-P', port, '-u', username, pathname.slice(1), '-Ne', 'SELECT count(*) FROM payments'];
    const { stdout, stderr } = await run(t, tool('mariadb', 'mariadb-client'), shop, { env: { MYSQL_PWD: password } });
    t.equal(stdout, '6000\n', `${way}: ${stderr}`);
  }
  const scratch = await run(t, psql, [ready.targets['scratch']?.url ?? '', '-Atc', 'CREATE TABLE a (b int); DROP TABLE a']);
  t.equal(scratch.code, 0, scratch.stderr);
  const ledger = await run(t, psql, [(ready.targets['orders']?.url ?? '').replace(/orders$/, 'ledger'), '-Atc', 'SELECT 1']);
  t.match(ledger.stderr, /ask for access: sallyport request ledger/, 'nobody has standing access to ledger');

  const [ssh = '', ...sshWords] = ready.targets['web-1']?.argv ?? [];
  const machine = await run(t, ssh, [...sshWords, 'cat release/VERSION']);
  t.match(machine, { code: 0, stdout: '2026.11.2\n' }, machine.stderr);

  const other = await run(t, 'npm', ['run', 'demo', '--', '--json', '--data', dataDir], { cwd: checkout });
  t.match(other, { code: 1, stdout: '', stderr: /already runs/ });

  process.kill(-(demo.child.pid ?? 0), 'SIGINT'); // the terminal's Ctrl-C: to everybody in the group
  await demo.end();
  t.equal(demo.stdout.trimEnd().split('\n').length, 1, 'still one line on stdout');
  t.same(left(dataDir), []);

  const startedMs = performance.now();
  const again = await startDemo(t, dataDir);
  t.ok(performance.now() - startedMs < 15_000, 'up again within seconds');
  t.same(Object.keys(again.ready.targets), ['orders', 'scratch', 'shop', 'web-1']);
  t.equal(again.ready.targets['orders']?.direct, ready.targets['orders']?.direct, 'on the same ports with the same data');
});

t.test('killed without a chance to clean up, it still leaves nothing, and the next start is well', async (t) => {
  const dataDir = join(temporaryDirectory(t, 'demo'), 'data');
  const first = await startDemo(t, dataDir);
  process.kill(-(first.demo.child.pid ?? 0), 'SIGKILL');
  await first.demo.end();
  await eventually('PostgreSQL and MariaDB have gone after their parent', () => left(dataDir).length === 0);
  const second = await startDemo(t, dataDir);
  const client = new pg.Client({ connectionString: second.ready.targets['orders']?.direct ?? '' });
  await client.connect();
  t.match(await client.query('SELECT count(*)::int AS n FROM customers'), { rows: [{ n: 5000 }] });
  await client.end();
});

t.test('an unknown option is refused in words', async (t) => {
  const { code, stdout, stderr } = await run(t, 'npm', ['run', 'demo', '--', '--colour'], { cwd: checkout });
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(stderr, /--colour/);
});
