// The demo's own SSH server, which is there where sshd is not installed: behind the gateway it looks like any machine.

import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { run } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, { policies: sshPolicies(), embedded: true });
const { gateway, server, directory, port, options, ssh } = world;
const there = (name: string) => join(server.home, name);
const sftp = (input: string) =>
  run(t, tool('sftp', 'openssh-client'), [...options, '-P', String(port), '-o', 'User=alice:dev-1', '-b', '-', '127.0.0.1'], { input });

t.test('commands: output, errors, exit status, input, and a hold', async (t) => {
  t.match(await ssh(['cat deploy.log; ls nowhere']), { code: 2, stdout: /release 2026\.11\.1/, stderr: /nowhere/ });
  t.match(await ssh(['wc -c'], { input: Buffer.alloc(1_000_000, 'x') }), { code: 0, stdout: '1000000\n' });
  t.match(await ssh(['kill -TERM $$'], { target: 'dev-1' }), { code: 255 }, 'ended by a signal');
  const removing = world.startSsh(['rm deploy.log']);
  const hold = await gateway.api('bob').pendingHold('rm deploy.log');
  t.ok(existsSync(there('deploy.log')));
  await gateway.api('bob').post(`/holds/${hold.id}/approve`, { reason: 'ok' });
  t.equal((await removing.end()).code, 0);
  t.notOk(existsSync(there('deploy.log')));
});

t.test('a terminal', async (t) => {
  const shell = world.startTerminal([], { target: 'dev-1' });
  await shell.waitFor(/\$ $/m);
  shell.write('tty; stty size; exit 3\n');
  const { code, stdout } = await shell.end();
  t.equal(code, 3);
  t.match(stdout, /\/dev\/pts\/\d+/);
});

t.test('sftp: its home, and nothing beside it', async (t) => {
  const bytes = Buffer.alloc(700_000, 'line\n');
  const [up, back] = [join(directory, 'up'), join(directory, 'back')];
  writeFileSync(up, bytes);
  const done = await sftp(
    `mkdir d\nput ${up} d/up\nchmod 600 d/up\nrename d/up d/moved\nls -l d\nget d/moved ${back}\nrm d/moved\nrmdir d\n`,
  );
  t.equal(done.code, 0, done.stderr);
  t.ok(readFileSync(back).equals(bytes));
  symlinkSync('/etc', there('out'));
  for (const path of ['/etc/passwd', '../host_key', 'out/passwd']) t.equal((await sftp(`get ${path} ${back}`)).code, 1, path);
  t.equal((await sftp(`put ${up} ../planted`)).code, 1);
  t.notOk(existsSync(join(directory, 'web-1', 'planted')));
});
