// OpenSSH certificates on both sides: people who sign in with certificates of an authority that the gateway trusts, and the gateway
// that signs in to targets with certificates of its own. All keys are made by ssh-keygen.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { makeKeyPair, publicKeyOf } from '../../docker/demo/ssh-server.ts';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { run } from '../support/processes.ts';
import type { Ended } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const keygen = tool('ssh-keygen', 'openssh-client');
const world = await startSshWorld(t, {
  policies: sshPolicies(),
  target: { certificate: { lifetime: '2m' } },
  sshd: (directory) =>
    `TrustedUserCAKeys ${join(directory, 'trusted.pub')}\nAuthorizedKeysFile none\nLogLevel VERBOSE\nExposeAuthInfo yes\n`,
  config: (directory) => {
    for (const name of ['authority', 'stranger', 'person']) makeKeyPair(join(directory, name), name);
    writeFileSync(join(directory, 'revoked'), '# nothing yet\n');
    return { ssh: { user_authorities: [publicKeyOf(join(directory, 'authority'))], revoked_keys: join(directory, 'revoked') } };
  },
});
const { gateway, directory, port } = world;
const file = (name: string) => join(directory, name);
copyFileSync(join(gateway.dataDir, 'ssh_user_authority.pub'), file('trusted.pub'));

let serial = 0;
/** A certificate for the key `person`, by ssh-keygen's options. */
async function certify(options: readonly string[], authority = 'authority', key = 'person'): Promise<number> {
  serial += 1;
  const made = await run(t, keygen, ['-q', '-s', file(authority), '-z', String(serial), ...options, file(`${key}.pub`)]);
  if (made.code !== 0) throw new Error(made.stderr);
  return serial;
}

function ssh(args: readonly string[], more: readonly string[] = [], key = 'person'): Promise<Ended> {
  const settings = ['IdentitiesOnly=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'LogLevel=ERROR'];
  const certificate = `CertificateFile=${file(`${key}-cert.pub`)}`;
  const options = ['-F', '/dev/null', '-i', file(key), ...[...settings, certificate].flatMap((it) => ['-o', it])];
  return run(t, tool('ssh', 'openssh-client'), [...options, '-p', String(port), ...more, 'alice:web-1@127.0.0.1', ...args], {
    env: { SSH_AUTH_SOCK: undefined },
  });
}

t.test('a certificate that names the person signs in, and the audit log says how', async (t) => {
  await certify(['-I', 'alice@laptop', '-n', 'someone,alice', '-V', '-1m:+5m']);
  t.match(await ssh(['echo in']), { code: 0, stdout: 'in\n' });
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=session.opened&limit=1');
  t.match(body.items, [{ principal: 'alice', detail: { method: 'certificate' } }]);
});

t.test('keys of every type, and authorities of every type', async (t) => {
  for (const type of ['ecdsa', 'rsa']) {
    await run(t, keygen, ['-q', '-t', type, '-N', '', '-f', file(type)]);
    await certify(['-I', type, '-n', 'alice', '-V', '+5m'], 'authority', type);
    t.match(await ssh(['echo in'], [], type), { code: 0, stdout: 'in\n' }, type);
  }
});

t.test('what is refused', async (t) => {
  const refused = async (name: string, options: readonly string[], authority?: string) => {
    await certify(['-I', name, ...options], authority);
    t.match(await ssh(['echo in']), { code: 255, stderr: /Permission denied/ }, name);
  };
  await refused('another person', ['-n', 'bob', '-V', '+5m']);
  await refused('no principal at all', ['-V', '+5m']);
  await refused('expired', ['-n', 'alice', '-V', '-10m:-5m']);
  await refused('not valid yet', ['-n', 'alice', '-V', '+5m:+10m']);
  await refused('an authority that nobody trusts', ['-n', 'alice', '-V', '+5m'], 'stranger');
  await refused('a host certificate', ['-h', '-n', 'alice', '-V', '+5m']);
  await refused('another address', ['-n', 'alice', '-V', '+5m', '-O', 'source-address=10.0.0.0/8,192.0.2.1']);
  await refused('an option that nobody knows', ['-n', 'alice', '-V', '+5m', '-O', 'critical:wear-a-hat@example.com=yes']);
});

t.test('its restrictions are kept', async (t) => {
  await certify(['-I', 'here', '-n', 'alice', '-V', '+5m', '-O', 'source-address=127.0.0.0/8']);
  t.match(await ssh(['echo here']), { code: 0, stdout: 'here\n' });
  await certify(['-I', 'forced', '-n', 'alice', '-V', '+5m', '-O', 'force-command=cat release/VERSION']);
  t.match(await ssh(['rm', '-rf', 'release']), { code: 0, stdout: '2026.11.2\n' });
  await certify(['-I', 'bare', '-n', 'alice', '-V', '+5m', '-O', 'clear']);
  t.match(await ssh(['tty'], ['-tt']), { stderr: /PTY allocation request failed/ });
});

t.test('revoked: by a list of keys, and by a KRL', async (t) => {
  const number = await certify(['-I', 'alice@lost', '-n', 'alice', '-V', '+5m']);
  t.match(await ssh(['true']), { code: 0 });
  writeFileSync(file('spec'), `serial: ${number}\n`);
  await run(t, keygen, ['-q', '-k', '-f', file('revoked'), '-s', file('authority.pub'), file('spec')]);
  t.match(await ssh(['true']), { code: 255 }, 'by serial');
  await certify(['-I', 'alice@new', '-n', 'alice', '-V', '+5m']);
  t.match(await ssh(['true']), { code: 0 }, 'the next one is good');
  writeFileSync(file('spec'), 'id: alice@new\n');
  await run(t, keygen, ['-q', '-k', '-f', file('revoked'), '-s', file('authority.pub'), file('spec')]);
  t.match(await ssh(['true']), { code: 255 }, 'by key id');
  await run(t, keygen, ['-q', '-k', '-f', file('revoked'), file('person.pub')]);
  t.match(await ssh(['true']), { code: 255 }, 'by key');
  writeFileSync(file('revoked'), 'SSHKRL\n\0broken');
  t.match(await world.ssh(['true']), { code: 255 }, 'a list that cannot be read lets nobody in');
  writeFileSync(file('revoked'), `${publicKeyOf(file('person'))}\n`);
  t.match(await ssh(['true']), { code: 255 }, 'by a text file');
  t.match(await world.ssh(['true']), { code: 0 }, 'others get in');
  writeFileSync(file('revoked'), '\n');
  t.match(await ssh(['true']), { code: 0 });
});

t.test('the target sees a certificate that names the person and the session, for minutes', async (t) => {
  t.match(await world.ssh(['echo in']), { code: 0, stdout: 'in\n' });
  const log = readFileSync(file('web-1/sshd.log'), 'utf8');
  t.match(log, /Accepted publickey for \S+ from .*ED25519-CERT .*ID sallyport alice s-\S+ \(serial \d+\) CA ED25519/);
  writeFileSync(file('trusted.pub'), `${publicKeyOf(file('stranger'))}\n`);
  t.match(await world.ssh(['echo in']), { code: 255, stderr: /it accepts none of the configured credentials/ });
});

t.test("the authority's public key, by the API and the command line", async (t) => {
  const key = publicKeyOf(join(gateway.dataDir, 'ssh_user_authority'));
  const host = publicKeyOf(join(gateway.dataDir, 'ssh_host_ed25519_key'));
  t.match(await gateway.api('alice').get('/ssh/keys'), { status: 200, body: { user_authority: key, host_key: host } });
  t.equal((await fetch(`${gateway.http}/api/v1/ssh/keys`)).status, 401);
  const main = join(import.meta.dirname, '../../bin/sallyport.mjs');
  const env = { SALLYPORT_SERVER: gateway.http, SALLYPORT_TOKEN: gateway.token('alice'), HOME: directory };
  t.match(await run(t, process.execPath, [main, 'ssh-authority'], { env }), { code: 0, stdout: `${key}\n`, stderr: /TrustedUserCAKeys/ });
});
