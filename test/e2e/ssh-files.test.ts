// scp, sftp, rsync and git over SSH, unchanged: reading is free, every operation that writes waits by itself, and what went
// through is written down.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { run, start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, server, directory, port, options } = world;
const bob = gateway.api('bob');
const here = (name: string) => join(directory, name);
const there = (name: string) => join(server.home, name);
const env = { SSH_AUTH_SOCK: undefined };
const remoteShell = (target: string) => ['ssh', ...options, '-p', String(port), '-l', `alice:${target}`].join(' ');
const sftpOptions = [...options, '-P', String(port), '-o'];
const sftpTo = (target: string) => [...sftpOptions, `User=alice:${target}`, '-b', '-', '127.0.0.1'];
const big = Buffer.alloc(3_000_000, 'line of a file\n');

t.test('sftp: looking and getting is free', async (t) => {
  writeFileSync(there('big'), big, { mode: 0o644 });
  const { code, stdout } = await run(t, tool('sftp', 'openssh-client'), sftpTo('web-1'), {
    env,
    input: `ls -l\nget big ${here('got')}\n`,
  });
  t.equal(code, 0, stdout);
  t.match(stdout, /deploy\.log/);
  t.ok(readFileSync(here('got')).equals(big));
});

t.test('sftp: putting, removing and renaming wait, each alone', async (t) => {
  writeFileSync(here('up'), big);
  const sftp = start(t, tool('sftp', 'openssh-client'), sftpTo('web-1'), { env });
  sftp.write(`put ${here('up')} up\n`);
  const put = await bob.pendingHold(/^write /);
  t.equal(put.text, `write ${there('up')}`, 'with the whole path');
  await bob.post(`/holds/${put.id}/approve`, { reason: 'ok' });
  sftp.write('rename up release/moved\n');
  const rename = await bob.pendingHold(/^rename /);
  t.equal(rename.text, `rename ${there('up')} to ${there('release/moved')}`);
  t.ok(readFileSync(there('up')).equals(big), 'the file is there');
  await bob.post(`/holds/${rename.id}/approve`, { reason: 'ok' });
  sftp.write('rm release/moved\n');
  const remove = await bob.pendingHold(/^remove /);
  await bob.post(`/holds/${remove.id}/deny`, { reason: 'keep it' });
  const { code, stderr } = await sftp.end();
  t.equal(code, 1, 'a batch ends at its first failure');
  t.match(stderr, /denied by bob: keep it/);
  t.ok(existsSync(there('release/moved')));
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=action.finished&limit=100');
  const sha256 = createHash('sha256').update(big).digest('hex');
  t.ok(
    body.items.some(({ detail }) => detail['sha256'] === sha256 && detail['bytes'] === big.length),
    'what went through is written down with its hash',
  );
});

t.test('sftp: a link is judged as what it leads to', async (t) => {
  symlinkSync('/etc', there('settings'));
  const sftp = start(t, tool('sftp', 'openssh-client'), sftpTo('web-1'), { env });
  sftp.write(`put ${here('up')} settings/passwd\n`);
  const hold = await bob.pendingHold(/^write /);
  t.match(hold.text, /^write .*settings\/passwd \(\/etc\/passwd\)$/);
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
  t.equal((await sftp.end()).code, 1);
});

t.test('sftp: a name that is not UTF-8 is refused, and the session goes on', async (t) => {
  const latin = Buffer.from('caf\u00e9', 'latin1');
  const folder = Buffer.concat([Buffer.from(there('old-')), latin]);
  mkdirSync(folder);
  writeFileSync(Buffer.concat([folder, Buffer.from('/a')]), '1');
  symlinkSync(folder, there('to-old'));
  const input = `-ls -l\n-get old-* ${here('got-old')}\n-ls to-old\n-put ${here('up')} to-old/x\nget deploy.log ${here('got-log')}\n`;
  const { code, stderr } = await run(t, tool('sftp', 'openssh-client'), sftpTo('web-1'), { env, input });
  t.equal(code, 0, stderr);
  t.match(stderr, /not UTF-8/);
  t.ok(existsSync(here('got-log')), 'what came after it');
  t.same(readdirSync(folder), ['a'], 'nothing was written where nobody could read the name');
});

t.test('sftp: making folders, links and changing attributes', async (t) => {
  const batch = `mkdir d\nchmod 600 deploy.log\nsymlink deploy.log l\nln deploy.log h\nrmdir d\nput ${here('up')} x\nrm x\n`;
  const { code, stderr } = await run(t, tool('sftp', 'openssh-client'), sftpTo('dev-1'), { env, input: batch });
  t.equal(code, 0, stderr);
  const refused = await run(t, tool('sftp', 'openssh-client'), sftpTo('web-1'), { env, input: '-ls nowhere\ndf\nls -l\n' });
  t.equal(refused.code, 0, refused.stderr);
});

t.test('scp in both of its protocols', async (t) => {
  for (const [name, flags] of [
    ['sftp', [] as string[]],
    ['the old one', ['-O']],
  ] as const) {
    const base = [...flags, ...options, '-P', String(port), '-o', 'User=alice:dev-1'];
    const up = await run(t, tool('scp', 'openssh-client'), [...base, here('up'), '127.0.0.1:copied'], { env });
    t.equal(up.code, 0, `${name}: ${up.stderr}`);
    t.ok(readFileSync(there('copied')).equals(big), name);
    const down = await run(t, tool('scp', 'openssh-client'), [...base, '127.0.0.1:copied', here('back')], { env });
    t.equal(down.code, 0, `${name}: ${down.stderr}`);
    t.ok(readFileSync(here('back')).equals(big), name);
  }
  const held = start(
    t,
    tool('scp', 'openssh-client'),
    ['-O', ...options, '-P', String(port), '-o', 'User=alice:web-1', here('up'), '127.0.0.1:x'],
    { env },
  );
  const hold = await bob.pendingHold('scp -t x');
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
  t.not((await held.end()).code, 0);
  t.notOk(existsSync(there('x')));
});

t.test('rsync: fetching is free, sending waits', async (t) => {
  const fetched = await run(t, tool('rsync', 'rsync'), ['-a', '-e', remoteShell('web-1'), '127.0.0.1:release/', here('fetched/')], { env });
  t.equal(fetched.code, 0, fetched.stderr);
  t.ok(existsSync(here('fetched/app.conf')));
  const sending = start(t, tool('rsync', 'rsync'), ['-a', '-e', remoteShell('web-1'), here('fetched/'), '127.0.0.1:sent/'], { env });
  const hold = await bob.pendingHold(/^rsync --server/);
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'ok' });
  const sent = await sending.end();
  t.equal(sent.code, 0, sent.stderr);
  t.ok(existsSync(there('sent/app.conf')));
});

t.test('git: cloning is free, pushing waits', async (t) => {
  const git = (args: readonly string[], target = 'web-1') =>
    start(t, tool('git', 'git'), args, {
      env: { ...env, GIT_SSH_COMMAND: remoteShell(target), GIT_CONFIG_GLOBAL: '/dev/null' },
      cwd: directory,
    });
  t.equal(
    (await world.ssh(['git init -q --bare repo.git && git --git-dir repo.git config safe.directory "*"'], { target: 'dev-1' })).code,
    0,
  );
  const cloned = await git(['clone', '-q', '127.0.0.1:repo.git', 'clone']).end();
  t.equal(cloned.code, 0, cloned.stderr);
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b.c'];
  t.equal((await git(['-C', 'clone', ...identity, 'commit', '-q', '--allow-empty', '-m', 'x']).end()).code, 0);
  const pushing = git(['-C', 'clone', 'push', '-q', 'origin', 'HEAD:main']);
  const hold = await bob.pendingHold(/^git-receive-pack/);
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'ok' });
  const pushed = await pushing.end();
  t.equal(pushed.code, 0, pushed.stderr);
});

t.test('an equals sign names the target where a colon is read as the end of the host', async (t) => {
  const host = 'alice=dev-1@127.0.0.1';
  const at = `${host}:${port}`;
  t.equal((await run(t, tool('scp', 'openssh-client'), [...options, '-P', String(port), here('up'), `${host}:equals`], { env })).code, 0);
  const sftp = await run(t, tool('sftp', 'openssh-client'), [...options, `sftp://${at}/${there('equals')}`, here('equals')], { env });
  t.equal(sftp.code, 0, sftp.stderr);
  t.ok(readFileSync(here('equals')).equals(big));
  const shell = ['ssh', ...options, '-p', String(port)].join(' ');
  t.equal((await run(t, tool('rsync', 'rsync'), ['-e', shell, here('up'), `${host}:equals-2`], { env })).code, 0);
  mkdirSync(here('equals-git'));
  const git = (...args: string[]) => run(t, tool('git', 'git'), args, { env: { ...env, GIT_SSH_COMMAND: ['ssh', ...options].join(' ') } });
  t.equal((await world.ssh(['git init -q --bare equals.git'], { target: 'dev-1' })).code, 0);
  const cloned = await git('clone', '-q', `ssh://${at}${there('equals.git')}`, here('equals-git'));
  t.equal(cloned.code, 0, cloned.stderr);
});
