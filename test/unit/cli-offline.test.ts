// The commands that need no gateway, run as people run them: through bin/sallyport.mjs in a process of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openAuditLog } from '../../src/audit/log.ts';
import { event, options } from './audit-fixtures/log.ts';

const bin = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const packs = fileURLToPath(new URL('../../policies/packs', import.meta.url));

async function run(args: readonly string[], node = process.execPath): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(node, args, { env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' } });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, out, err };
}

t.test('policy check: the shipped policies are good, and a slip is named with its place', async (t) => {
  const good = await run([bin, 'policy', 'check', packs]);
  t.equal(good.code, 0, good.err);
  t.match(good.out, /^good: \d+ policy files, version [0-9a-f]{12}; \d+ tests passed/);
  const dir = t.testdir({});
  copyFileSync(`${packs}/production-database.yaml`, `${dir}/production-database.yaml`);
  writeFileSync(`${dir}/bad.yaml`, 'policy: bad\nrulez: []\n');
  const bad = await run([bin, 'policy', 'check', dir]);
  t.equal(bad.code, 1);
  t.match(bad.err, /bad\.yaml:2:1: .*rulez/);
  const missing = await run([bin, 'policy', 'check', `${dir}/nowhere`]);
  t.match(missing, { code: 2, err: /can't read the folder/ });
});

t.test('policy check: a test that fails is told with its reasons', async (t) => {
  const dir = t.testdir({});
  copyFileSync(`${packs}/production-database.yaml`, `${dir}/production-database.yaml`);
  writeFileSync(
    `${dir}/production-database.test.yaml`,
    `people: { alice: { groups: [engineers] } }
targets: { orders: { protocol: postgres, labels: { env: production } } }
cases:
  - { name: "a drop is allowed", who: alice, target: orders, statement: "DROP TABLE payments", expect: allow }
`,
  );
  const { code, err } = await run([bin, 'policy', 'check', dir]);
  t.equal(code, 1);
  t.match(err, /a drop is allowed: expected allow, got hold/);
});

t.test('audit verify: a folder without a log is said to be one', async (t) => {
  const dir = t.testdir({});
  mkdirSync(`${dir}/audit`);
  t.match(await run([bin, 'audit', 'verify', `${dir}/audit`]), { code: 1, err: /nothing to verify .*there is no audit log/ });
  t.match(await run([bin, 'audit', 'verify']), { code: 2, err: /missing required argument/ });
});

t.test('audit verify: compares with what was kept elsewhere, and names removed checkpoints as damage', async (t) => {
  const dir = `${t.testdir({})}/audit`;
  const log = await openAuditLog(options(dir));
  log.append(event(2));
  await log.close();
  const first = await run([bin, 'audit', 'verify', dir]);
  t.match(first, { code: 0, out: /compared with nothing that was kept elsewhere/ });
  const [, head = ''] = /--head (2:[0-9a-f]{64})/.exec(first.out) ?? [];
  const compared = await run([bin, 'audit', 'verify', dir, '--head', head, '--checkpoints', `${dir}/checkpoints.jsonl`]);
  t.match(compared, { code: 0 });
  t.notMatch(compared.out, /compared with nothing/);
  const other = `2:${'0'.repeat(64)}`;
  t.match(await run([bin, 'audit', 'verify', dir, '--head', other]), { code: 1, err: /not intact: event 2 .*the head that you gave/ });
  t.match(await run([bin, 'audit', 'verify', dir, '--head', '2:1']), { code: 2, err: /is no head/ });
  t.match(await run([bin, 'audit', 'verify', dir, '--checkpoints', dir]), { code: 2, err: /there is no file/ });
  rmSync(`${dir}/checkpoints.jsonl`);
  t.match(await run([bin, 'audit', 'verify', dir]), { code: 1, err: /not intact: checkpoints.jsonl: the signed checkpoints were removed/ });
});

t.test('what is printed into a pipe arrives to its end', async (t) => {
  const cases = Array.from(
    { length: 1_500 },
    (_, at) => `  - { name: case ${at}, who: alice, target: orders, effects: [read], expect: allow }`,
  );
  const dir = t.testdir({
    'p.yaml': 'policy: p\nrules: [{ id: reads, decision: allow }]\n',
    'p.test.yaml': `people: { alice: { groups: [] } }\ntargets: { orders: { protocol: postgres } }\ncases:\n${cases.join('\n')}\n`,
  });
  const { code, out } = await run([bin, 'policy', 'test', dir, '--json']);
  t.equal(code, 0);
  t.ok(out.length > 65_536, 'more than a pipe takes at once');
  t.match(JSON.parse(out), { passed: 1_500 });
});

t.test('gateway: a wrong configuration ends with every problem and exit code 2', async (t) => {
  const file = `${t.testdir({})}/sallyport.yaml`;
  writeFileSync(file, 'data_dirr: x\npeople: 7\n');
  const { code, out, err } = await run([bin, 'gateway', '--config', file]);
  t.equal(code, 2);
  t.equal(out, '');
  t.match(err, /:1:1: data_dirr: is not a known key/);
  t.match(err, /:2:9: people: must be a list/);
  t.match(err, /:1:1: policies: is missing/);
  t.notMatch(err, /\n {4}at /);
});

t.test('an older Node is told what is needed, or replaced by the one in the package', async (t) => {
  const older = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path));
  const version = older === undefined ? '' : (await run(['--version'], older)).out;
  if (older === undefined || Number(version.slice(1).split('.')[0]) >= 24) {
    t.pass('there is no older Node on this machine to try');
    return;
  }
  t.match(await run([bin, '--version'], older), { code: 0, out: /^\d+\.\d+\.\d+\n$/ }, 'the package brings its own');
  const dir = t.testdir({ bin: {} });
  copyFileSync(bin, `${dir}/bin/sallyport.mjs`);
  const alone = await run([`${dir}/bin/sallyport.mjs`, '--version'], older);
  t.match(alone, { code: 1, err: /needs Node 24 or newer; this is v\d+/ });
});

t.test('what Node made of the sources is kept beside the packages where that can be written, and missed nowhere else', async (t) => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const elsewhere = t.testdir({ bin: {}, src: t.fixture('symlink', `${root}/src`), node_modules: {} });
  copyFileSync(bin, `${elsewhere}/bin/sallyport.mjs`);
  const copy = `${elsewhere}/bin/sallyport.mjs`;
  const compiled = `${elsewhere}/node_modules/.cache/node`;
  t.match(await run([copy, '--version']), { code: 0, out: /^\d+\.\d+/ });
  const [place = ''] = readdirSync(compiled);
  t.match(place, /^v\d+\./, 'one folder for each Node');
  t.ok(readdirSync(`${compiled}/${place}`).length > 10);
  // As in an image that is only read, whoever runs it.
  rmSync(`${elsewhere}/node_modules`, { recursive: true });
  writeFileSync(`${elsewhere}/node_modules`, '');
  t.match(await run([copy, '--version']), { code: 0, out: /^\d+\.\d+/, err: '' });
});
