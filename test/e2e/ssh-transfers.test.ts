// Transfers under load: new keys in the middle of them, asked for by either side, and a target that dies.

import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, {
  policies: sshPolicies(),
  config: () => ({ ssh: { rekey_after: '4MiB' } }),
  sshd: () => 'LogLevel DEBUG1\n',
});
/** Key exchanges that the target has seen. */
const exchanges = () => readFileSync(join(world.directory, 'web-1/sshd.log'), 'utf8').split('SSH2_MSG_NEWKEYS received').length;
const { port, options } = world;
const mebibyte = 1024 ** 2;

t.test('new keys, asked for by the client every megabyte, under load', async (t) => {
  const { code, stderr, stdout } = await world.ssh(['cat > /dev/null; head -c 62914560 /dev/zero | wc -c'], {
    target: 'dev-1',
    options: ['-o', 'RekeyLimit=1M', '-v', '-o', 'LogLevel=DEBUG1'],
    input: Buffer.alloc(40 * mebibyte),
    timeoutMs: 60_000,
  });
  t.equal(code, 0);
  t.equal(stdout, '62914560\n');
  t.ok((stderr.match(/SSH2_MSG_NEWKEYS received/g) ?? []).length > 20, 'keys were exchanged again and again');
});

t.test('new keys, asked for by the gateway, under load', async (t) => {
  const line = [...options.slice(0, -2), '-v', '-p', String(port), 'alice:dev-1@127.0.0.1'].map((it) => `'${it}'`).join(' ');
  const before = exchanges();
  const down = start(t, 'bash', ['-o', 'pipefail', '-c', `ssh ${line} 'head -c ${80 * mebibyte} /dev/zero' | wc -c`]);
  const { code, stdout, stderr } = await down.end(60_000);
  t.equal(code, 0);
  t.equal(stdout, `${80 * mebibyte}\n`);
  t.ok((stderr.match(/SSH2_MSG_NEWKEYS received/g) ?? []).length > 1);
  t.ok(exchanges() - before > 2, 'and with the target');
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
