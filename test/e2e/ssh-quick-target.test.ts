// A target that answers a whole command at once: that it began, its output, its status and its end come in one piece, before anybody
// could listen. Quick programs (checksums of rclone, probes of tools) on fast lines end like that.

import { readFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { makeKeyPair, publicKeyOf } from '../../docker/demo/ssh-server.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const keys = temporaryDirectory(t, 'quick');
makeKeyPair(join(keys, 'host'), 'host');
const target = new ssh2.Server({ hostKeys: [readFileSync(join(keys, 'host'))] }, (connection) => {
  const socket = (connection as unknown as { _sock: Socket })._sock;
  connection.on('error', () => undefined);
  connection.on('authentication', (context) => context.accept());
  connection.on('session', (accept) =>
    accept().on('exec', (begin, _reject, { command }) => {
      socket.cork();
      const channel = begin();
      channel.on('error', () => undefined);
      channel.write('out\n');
      if (command === 'id') channel.exit(7);
      else channel.exit('TERM', false, '');
      channel.end();
      setTimeout(() => socket.uncork(), 20); // when all of it is written
    }),
  );
});
await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
t.teardown(() => target.close());
const world = await startSshWorld(t, {
  policies: sshPolicies(),
  target: { port: (target.address() as AddressInfo).port, host_keys: [publicKeyOf(join(keys, 'host'))] },
});

t.test('its status is passed on', async (t) => {
  t.match(await world.ssh(['id'], { target: 'dev-1' }), { code: 7, stdout: 'out\n', stderr: '' });
  const { body } = await world.gateway.api('carol').get<{ items: { type: string; outcome?: object }[] }>('/audit?type=action.finished');
  t.match(JSON.stringify(body), /"exit_status":7/);
});

t.test('and so is the signal that ended it', async (t) => {
  const ended = await world.ssh(['id; kill $$'], { target: 'dev-1' });
  t.match(ended, { code: 255, stdout: 'out\n' });
  t.notMatch(ended.stderr, /lost/);
});
