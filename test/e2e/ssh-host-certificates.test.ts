// Targets that prove who they are by a host certificate, as @cert-authority in known_hosts: a real sshd, whose HostCertificate
// ssh-keygen signs anew for each case (sshd reads it again at SIGHUP).

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeKeyPair, publicKeyOf } from '../../docker/demo/ssh-server.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { run } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import type { SshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const keygen = tool('ssh-keygen', 'openssh-client');
const keys = temporaryDirectory(t, 'ssh-host-keys');
const file = (name: string) => join(keys, name);
const types = ['ed25519', 'ecdsa', 'rsa'] as const;
type KeyType = (typeof types)[number];
for (const name of ['authority', 'stranger', 'ed25519']) makeKeyPair(file(name), name);
for (const type of ['ecdsa', 'rsa']) await generate(['-t', type, '-N', '', '-f', file(type)]);
writeFileSync(file('revoked'), '# nothing yet\n');
await certify(['-I', 'web', '-n', '127.0.0.1', '-V', '-1m:+10m']);

const world = await startWorld([]);

async function generate(options: readonly string[]): Promise<void> {
  const ended = await run(t, keygen, ['-q', ...options]);
  if (ended.code !== 0) throw new Error(ended.stderr);
}

/** A certificate by ssh-keygen's options, and no certificate of another key. */
async function certify(options: readonly string[], authority = 'authority', type: KeyType = 'ed25519', host = true): Promise<void> {
  for (const it of types) rmSync(file(`${it}-cert.pub`), { force: true });
  await generate(['-s', file(authority), ...(host ? ['-h'] : []), ...options, file(`${type}.pub`)]);
}

/** sshd has three keys of its own, and a certificate of whichever is certified. */
function startWorld(pinned: readonly string[]): Promise<SshWorld> {
  const hostKeys = types.map((type) => `HostKey ${file(type)}\nHostCertificate ${file(`${type}-cert.pub`)}\n`).join('');
  return startSshWorld(t, {
    policies: sshPolicies(),
    target: {
      host_authorities: [publicKeyOf(file('authority'))],
      host_keys: pinned.length === 0 ? undefined : pinned,
    },
    sshd: (directory) => `${hostKeys}PidFile ${join(directory, 'sshd.pid')}\nRekeyLimit 1M\nLogLevel DEBUG1\n`,
    config: () => ({ ssh: { revoked_keys: file('revoked') } }),
  });
}

/** sshd reads its certificates again. */
async function restart({ directory }: SshWorld): Promise<void> {
  const starts = () => readFileSync(join(directory, 'web-1/sshd.log'), 'utf8').split('Server listening on').length;
  const before = starts();
  process.kill(Number(readFileSync(join(directory, 'sshd.pid'), 'utf8')), 'SIGHUP');
  await eventually('sshd listens again', () => starts() > before);
}

t.test('a certificate that names the host is believed, with keys of every type', async (t) => {
  for (const type of types) {
    await certify(['-I', type, '-n', 'other.example.com,127.0.0.1', '-V', '-1m:+10m'], 'authority', type);
    await restart(world);
    t.match(await world.ssh(['echo in']), { code: 0, stdout: 'in\n' }, type);
  }
  await certify(['-I', 'pattern', '-n', '127.0.*', '-V', '-1m:+10m']);
  await restart(world);
  t.match(await world.ssh(['echo in']), { code: 0, stdout: 'in\n' }, 'a pattern');
});

t.test('new keys of a session are taken with the same certificate', async (t) => {
  const exchanges = () => readFileSync(join(world.directory, 'web-1/sshd.log'), 'utf8').split('rekey out after').length;
  const before = exchanges();
  const ended = await world.ssh(['cat release/VERSION; head -c 6000000 /dev/zero'], { target: 'dev-1' });
  t.equal(ended.code, 0);
  t.equal(ended.stdout.length, 6_000_000 + '2026.11.2\n'.length);
  t.ok(exchanges() >= before + 4, 'keys were exchanged again and again');
});

t.test('what is refused, in words', async (t) => {
  const refused = async (why: RegExp, options: readonly string[], authority?: string, host?: boolean) => {
    await certify(['-I', 'web', ...options], authority, 'ed25519', host);
    await restart(world);
    t.match(await world.ssh(['echo in']), { code: 255, stdout: '', stderr: why });
  };
  const good = ['-n', '127.0.0.1', '-V', '-1m:+10m'];
  await refused(/host certificate "web" is refused: its authority is not one of host_authorities/, good, 'stranger');
  await refused(/"web" is refused: it has expired/, ['-n', '127.0.0.1', '-V', '-10m:-5m']);
  await refused(/"web" is refused: it is not valid yet/, ['-n', '127.0.0.1', '-V', '+5m:+10m']);
  await refused(/"web" is refused: it does not name 127\.0\.0\.1 as a principal/, ['-n', 'db-1,127.0.0.10', '-V', '-1m:+10m']);
  await refused(/it does not name 127\.0\.0\.1/, ['-V', '-1m:+10m']);
  await refused(/"web" is refused: it is a certificate for users/, good, 'authority', false);
  await refused(/critical option wear-a-hat@example\.com is not known/, [...good, '-O', 'critical:wear-a-hat@example.com=yes']);
});

t.test('revoked: the key of the host, or the authority', async (t) => {
  await certify(['-I', 'web', '-n', '127.0.0.1', '-V', '-1m:+10m']);
  await restart(world);
  for (const name of ['ed25519', 'authority']) {
    writeFileSync(file('revoked'), `${publicKeyOf(file(name))}\n`);
    t.match(await world.ssh(['echo in']), { code: 255, stderr: /is refused: it is revoked/ }, name);
  }
  writeFileSync(file('revoked'), '\n');
  t.match(await world.ssh(['echo in']), { code: 0 });
});

t.test('a plain key is not believed unless it is pinned', async (t) => {
  for (const it of types) rmSync(file(`${it}-cert.pub`), { force: true });
  await restart(world);
  t.match(await world.ssh(['echo in']), { code: 255, stderr: /it has no host certificate .* no host key is pinned/ });
  const pinning = await startWorld([publicKeyOf(file('ed25519'))]);
  t.match(await pinning.ssh(['echo in']), { code: 0, stdout: 'in\n' }, 'pinned');
  await certify(['-I', 'web', '-n', '127.0.0.1', '-V', '-10m:-5m']);
  await restart(pinning);
  t.match(await pinning.ssh(['echo in']), { code: 0, stdout: 'in\n' }, 'pinned, whatever its certificate says');
  const wrong = await startWorld([publicKeyOf(file('stranger'))]);
  t.match(await wrong.ssh(['echo in']), { code: 255, stderr: /it has expired/ }, 'another key is pinned');
});
