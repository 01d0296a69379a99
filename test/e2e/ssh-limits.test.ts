// What ends a session or makes it wait: new keys under load, idle and total time, channels, a target that dies, clients that do not read.

import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, { policies: sshPolicies(), config: () => ({ ssh: { rekey_after: '4MiB' } }) });
const { directory, port, options } = world;
const mebibyte = 1024 ** 2;

/** Signed in as alice at dev-1, by a client of this process. */
function signedIn(t: { teardown(step: () => void): void }): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  t.teardown(() => client.destroy());
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('ready', () => resolve(client));
    client.connect({ host: '127.0.0.1', port, username: 'alice:dev-1', privateKey: readFileSync(join(directory, 'alice')) });
  });
}

t.test('new keys, asked for by the client every megabyte, under load', async (t) => {
  const { code, stderr, stdout } = await world.ssh(['cat > /dev/null; head -c 104857600 /dev/zero | wc -c'], {
    target: 'dev-1',
    options: ['-o', 'RekeyLimit=1M', '-v', '-o', 'LogLevel=DEBUG1'],
    input: Buffer.alloc(60 * mebibyte),
    timeoutMs: 60_000,
  });
  t.equal(code, 0);
  t.equal(stdout, '104857600\n');
  t.ok((stderr.match(/SSH2_MSG_NEWKEYS received/g) ?? []).length > 20, 'keys were exchanged again and again');
});

t.test('new keys, asked for by the gateway, under load', async (t) => {
  const line = [...options.slice(0, -2), '-v', '-p', String(port), 'alice:dev-1@127.0.0.1'].map((it) => `'${it}'`).join(' ');
  const down = start(t, 'bash', ['-o', 'pipefail', '-c', `ssh ${line} 'head -c ${150 * mebibyte} /dev/zero' | wc -c`]);
  const { code, stdout, stderr } = await down.end(60_000);
  t.equal(code, 0);
  t.equal(stdout, `${150 * mebibyte}\n`);
  t.ok((stderr.match(/SSH2_MSG_NEWKEYS received/g) ?? []).length > 1);
});

t.test('channels of one connection are limited, and one that is closed makes room', async (t) => {
  const client = await signedIn(t);
  const open = () =>
    new Promise<ssh2.ClientChannel | string>((resolve) =>
      client.exec('cat', (error, channel) => resolve(error instanceof Error ? error.message : channel)),
    );
  const channels: ssh2.ClientChannel[] = [];
  for (let count = 0; count < 50; count += 1) {
    const channel = await open();
    if (typeof channel === 'string') return t.fail(`channel ${count}: ${channel}`);
    channels.push(channel);
  }
  t.match(await open(), /open|fail|prohib/i, 'the fifty-first');
  channels[0]?.end();
  await eventually('there is room again', async () => typeof (await open()) !== 'string');
});

t.test('a client that does not read stops the target and fills no memory', async (t) => {
  const client = await signedIn(t);
  const before = process.memoryUsage().rss;
  await new Promise<void>((resolve, reject) =>
    client.exec('cat /dev/zero', (error, channel) => {
      if (error instanceof Error) return reject(error);
      channel.pause(); // nobody takes data: the window of 2 MiB stays shut
      resolve();
    }),
  );
  // Another channel of the same connection still answers, more than once.
  for (let count = 0; count < 5; count += 1)
    await new Promise<void>((resolve, reject) =>
      client.exec('echo here', (error, channel) => {
        if (error instanceof Error) return reject(error);
        channel.resume().once('close', () => resolve());
      }),
    );
  t.ok(process.memoryUsage().rss - before < 150 * mebibyte, 'client, gateway and all');
});

t.test('a target that dies in the middle of a transfer is an error within seconds', async (t) => {
  const carried = new Set<Socket>();
  let sshd = 0;
  const cable = createServer((socket) => {
    const other = connect(sshd, '127.0.0.1');
    for (const it of [socket, other]) carried.add(it.on('error', () => undefined));
    socket.pipe(other).pipe(socket);
  });
  t.teardown(() => cable.close());
  await new Promise<void>((resolve) => cable.listen(0, '127.0.0.1', resolve));
  const dying = await startSshWorld(t, { policies: sshPolicies(), target: { port: (cable.address() as AddressInfo).port } });
  sshd = dying.server.port;
  writeFileSync(join(dying.directory, 'big'), Buffer.alloc(100 * mebibyte));
  const base = [...dying.options, '-l', '65536', '-P', String(dying.port), '-o', 'User=alice:dev-1']; // 8 MB a second
  const commands = [
    start(t, tool('scp', 'openssh-client'), [...base, join(dying.directory, 'big'), '127.0.0.1:big']),
    start(t, tool('scp', 'openssh-client'), [...base, '-O', join(dying.directory, 'big'), '127.0.0.1:old']),
    start(t, tool('sftp', 'openssh-client'), [...base, '-b', '-', '127.0.0.1']),
    dying.startSsh(['cat /dev/zero | head -c 100000000000 > /dev/null'], { target: 'dev-1' }),
  ];
  commands[2]?.write(`put ${join(dying.directory, 'big')} sftp\n`);
  await eventually('all of them run', async () => {
    const { body } = await dying.gateway.api('carol').get<{ items: { statements: number }[] }>('/sessions?state=open');
    return body.items.filter(({ statements }) => statements > 0).length === commands.length;
  });
  const killedMs = performance.now();
  cable.close();
  for (const socket of carried) socket.destroy();
  for (const command of commands) {
    const { code, stderr } = await command.end(15_000);
    t.not(code, 0, `${command.command}: ${stderr}`);
  }
  t.ok(performance.now() - killedMs < 10_000);
  await eventually('no session is left', async () => {
    const { body } = await dying.gateway.api('carol').get<{ items: unknown[] }>('/sessions?state=open');
    return body.items.length === 0;
  });
});

t.test('idle time and total time end sessions in words', async (t) => {
  const limited = await startSshWorld(t, {
    policies: sshPolicies(),
    config: () => ({ ssh: { idle_timeout: '1s', session_timeout: '3s' } }),
  });
  const idle = await limited.startSsh(['cat'], { target: 'dev-1' }).end();
  t.match(idle, { code: 255, stderr: /the session was idle for too long/ });
  const busy = await limited.startSsh(['while :; do echo x; sleep 0.2; done'], { target: 'dev-1' }).end();
  t.match(busy, { code: 255, stderr: /a session lasts 3 s at most: sign in again/ });
});

t.test('connections that do not sign in are limited for each address', async (t) => {
  const sockets: Socket[] = [];
  t.teardown(() => sockets.forEach((socket) => socket.destroy()));
  let refused = '';
  for (let count = 0; count < 210; count += 1) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      if (chunk.includes('Too many')) refused = chunk.toString('latin1');
    });
    sockets.push(socket);
  }
  await eventually('the last ones are turned away', () => refused !== '');
  t.equal(refused, 'Too many connections\r\n');
  sockets.forEach((socket) => socket.destroy());
  await eventually('there is room again', async () => (await world.ssh(['true'], { target: 'dev-1' })).code === 0);
});
