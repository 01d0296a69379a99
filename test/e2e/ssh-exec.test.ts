// Commands over SSH with OpenSSH's own client and server: what runs freely, what waits, how it ends, and what the person reads.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { run } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, server, ssh, startSsh } = world;
const bob = gateway.api('bob');
const victim = join(server.home, 'victim');
const touchVictim = async () => {
  const { code } = await ssh(['touch victim'], { target: 'dev-1' });
  t.equal(code, 0);
};

t.test('output, errors and exit status are those of the target', async (t) => {
  t.match(await ssh(['echo hi']), { code: 0, stdout: 'hi\n', stderr: '' });
  t.match(await ssh(['exit 3']), { code: 3 });
  t.match(await ssh(['ls /nope']), { code: 2, stdout: '', stderr: /cannot access/ });
  t.match(await ssh(['sort'], { input: 'b\na\n' }), { code: 0, stdout: 'a\nb\n' });
  t.match(await ssh(['kill -TERM $$'], { target: 'dev-1' }), { code: 255 }, 'a signal');
});

t.test('large output on both streams arrives whole, and so does large input', async (t) => {
  const both = 'seq 1 400000; seq 400001 800000 >&2; seq 1 400000 | rev; exit 7';
  const { code, stdout, stderr } = await ssh([both], { target: 'dev-1', timeoutMs: 60_000 });
  t.equal(code, 7);
  const lines = stdout.split('\n');
  t.equal(lines.length, 800_001);
  t.equal(lines[399_999], '400000');
  t.equal(stderr.split('\n').length, 400_001);
  t.match(stderr, /^400001\n/);
  const input = Buffer.alloc(20_000_000, 'some words, ');
  const summed = await ssh(['sha256sum'], { input, timeoutMs: 60_000 });
  t.match(summed.stdout, createHash('sha256').update(input).digest('hex'));
});

t.test('a change waits, says so on stderr, and runs when it is approved', async (t) => {
  await touchVictim();
  const running = startSsh(['rm victim; echo done']);
  await running.waitFor(/hold .*waiting for approval by one person of dba or sre/s);
  const hold = await bob.pendingHold();
  t.match(hold, { text: 'rm victim; echo done', principal: 'alice', target: 'web-1', rule: 'production-ssh/hold-changes' });
  t.ok(existsSync(victim), 'nothing ran yet');
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'yes' });
  t.match(await running.end(), { code: 0, stdout: 'done\n' });
  t.notOk(existsSync(victim));
});

t.test('a denial is status 126 with the reason, and nothing ran', async (t) => {
  await touchVictim();
  const running = startSsh(['rm victim']);
  const hold = await bob.pendingHold();
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'not on a Friday' });
  t.match(await running.end(), { code: 126, stderr: /denied by bob: not on a Friday/ });
  t.ok(existsSync(victim));
});

t.test('Ctrl-C and a closed client withdraw it', async (t) => {
  for (const [name, started] of [
    ['ssh is interrupted', () => startSsh(['rm victim'])],
    ['Ctrl-C on a terminal', () => world.startTerminal(['rm victim'])],
  ] as const) {
    const running = started();
    const hold = await bob.pendingHold();
    if (name === 'ssh is interrupted') running.kill('SIGINT');
    else {
      await running.waitFor(/waiting for approval/);
      running.write('\u0003');
      t.match(await running.end(), { code: 126, stdout: /withdrawn: cancelled by the client/ });
    }
    await eventually('it is withdrawn', async () => (await bob.get<{ state: string }>(`/holds/${hold.id}`)).body.state === 'withdrawn');
    t.not((await bob.post(`/holds/${hold.id}/approve`, { reason: 'too late' })).status, 200, name);
    t.ok(existsSync(victim), name);
  }
});

t.test('channels of one connection wait and are refused alone', async (t) => {
  const control = ['-o', 'ControlMaster=auto', '-o', `ControlPath=${join(world.directory, 'control')}`, '-o', 'ControlPersist=no'];
  const master = startSsh(['sleep 60'], { options: control });
  await eventually('the master is there', () => existsSync(join(world.directory, 'control')));
  const held = startSsh(['rm victim'], { options: control });
  const hold = await bob.pendingHold();
  t.match(await ssh(['echo', 'free'], { options: control }), { code: 0, stdout: 'free\n' }, 'another channel meanwhile');
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
  t.match(await held.end(), { code: 126 });
  const many = await Promise.all(Array.from({ length: 15 }, (_, n) => ssh([`sleep 1; echo ${n}`], { options: control })));
  t.same(
    many.map(({ stdout }) => stdout),
    Array.from({ length: 15 }, (_, n) => `${n}\n`),
    'more than the ten sessions of one connection',
  );
  master.kill('SIGTERM');
});

t.test('a command with a NUL, and what is not understood', async (t) => {
  const running = startSsh(['$(echo rm) victim']);
  const hold = await bob.pendingHold();
  t.match(hold, { rule: 'production-ssh/hold-not-understood' });
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'say what you mean' });
  t.match(await running.end(), { code: 126 });
  t.match(await ssh(['$x'], { target: 'dev-1' }), { code: 126 }, 'nothing allows it where only the understood is allowed');
});

t.test('a command as long as one that is read runs, and a longer one is refused in words, with every cipher', async (t) => {
  for (const cipher of ['chacha20-poly1305@openssh.com', 'aes128-gcm@openssh.com', 'aes256-ctr']) {
    const options = ['-c', cipher];
    t.match(await ssh([`echo ${'a'.repeat(60_000)} | wc -c`], { options }), { code: 0, stdout: '60001\n' }, cipher);
    const long = [`echo ${'a'.repeat(100_000)}`];
    t.match(await ssh(long, { options, target: 'dev-1' }), { code: 126, stderr: /not understood/ }, cipher);
  }
  const input = randomBytes(3_000_000);
  const options = ['-c', 'aes128-ctr', '-m', 'hmac-sha2-256'];
  const { stdout } = await ssh(['sha256sum'], { options, input });
  t.match(stdout, createHash('sha256').update(input).digest('hex'), 'a MAC over what was encrypted');
});

t.test('variables: the language passes, others do not', async (t) => {
  const options = ['-o', 'SetEnv=LC_ALL=C.UTF-8 LC_X=evil LC_CTYPE=ja_JP.SJIS'];
  const { stdout, stderr } = await ssh(['printenv LC_ALL LC_X LC_CTYPE'], { options });
  t.equal(stdout, 'C.UTF-8\n');
  t.match(stderr, /the variable LC_X is not passed on/);
  t.match(stderr, /the variable LC_CTYPE is not passed on/);
});

t.test('it is all in the audit log, with its exit status', async (t) => {
  await ssh(['exit 9']);
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=action.finished&limit=50');
  t.ok(body.items.some(({ detail }) => detail['exit_status'] === 9));
});

t.test('an ended session ends its commands, in words', async (t) => {
  const running = startSsh(['echo on; sleep 60']);
  await running.waitFor(/on/);
  const { body } = await gateway.api('carol').get<Page<{ id: string }>>('/sessions?state=open');
  await gateway.api('erin').post(`/sessions/${body.items[0]?.id}/kill`);
  t.match(await running.end(), { code: 255, stderr: /ended by erin/ });
});

t.test('a target that dies in the middle is an error, not a hang', async (t) => {
  const running = startSsh(['yes'], { target: 'dev-1' });
  await running.waitFor(/y\ny\n/);
  const pids = (await run(t, 'pgrep', ['-f', `sshd.*${server.port}|^sshd(-session|-auth)?: `])).stdout.trim().split('\n').map(Number);
  const own = pids.filter((pid) => connectedTo(pid, server.port));
  t.ok(own.length > 0, 'the server process of this connection was found');
  for (const pid of own) process.kill(pid, 'SIGKILL');
  const { code, stderr } = await running.end();
  t.equal(code, 255);
  t.match(stderr, /the connection to (?:the )?target.* was lost/);
  t.match(await ssh(['echo again'], { target: 'dev-1' }), { code: 0, stdout: 'again\n' });
});

/** A process that holds an open connection on that port, and is not the listener. */
function connectedTo(pid: number, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const connected = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => local.endsWith(`:${wanted}`) && state === '01')
    .map((fields) => `socket:[${fields[9]}]`);
  try {
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    return open.some((link) => connected.includes(link));
  } catch {
    return false; // gone meanwhile, or not ours to see
  }
}
