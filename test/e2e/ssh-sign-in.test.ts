// Who gets in over SSH and how: keys, tokens, the browser; what the target must prove; and other clients than OpenSSH.

import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { makeKeyPair } from '../../docker/demo/ssh-server.ts';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { run, start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, port, directory, ssh } = world;
const env = { SSH_AUTH_SOCK: undefined };

/** Another client with its own way to sign in; gives what it printed, or the error. */
function client(settings: ssh2.ConnectConfig, command = 'echo in'): Promise<string> {
  return new Promise((resolve) => {
    const it = new ssh2.Client();
    it.on('error', (error) => resolve(`error: ${error.message}`));
    it.on('ready', () =>
      it.exec(command, (error, channel) => {
        if (error !== undefined) return resolve(`error: ${error.message}`);
        let text = '';
        channel.on('data', (chunk: Buffer) => (text += chunk.toString()));
        channel.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
        channel.on('close', () => {
          it.end();
          resolve(text);
        });
      }),
    );
    it.connect({ host: '127.0.0.1', port, username: 'alice:web-1', ...settings });
  });
}

t.test('a token as the password', async (t) => {
  t.equal(await client({ password: gateway.token('alice') }), 'in\n');
  t.equal(await client({ username: 'bob:web-1', password: gateway.token('bob') }), 'in\n');
  t.match(await client({ password: gateway.token('bob') }), /All configured authentication methods failed/, "somebody else's");
  t.match(await client({ username: 'carol:web-1', password: gateway.token('carol') }), /nothing allows carol to open a session/);
});

t.test("a key that nobody registered, and one that is another person's", async (t) => {
  makeKeyPair(join(directory, 'stranger'), 'stranger');
  const options = [
    '-F',
    '/dev/null',
    '-i',
    join(directory, 'stranger'),
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
    '-o',
    'StrictHostKeyChecking=no',
    '-p',
    String(port),
  ];
  const stranger = await run(t, tool('ssh', 'openssh-client'), [...options, 'alice:web-1@127.0.0.1', 'true'], { env });
  t.match(stranger, { code: 255, stderr: /Permission denied/ });
  const bob = await run(t, tool('ssh', 'openssh-client'), [...world.options, '-p', String(port), 'bob:web-1@127.0.0.1', 'true'], { env });
  t.match(bob, { code: 255, stderr: /Permission denied/ });
});

t.test('names that lead nowhere', async (t) => {
  t.match(await ssh(['true'], { target: 'nowhere' }), { code: 126, stderr: /there is no SSH target named "nowhere"/ });
  t.match(await ssh(['true'], { target: 'root%web-1' }), { code: world.server.user === 'root' ? 0 : 126 });
  t.match(await ssh(['true'], { target: 'postgres%web-1' }), { code: 126, stderr: /the account "postgres" of web-1 cannot be asked for/ });
  t.match(await client({ username: 'alice', password: gateway.token('alice') }), /error/);
  const options = ['-F', '/dev/null', '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-p', String(port)];
  const nowhere = await run(t, tool('ssh', 'openssh-client'), [...options, 'alice@127.0.0.1', 'true'], { env });
  t.match(nowhere, { code: 255, stderr: /ssh PERSON:TARGET@GATEWAY/ }, 'who names no target hears how to');
  t.equal(nowhere.stderr.split('PERSON:TARGET').length, 2, 'once');
  t.notMatch(nowhere.stderr, /try again/, 'and is asked for no password that would not help');
});

t.test('sign-in in the browser, by keyboard-interactive', async (t) => {
  let prompted = '';
  const answer = new Promise<string>((resolve) => {
    const it = new ssh2.Client();
    it.on('keyboard-interactive', (_name, instructions, _lang, _prompts, finish) => {
      prompted = instructions;
      finish(['']);
    });
    it.on('error', (error) => resolve(error.message));
    it.on('ready', () => {
      it.end();
      resolve('ready');
    });
    it.connect({ host: '127.0.0.1', port, username: 'alice:web-1', tryKeyboard: true });
  });
  await eventually('the link is shown', () => prompted !== '');
  const secret = /\/sign-in\/(\S+)/.exec(prompted)?.[1] ?? '';
  const code = /the code (\S+?)\./.exec(prompted)?.[1] ?? '';
  const identity = gateway.running.identity;
  const alice = identity.person('alice');
  if (alice === null) return t.fail('alice');
  t.equal(identity.browserSignIns.confirm(secret, alice, code, null), 'confirmed');
  t.equal(await answer, 'ready');
});

t.test('a token that is revoked ends its session', async (t) => {
  const token = gateway.running.identity.issueToken('alice', { name: 'short', ttlMs: 60_000 });
  const text = client({ password: token.token }, 'echo in; sleep 60');
  await eventually('it runs', async () => {
    const { body } = await gateway.api('carol').get<Page<{ statements: number }>>('/sessions?state=open');
    return body.items.some(({ statements }) => statements > 0);
  });
  gateway.running.identity.revokeToken(token.id, null);
  t.match(await text, /sallyport: /);
});

t.test("plink and dropbear's client", async (t) => {
  const fingerprint = createHash('sha256').update(ssh2utilsKey()).digest('base64').replace(/=+$/, '');
  const plink = await run(
    t,
    tool('plink', 'putty-tools'),
    [
      '-batch',
      '-no-antispoof',
      '-ssh',
      '-P',
      String(port),
      '-l',
      'alice:web-1',
      '-pw',
      gateway.token('alice'),
      '-hostkey',
      `SHA256:${fingerprint}`,
      '127.0.0.1',
      'echo plink',
    ],
    { env: { ...env, HOME: directory } },
  );
  t.match(plink, { code: 0, stdout: /plink/ }, plink.stderr);
  const key = join(directory, 'alice.dropbear');
  await run(t, tool('dropbearconvert', 'dropbear-bin'), ['openssh', 'dropbear', join(directory, 'alice'), key]);
  const dropbear = await run(
    t,
    tool('dbclient', 'dropbear-bin'),
    ['-y', '-y', '-i', key, '-p', String(port), '-l', 'alice:web-1', '127.0.0.1', 'echo dropbear'],
    { env: { ...env, HOME: directory } },
  );
  t.match(dropbear, { code: 0, stdout: 'dropbear\n' }, dropbear.stderr);
});

function ssh2utilsKey(): Buffer {
  const key = ssh2.utils.parseKey(readFileSync(join(gateway.dataDir, 'ssh_host_ed25519_key.pub')));
  if (key instanceof Error) throw key;
  return key.getPublicSSH();
}

t.test('a target with another host key than the pinned one is not spoken to', async (t) => {
  const other = await startSshWorld(t, { policies: sshPolicies(), hostKeyOf: 'another' });
  t.match(await other.ssh(['true']), { code: 255, stderr: /its host key is not the pinned one/ });
});

t.test('the sign-ins are in the audit log', async (t) => {
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=sign-in.succeeded&limit=100');
  t.ok(body.items.some(({ detail, principal }) => detail['protocol'] === 'ssh' && principal === 'alice'));
});

t.test('hostile and half connections leave nothing behind', async (t) => {
  const send = (bytes: Buffer | string) =>
    new Promise<string>((resolve) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => resolve(text));
      setTimeout(() => socket.destroy(), 300);
    });
  for (const bytes of [
    'GET / HTTP/1.1\r\n\r\n',
    Buffer.alloc(100_000, 0xff),
    'SSH-2.0-x\r\n' + '\0'.repeat(50_000),
    'SSH-1.5-old\r\n',
    Buffer.alloc(0),
  ])
    await send(bytes);
  t.match(await ssh(['echo still']), { stdout: 'still\n' });
});

t.test('nothing weak is offered', async (t) => {
  const { stderr } = await start(
    t,
    tool('ssh', 'openssh-client'),
    [
      '-vv',
      ...world.options.filter((it) => it !== 'LogLevel=ERROR').filter((it, at, all) => !(it === '-o' && all[at + 1] === undefined)),
      '-p',
      String(port),
      'alice:web-1@127.0.0.1',
      'true',
    ],
    { env },
  ).end();
  const offer = stderr.slice(stderr.indexOf('peer server KEXINIT proposal'));
  t.notMatch(offer.slice(0, offer.indexOf('first_kex_follows')), /sha1|group-exchange|cbc|3des|ssh-rsa\b|ssh-dss/);
  t.match(offer, /kex-strict-s-v00@openssh.com/);
});

t.test('an ECDSA host key that an operator laid there is offered beside the other, and known_hosts of the other goes on', async (t) => {
  const key = join(gateway.dataDir, 'ssh_host_ecdsa_key');
  await run(t, tool('ssh-keygen', 'openssh-client'), ['-q', '-t', 'ecdsa', '-N', '', '-f', key]);
  await gateway.restart();
  t.match(await ssh(['echo in']), { code: 0, stdout: 'in\n' });
  const hosts = join(directory, 'ecdsa_hosts');
  writeFileSync(hosts, `[127.0.0.1]:${port} ${readFileSync(`${key}.pub`, 'utf8')}`);
  const more = ['-o', 'HostKeyAlgorithms=ecdsa-sha2-nistp256', '-o', `UserKnownHostsFile=${hosts}`];
  const own = ['-F', '/dev/null', '-i', join(directory, 'alice'), '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes'];
  const ended = await run(t, tool('ssh', 'openssh-client'), [...own, ...more, '-p', String(port), 'alice:web-1@127.0.0.1', 'echo in'], {
    env,
  });
  t.match(ended, { code: 0, stdout: 'in\n' });
  writeFileSync(key, readFileSync(join(gateway.dataDir, 'ssh_host_ed25519_key')));
  await t.rejects(gateway.restart(), /ssh_host_ecdsa_key: not a private ECDSA key/);
});
