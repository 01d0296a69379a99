// `sallyport policy test` and `policy explain`, run as the command line runs them: answers, exit codes, and hostile content.

import { readFileSync } from 'node:fs';
import t from 'tap';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../support/command-line.ts';

const packs = fileURLToPath(new URL('../../policies/packs', import.meta.url));

const run = (...args: string[]) => runCommand(['policy', ...args]);

const reads = `policy: p
rules:
  - { id: reads, principals: { groups: [engineers] }, effects: { access: [read, session] }, decision: allow }
`;
const esc = '\u001b[2J\u202e';

t.test('test: passes, fails with 1, and says why; wrong policies are 2', async (t) => {
  t.match(await run('test', packs), { code: 0, out: /production-database\.test\.yaml: (\d+) of \1 passed/ });
  const dir = t.testdir({
    'p.yaml': reads,
    'p.test.yaml': `people: { alice: { groups: [engineers] } }
targets: { orders: { protocol: postgres }, web: { protocol: ssh } }
cases:
  - { name: reading, who: alice, target: orders, statement: SELECT 1 FROM t, expect: allow }
  - { name: "${'\\u001b[2J'}<writing>", who: alice, target: orders, statement: DELETE FROM t, expect: allow }
`,
  });
  const junit = `${dir}/results.xml`;
  const failed = await run('test', dir, '--junit', junit);
  t.match(failed, { code: 1, err: /\\x1b\[2J<writing>: expected allow, got deny\n {2}nothing allows delete t/ });
  const xml = readFileSync(junit, 'utf8');
  t.match(xml, '<testsuites name="sallyport policy test" tests="2" failures="1" errors="0" time="');
  t.match(xml, 'name="reading"');
  t.match(xml, 'name="\\x1b[2J&lt;writing&gt;"', 'what XML can not carry is escaped');
  t.match(xml, '<failure type="decision" message="expected allow, got deny">');
  const json = await run('test', dir, '--json');
  t.match(JSON.parse(json.out), { passed: 1, failed: 1, files: [{ tests: [{ name: 'reading', ok: true }, { ok: false }] }] });
  t.match(await run('test', t.testdir({ 'p.yaml': 'policy: p\nrulez: []\n' })), { code: 2, err: /p\.yaml:2:1: unknown key "rulez"/ });
});

t.test('test: a folder without tests is no success, nor is a test that can not be read', async (t) => {
  t.match(await run('test', t.testdir({ 'p.yaml': reads })), { code: 2, err: /there are no tests/ });
  const dir = t.testdir({
    'p.yaml': reads,
    'p.test.yaml': 'people: {}\ntargets: {}\ncases: [{ name: a, who: x, target: y, expect: deny }]\n',
  });
  t.match(await run('test', dir, '--junit', `${dir}/r.xml`), { code: 1, err: /nobody is named "x"/ });
  t.match(readFileSync(`${dir}/r.xml`, 'utf8'), 'failures="0" errors="2"');
  t.match(await run('test', dir, '--junit', `${dir}/no/where.xml`), { code: 2, err: /can't write/ });
});

t.test('explain: decision, reading and every rule near it', async (t) => {
  const held = await run('explain', packs, 'alice', 'orders', 'DELETE FROM payments');
  t.equal(held.code, 0);
  t.match(held.out, /^hold by production-database\/hold-every-row: /);
  t.match(held.out, 'for one person of dba; waits at most 15 min, 60 s while a transaction is open');
  t.match(held.out, 'alice (person; engineers) on orders (postgres, env=production): statement');
  t.match(held.out, 'read as: delete, reaching every row\n  delete payments (write, table)');
  t.match(held.out, '  + hold  production-database/hold-every-row: matches delete payments; its condition is true');
  t.match(held.out, '  - allow production-database/allow-routine-changes: its condition is false: !action.missing_where');
  t.notMatch(held.out, 'development-database', 'rules of other targets are left out');
  t.match((await run('explain', packs, 'alice', 'orders', 'SELECT 1', '--all')).out, 'development-database/open-session');
});

t.test('explain: who and where may be said; a yes, another time, another action', async (t) => {
  const args = ['explain', packs, 'zoe', 'new-db', 'DROP TABLE x', '--groups', 'dba', '--protocol', 'mysql', '--label', 'env=production'];
  t.match(await run(...args, '--expect', 'hold'), { code: 0, out: /zoe \(person; dba\) on new-db \(mysql, env=production\)/ });
  t.match(await run(...args, '--approved-by', 'dana', '--expect', 'allow'), {
    code: 0,
    out: /^allow by production-database\/hold-destructive/,
  });
  t.match(await run(...args, '--approved-by', 'erin', '--expect', 'allow'), { code: 1, err: 'expected allow, got hold' });
  t.match(await run('explain', packs, 'carol', 'orders', '--action', 'connect'), {
    code: 0,
    out: /^deny .*\n {2}auditors do not open sessions on orders/,
  });
  const office = t.testdir({
    'p.yaml': 'policy: p\ntime_zone: Europe/Berlin\nrules: [{ id: day, when: time.hour < 18, decision: allow }]\n',
  });
  const at = (time: string) =>
    run('explain', office, 'a', 'b', 'SELECT 1', '--groups', 'x', '--protocol', 'postgres', '--at', time, '--expect', 'allow');
  t.match(await at('2026-11-21T16:30:00Z'), { code: 0 });
  t.match(await at('2026-11-21T17:30:00Z'), { code: 1, out: /its condition is false: time\.hour < 18/ });
  t.match(await at('soon'), { code: 2, err: /--at soon: write a time/ });
});

t.test('explain: as JSON, and what is wrong is said', async (t) => {
  const { out } = await run('explain', packs, 'alice', 'orders', `DROP TABLE "${esc}"`, '--json');
  t.notMatch(out, /[\u001b\u202e]/);
  const answer = JSON.parse(out) as { decision: string };
  t.match(answer, {
    decision: 'hold',
    approvers: { groups: ['dba'], count: 1 },
    action: { text: `DROP TABLE "${esc}"` },
    read: { understood: true, effects: [{ verb: 'drop', object_kind: 'table' }] },
    who: { groups: ['engineers'] },
  });
  t.match(await run('explain', packs, 'nobody', 'orders', 'SELECT 1'), {
    code: 2,
    err: /nobody is named nobody here[\s\S]*--groups[\s\S]*known here: .*alice/,
  });
  t.match(await run('explain', packs, 'alice', 'nowhere', 'SELECT 1'), {
    code: 2,
    err: /no target is named nowhere here[\s\S]*--protocol/,
  });
  t.match(await run('explain', packs, 'alice', 'orders', 'x', '--kind', 'robot'), {
    code: 2,
    err: /--kind robot: one of person, machine, ai-agent/,
  });
});

t.test('explain: hostile text never reaches the terminal', async (t) => {
  for (const text of [`DROP TABLE "${esc}"`, `${esc} SELEC`, `SELECT '${esc}'\n-- ${esc}`]) {
    const { out, err } = await run('explain', packs, 'alice', 'orders', text, '--groups', `engineers,${esc}`, '--label', `env=${esc}`);
    t.notMatch(out + err, /[\u001b\u202e]/);
  }
});

t.test('explain: as if there were access for a while', async (t) => {
  const args = ['explain', packs, 'zoe', 'db', 'DELETE FROM orders WHERE id = 1', '--groups', 'engineers'];
  const on = [...args, '--protocol', 'postgres', '--label', 'access=just-in-time'];
  t.match(await run(...on), { code: 0, out: /^deny: no rule allows it\n.*sallyport request db/ });
  t.match(await run(...on, '--grant', 'all'), { code: 0, out: /^allow by just-in-time\/work[\s\S]*access for a while: all of the target/ });
  t.match(await run(...on, '--grant', 'read-only'), { code: 0, out: /^deny.*\n.*\(read-only\) does not reach it/ });
  t.match(await run(...on, '--grant', 'read-only', '--grant', 'tables=orders+payments'), { code: 0, out: /^allow/ });
  t.match(await run(...on, '--grant', 'tables=payments'), { code: 0, out: /^deny/ });
  const drop = [...on.slice(0, 4), 'DROP TABLE orders', ...on.slice(5)];
  t.match(await run(...drop, '--grant', 'all'), { code: 0, out: /^hold by just-in-time\/hold-destructive/ });
  const json = await run(...drop, '--grant', 'break-glass,minutes=5', '--json');
  t.match(JSON.parse(json.out), { decision: 'allow', grants: [{ break_glass: true, read_only: false, tables: null }] });
  for (const wrong of ['everything', 'role', 'minutes=-1', 'all=1'])
    t.match(await run(...on, '--grant', wrong), { code: 2, err: /--grant .*: write all, or with commas: read-only/ });
});

t.test('explain: what people do over SSH besides commands is read as the gateway reads it', async (t) => {
  const ssh = async (kind: string, text: string) => {
    const { out } = await run('explain', packs, 'zoe', 'web', text, '--action', kind, '--groups', 'sre', '--protocol', 'ssh', '--label', 'env=production', '--json'); // prettier-ignore
    const { decision, read } = JSON.parse(out) as {
      decision: string;
      read: { problem: string | null; effects: { verb: string; object: string }[] };
    };
    return [decision, read.problem ?? read.effects.map(({ verb, object }) => `${verb} ${object}`).join(', ')];
  };
  const rows = [
    ['subsystem', 'sftp', 'allow', 'run sftp'],
    ['subsystem', 'netconf', 'deny', 'run netconf'],
    ['shell', '', 'allow', 'shell mediated'],
    ['shell', 'recorded', 'deny', 'shell recorded'],
    ['file', 'read /etc/hosts', 'allow', 'file-read /etc/hosts'],
    ['file', 'write /etc/hosts', 'hold', 'file-write /etc/hosts'],
    ['file', 'rename /a to /b', 'hold', 'file-remove /a, file-write /b'],
    ['forward', 'connect to db:5432', 'deny', 'forward db:5432'],
    ['environment', 'LANG=C.UTF-8', 'allow', 'environment LANG'],
    ['environment', 'LD_PRELOAD=x', 'deny', 'environment LD_PRELOAD'],
  ] as const;
  for (const [kind, text, decision, effects] of rows) t.strictSame(await ssh(kind, text), [decision, effects], `${kind} ${text}`);
  t.match(await ssh('file', 'copy hosts'), ['deny', /"copy hosts" is no file as the gateway writes it: read, list, write/]);
  t.match(await ssh('environment', 'LANG'), ['deny', /NAME=value/]);
});
