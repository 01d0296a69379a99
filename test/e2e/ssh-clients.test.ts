// Other people's clients, from Debian: PuTTY's plink, psftp and pscp, and dropbear's dbclient. Commands, words while something waits,
// files, tunnels, and a terminal.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/ports.ts';
import { run, start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, port, directory, server } = world;
const bob = gateway.api('bob');
const env = { SSH_AUTH_SOCK: undefined, HOME: directory };
const here = (name: string) => join(directory, name);
const there = (name: string) => join(server.home, name);
const bytes = Buffer.alloc(2_000_000, 'line of a file\n');
writeFileSync(here('up'), bytes);

const hostKey = ssh2.utils.parseKey(readFileSync(join(gateway.dataDir, 'ssh_host_ed25519_key.pub')));
if (hostKey instanceof Error) throw hostKey;
const fingerprint = `SHA256:${createHash('sha256').update(hostKey.getPublicSSH()).digest('base64').replace(/=+$/, '')}`;
const puttyOptions = ['-batch', '-no-antispoof', '-P', String(port), '-pw', gateway.token('alice'), '-hostkey', fingerprint];
const putty = (target: string, more: readonly string[] = []) => [
  ...puttyOptions.filter((it) => it !== '-no-antispoof' || more.includes('-ssh')),
  '-l',
  `alice:${target}`,
  ...more,
  '127.0.0.1',
];
const plink = (target: string, words: readonly string[], more: readonly string[] = []) =>
  start(t, tool('plink', 'putty-tools'), [...putty(target, ['-ssh', ...more]), ...words], { env });

await run(t, tool('dropbearconvert', 'dropbear-bin'), ['openssh', 'dropbear', here('alice'), here('alice.dropbear')]);
const dbclient = (target: string, words: readonly string[], more: readonly string[] = []) =>
  start(
    t,
    tool('dbclient', 'dropbear-bin'),
    ['-y', '-y', '-i', here('alice.dropbear'), '-p', String(port), '-l', `alice:${target}`, ...more, '127.0.0.1', ...words],
    { env },
  );

for (const [name, client] of [
  ['plink', plink],
  ['dbclient', dbclient],
] as const) {
  t.test(`${name}: output, errors, exit status`, async (t) => {
    t.match(await client('dev-1', ['echo out; echo err >&2; exit 7']).end(), { code: 7, stdout: 'out\n', stderr: /err/ });
  });

  t.test(`${name}: a command that waits says so, runs after a yes, and not after a no`, async (t) => {
    const approved = client('web-1', [`touch ${name}`]);
    const hold = await bob.pendingHold(`touch ${name}`);
    await eventually('the words', () => approved.stderr.includes(hold.id) && approved.stderr.includes('waiting for approval'));
    t.notOk(existsSync(there(name)));
    await bob.post(`/holds/${hold.id}/approve`, { reason: 'ok' });
    t.equal((await approved.end()).code, 0);
    t.ok(existsSync(there(name)));
    const denied = client('web-1', [`rm ${name}`]);
    const second = await bob.pendingHold(`rm ${name}`);
    await bob.post(`/holds/${second.id}/deny`, { reason: 'keep it' });
    t.match(await denied.end(), { code: 126, stderr: /denied by bob: keep it/ });
    t.ok(existsSync(there(name)));
  });

  t.test(`${name}: what waits is withdrawn when the client is gone`, async (t) => {
    const waiting = client('web-1', ['rm deploy.log']);
    const hold = await bob.pendingHold('rm deploy.log');
    waiting.child.kill('SIGKILL');
    await eventually('withdrawn', async () => (await bob.get<{ state: string }>(`/holds/${hold.id}`)).body.state === 'withdrawn');
    t.ok(existsSync(there('deploy.log')));
  });

  t.test(`${name}: a tunnel`, async (t) => {
    const echo = createServer((socket) => socket.pipe(socket));
    t.teardown(() => echo.close());
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const local = await freePort();
    const tunnel = client('dev-1', ['sleep 20'], ['-L', `${local}:127.0.0.1:${(echo.address() as AddressInfo).port}`]);
    const answer = () =>
      new Promise<string>((resolve) => {
        const socket = connect(local, '127.0.0.1', () => socket.write('through'));
        socket.once('data', (chunk) => {
          socket.destroy();
          resolve(chunk.toString());
        });
        socket.once('error', () => resolve(''));
        socket.once('close', () => resolve(''));
      });
    await eventually('it carries', async () => (await answer()) === 'through');
    tunnel.child.kill();
    t.pass();
  });
}

t.test('dbclient: a mediated shell on a terminal', async (t) => {
  const words = [
    tool('dbclient', 'dropbear-bin'),
    '-t',
    '-y',
    '-y',
    '-i',
    here('alice.dropbear'),
    '-p',
    String(port),
    '-l',
    'alice:web-1',
    '127.0.0.1',
  ];
  const shell = start(t, tool('script', 'bsdutils'), ['-qefc', words.map((it) => `'${it}'`).join(' '), '/dev/null'], {
    env: { ...env, TERM: 'xterm' },
  });
  await shell.waitFor(/web-1:~\$ /);
  shell.write('cat release/VERSION\r');
  await shell.waitFor(/2026\.11\.2/);
  shell.write('exit 4\r');
  t.equal((await shell.end()).code, 4);
});

t.test('psftp: files, and a write that waits', async (t) => {
  const psftp = (target: string) => start(t, tool('psftp', 'putty-tools'), putty(target), { env });
  const free = psftp('dev-1');
  free.child.stdin.end(`put ${here('up')} psftp\nget psftp ${here('got')}\nmv psftp psftp-2\nrm psftp-2\nquit\n`);
  t.equal((await free.end()).code, 0, free.output);
  t.ok(readFileSync(here('got')).equals(bytes), free.output);
  const held = psftp('web-1');
  held.write('rm release/VERSION\n');
  const hold = await bob.pendingHold(/^remove /);
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'needed' });
  await eventually('it hears why', () => held.output.includes('denied by bob: needed'));
  held.child.stdin.end('quit\n');
  await held.end();
  t.ok(existsSync(there('release/VERSION')));
});

t.test('pscp in both of its protocols', async (t) => {
  for (const flag of ['-sftp', '-scp']) {
    const base = [...putty('dev-1').slice(0, -1), flag];
    const up = await run(t, tool('pscp', 'putty-tools'), [...base, here('up'), `127.0.0.1:pscp${flag}`], { env });
    t.equal(up.code, 0, `${flag}: ${up.stderr}`);
    t.ok(readFileSync(there(`pscp${flag}`)).equals(bytes), flag);
    const down = await run(t, tool('pscp', 'putty-tools'), [...base, `127.0.0.1:pscp${flag}`, here(`back${flag}`)], { env });
    t.equal(down.code, 0, `${flag}: ${down.stderr}`);
    t.ok(readFileSync(here(`back${flag}`)).equals(bytes), flag);
  }
});
