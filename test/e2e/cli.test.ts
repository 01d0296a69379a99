// The command line as people use it, against a real gateway process and real holds: what it prints, its exit codes, and that
// nothing in a statement reaches the terminal as anything but text.

import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { AuditEventView, SessionView } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { targetOf } from '../support/gateway.ts';
import { sallyport, startGatewayProcess } from '../support/gateway-process.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { startPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

/** Everything a terminal would act on, and text that is not what it looks like. */
const hostile =
  'DELETE FROM payments /* \u001b[2J\u001b[31mred \u001b]52;c;cm0gLXJmIH4=\u0007 \u001b]0;title\u0007 \u009b31m \u202egnp.exe\u202c ' +
  '\u200bzero \ufeff \u0001\u0008\u0008\u0008 \u001bP+q544e\u001b\\ \u2028 \u{e0041} a\u0300\u0300\u0300\u0300\u0300\u0300\u0300 */';
/** Control and format characters besides the line ends that the command prints itself. */
const raw = /(?![\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

t.setTimeout(fileMsMax);

t.test('holds, answers, sessions, replay and audit from a terminal', { timeout: fileMsMax }, async (t) => {
  const { server, gateway, cli, psql } = await world(t);

  await t.test('login keeps the token for its owner alone; token makes one that psql takes', async (t) => {
    const home = temporaryDirectory(t, 'home');
    const env = { HOME: home, XDG_CONFIG_HOME: undefined, SALLYPORT_TOKEN: undefined, SALLYPORT_SERVER: undefined };
    const as = (args: readonly string[], input = '') => run(t, process.execPath, [sallyport, ...args], { env, input });
    t.match(await as(['holds']), { code: 3, stderr: /not signed in/ });
    t.match(await as(['login', '--server', gateway.http], 'sp_wrong\n'), { code: 3, stderr: /wrong, expired or revoked/ });
    t.match(await as(['login', '--server', 'http://gateway.example'], 'x'), { code: 2, stderr: /not sent in clear/ });
    const login = await as(['login', '--server', gateway.http], `${gateway.token('alice')}\n`);
    t.match(login, { code: 0, stdout: '', stderr: /signed in to .* as Alice Arnold \(alice\)/ });
    const file = join(home, '.config/sallyport/credentials.json');
    t.equal(statSync(file).mode & 0o777, 0o600);
    const issued = await as(['token', '--ttl', '5m']);
    t.match(issued, { code: 0, stdout: /^sp_\w+\n$/ }, 'the token alone on stdout, to be used in $(…)');
    const url = gateway.url('alice', 'orders').replace(gateway.token('alice'), issued.stdout.trim());
    t.match(await run(t, tool('psql', 'postgresql-client'), [url, '-Atc', 'SELECT 42']), { code: 0, stdout: '42\n' });
    t.match(await as(['token', '--ttl', '5m', '--person', 'bob']), { code: 3, stderr: /needs the right operate/ });
    t.match(await as(['token', '--ttl', 'soon']), { code: 2, stderr: /soon/ });
    t.match(await as(['health']), { code: 0, stdout: `ready: ${gateway.http}\n` }, 'the one that was signed in to');
    const own = (await as(['login', '--server', gateway.http], `${issued.stdout.trim()}\n`)).code;
    t.equal(own, 0);
    t.match(await as(['logout']), { code: 0, stdout: '', stderr: /signed out of .*; the token is revoked/ });
    t.notOk(existsSync(file));
    t.match(await as(['holds', '--server', gateway.http, '--token', issued.stdout.trim()]), { code: 3 }, 'not even kept elsewhere');
    t.match(await as(['logout']), { code: 0, stderr: /not signed in/ });
    writeFileSync(file, '{');
    t.match(await as(['holds']), { code: 1, stderr: /is damaged/ });
    t.match(await as(['logout']), { code: 0, stderr: /was damaged and is removed/ });
    writeFileSync(file, JSON.stringify({ server: 'http://127.0.0.1:1', token: 'sp_x' }));
    t.match(await as(['logout']), { code: 1, stderr: /signed out here, but the token lives on/ });
    t.notOk(existsSync(file));
  });

  await t.test('a hold is listed, approved, and runs', async (t) => {
    const session = psql('DELETE FROM payments WHERE true');
    const { id } = await gateway.api('bob').pendingHold('DELETE FROM payments WHERE true');
    t.match(await cli('bob', 'holds'), { code: 0, stdout: new RegExp(`${id} .*alice.*orders`) });
    t.match(JSON.parse((await cli('bob', 'holds', '--json')).stdout), [{ id, state: 'pending', can_answer: true }]);
    t.match(await cli('alice', 'approve', id), { code: 3, stderr: /asked for this yourself/ });
    t.match(await cli('carol', 'approve', id), { code: 3, stderr: /right approve/ });
    t.match(await cli('bob', 'approve', id, '--reason', 'seen'), { code: 0, stdout: new RegExp(`approved: ${id}`) });
    t.match(await session.end(), { code: 0, stdout: /DELETE 10/ });
    t.match(await cli('bob', 'approve', id), { code: 0 }, 'the same answer again is no error');
    t.match(await cli('dana', 'deny', id, '--reason', 'late'), { code: 5, stderr: /no longer pending; it is approved by bob: seen/ });
    t.match(await cli('bob', 'approve', 'h-000000'), { code: 4 });
    t.match(await cli('bob', 'deny', id), { code: 2, stderr: /--reason/ });
    t.match(await cli('bob', 'holds'), { code: 0, stderr: /nothing waits/ });
    t.match(JSON.parse((await cli('carol', 'holds', '--state', 'approved', '--json')).stdout), [{ id, settled_by: 'bob' }]);
  });

  await t.test('hostile text: nothing of it reaches the terminal raw, in no command', async (t) => {
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders')]);
    session.write(`${hostile};\n`);
    const hold = await gateway.api('bob').pendingHold(/^DELETE FROM payments/);
    t.equal(hold.text, `${hostile};`, 'the gateway itself keeps exactly what was asked');
    const long = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders')]);
    long.write(`TRUNCATE payments /* ${'x\u001b[31m'.repeat(20_000)} */;\n`);
    const longHold = await gateway.api('bob').pendingHold(/^TRUNCATE/);
    t.equal((await cli('bob', 'deny', longHold.id, '--reason', 'too long \u001b[31m')).code, 0);
    await long.waitFor(/denied by bob: too long/);
    t.notMatch(long.output, '\u001b[31m', 'a reason does not colour the terminal of the person who asked');

    const watching = start(t, process.execPath, [sallyport, 'holds', '--watch', '--server', gateway.http], {
      env: { SALLYPORT_TOKEN: gateway.token('bob') },
    });
    await watching.waitFor(new RegExp(hold.id));
    t.match(await cli('bob', 'deny', hold.id, '--reason', 'hostile'), { code: 0 });
    await watching.waitFor(/denied by bob: hostile/);
    watching.kill('SIGINT');
    t.match(await watching.end(), { code: 0 });
    const printed = [watching.output];
    await session.waitFor(/denied by bob/);
    for (const args of [
      ['holds', '--state', 'all'],
      ['holds', '--state', 'all', '--json'],
      ['sessions'],
      ['sessions', hold.session_id],
      ['replay', hold.session_id],
      ['replay', hold.session_id, '--json'],
      ['audit'],
      ['audit', '--hold', hold.id, '--json'],
      ['audit', '--text', 'gnp'],
    ]) {
      const ended = await cli('carol', ...args);
      t.equal(ended.code, 0, args.join(' '));
      printed.push(ended.stdout, ended.stderr);
    }
    printed.push((await cli('carol', 'sessions', hostile)).stderr, (await cli('bob', 'approve', hostile)).stderr);
    printed.push((await cli('carol', 'audit', '--type', hostile)).stderr);
    for (const text of printed) t.notMatch(text, raw, text.slice(0, 60));
    const replayed = JSON.parse((await cli('carol', 'replay', hold.session_id, '--json')).stdout) as { entries: { text: string }[] };
    t.equal(replayed.entries[0]?.text, `${hostile};`, 'JSON carries the very same text');
    t.match((await cli('carol', 'replay', hold.session_id)).stdout, '\\x1b[2J', 'and people see the escape');
  });

  await t.test('a session is ended; the log is searched and verified, with the gateway running', async (t) => {
    const idle = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders')]);
    idle.write("SELECT 'marmalade';\n");
    await idle.waitFor(/\(1 row\)/);
    const { stdout } = await cli('carol', 'sessions', '--state', 'open', '--json');
    const open = (JSON.parse(stdout) as SessionView[]).map(({ id }) => id);
    for (const id of open) t.match(await cli('erin', 'sessions', id, '--kill'), { code: 0, stderr: /was told to end/ });
    idle.write('SELECT 1;\n');
    await idle.waitFor(/ended by erin/);
    t.match(await cli('erin', 'sessions', open[0] ?? '', '--kill'), { code: 5, stderr: /closed already/ });
    t.match(await cli('erin', 'sessions', '--kill'), { code: 2 });
    t.match(await cli('alice', 'replay', 's-00000000000000000000'), { code: 4 });
    const audit = async (...args: string[]) => JSON.parse((await cli('carol', 'audit', '--json', ...args)).stdout) as AuditEventView[];
    t.match(await audit('--type', 'session.killed'), [{ principal: 'erin' }]);
    t.ok((await audit('--principal', 'bob')).every(({ principal }) => principal === 'bob'));
    t.same(await audit('--from', '2030-01-01T00:00:00Z'), []);
    t.ok((await audit('--session', open[0] ?? '')).length >= 2);
    await eventually('words are found', async () => (await audit('--text', 'marmalade')).length > 0);
    t.match(await cli('carol', 'audit', '--from', 'yesterday'), { code: 2, stderr: /not a time/ });
    const dir = join(gateway.dataDir, 'audit');
    t.match(await cli('carol', 'audit', 'verify', dir), { code: 0, stdout: /^intact: \d+ events/ }, 'while it runs');
    t.equal(await gateway.stop(), 0);
    t.match(await cli('carol', 'audit', 'verify', dir), { code: 0, stdout: /^intact: \d+ events/ }, 'and after');
    t.match(await cli('bob', 'holds'), { code: 1, stderr: /connection refused/ });
    tamper(dir);
    t.match(await cli('carol', 'audit', 'verify', dir), { code: 1, stderr: /not intact: event \d+ .*jsonl, line \d+/ });
    t.match(await cli('carol', 'audit', 'verify', gateway.policyDir), { code: 1, stderr: /nothing to verify/ });
  });
  t.equal((await server.sql('SELECT count(*)::int AS n FROM payments'))[0]?.['n'], 0);
});

t.test('broken files are named with line and column, all at once', async (t) => {
  const dir = temporaryDirectory(t, 'broken');
  const cli = (...args: string[]) => run(t, process.execPath, [sallyport, ...args]);
  mkdirSync(join(dir, 'policies'));
  const policy = (text: string) => writeFileSync(join(dir, 'policies/a.yaml'), text);
  const rule = (text: string) => `policy: a\nrules:\n  - id: x\n    title: X\n    ${text}\n    decision: allow\n`;
  policy(rule('titel: Y\n    actions: [statment]'));
  const checked = await cli('policy', 'check', join(dir, 'policies'));
  t.equal(checked.code, 1);
  t.match(checked.stderr, /a\.yaml:5:\d+: .*titel.*title/);
  t.match(checked.stderr, /a\.yaml:6:\d+: .*statment.*statement/);
  policy(rule('when: principal.nmae == "alice"'));
  t.match(await cli('policy', 'check', join(dir, 'policies')), { code: 1, stderr: /a\.yaml:5:\d+: .*nmae/ });
  policy('policy: a\nrules: [\n');
  t.match(await cli('policy', 'check', join(dir, 'policies')), { code: 1, stderr: /a\.yaml:\d+:\d+: / });
  policy('policy: "\u001b[31m"\nrules: []\n');
  t.notMatch((await cli('policy', 'check', join(dir, 'policies'))).stderr, raw);
  t.match(await cli('policy', 'check', join(dir, 'nowhere')), { code: 2, stderr: /nowhere/ });

  const config = (text: string) => {
    writeFileSync(join(dir, 'sallyport.yaml'), text);
    return cli('gateway', '--config', join(dir, 'sallyport.yaml'));
  };
  const wrong = await config('data_dir: data\npolicies: { dir: nowhere }\nlisten: { http: { prot: 1 } }\nlimits: { holds: lots }\n');
  t.equal(wrong.code, 2);
  t.match(wrong.stderr, /sallyport\.yaml:2:\d+: .*nowhere/);
  t.match(wrong.stderr, /sallyport\.yaml:3:\d+: .*prot/);
  t.match(wrong.stderr, /sallyport\.yaml:4:\d+: .*holds/);
  t.match(await config('data_dir: [\n'), { code: 2, stderr: /sallyport\.yaml:\d+:\d+/ });
  t.match(
    await config('data_dir: data\npolicies: { dir: policies }\n'),
    { code: 2, stderr: /a\.yaml:\d+:\d+/ },
    'broken policies at start',
  );
  t.match(await cli('gateway', '--config', join(dir, 'none.yaml')), { code: 2, stderr: /none\.yaml: can't read the configuration/ });
  t.match(await cli('gateway'), { code: 2 });
  t.match(await cli('gatway'), { code: 2, stderr: /gateway/ });
});

/** Changes one byte in the middle of the log. */
function tamper(dir: string): void {
  const name = readdirSync(dir).find((it) => /^audit-.*\.jsonl$/.test(it)) ?? '';
  const path = join(dir, name);
  writeFileSync(path, readFileSync(path, 'utf8').replace('"principal":"bob"', '"principal":"eve"'));
}

interface World {
  readonly server: TestPostgres;
  readonly gateway: GatewayProcess;
  readonly cli: (person: string, ...args: readonly string[]) => ReturnType<typeof run>;
  readonly psql: (text: string) => ReturnType<typeof start>;
}

async function world(t: Test): Promise<World> {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const gateway = await startGatewayProcess(t, { targets: [targetOf(server, 'orders', { env: 'production' })] });
  return {
    server,
    gateway,
    cli: (person, ...args) =>
      run(t, process.execPath, [sallyport, ...args], { env: { SALLYPORT_SERVER: gateway.http, SALLYPORT_TOKEN: gateway.token(person) } }),
    psql: (text) => start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-c', text]),
  };
}
