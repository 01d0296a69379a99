// `sallyport exec` for machines: the command itself runs on the target, held and refused as any other.

import t from 'tap';
import { startTestGateway } from '../support/gateway.ts';
import { mariadbTarget, startMariadb } from '../support/mariadb.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { sallyport } from '../support/gateway-process.ts';
import { start } from '../support/processes.ts';
import type { Running } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

t.test('exec on a machine', async (t) => {
  const world = await startSshWorld(t, { policies: sshPolicies() });
  const home = temporaryDirectory(t, 'exec-home');
  const exec = async (argv: readonly string[], whileItRuns: (child: Running) => Promise<void> = async () => undefined) => {
    const child = start(t, process.execPath, [sallyport, 'exec', 'web-1', '--', ...argv], {
      env: {
        HOME: home,
        XDG_CONFIG_HOME: home,
        SSH_AUTH_SOCK: undefined,
        SALLYPORT_SERVER: world.gateway.http,
        SALLYPORT_TOKEN: world.gateway.token('alice'),
      },
    });
    await whileItRuns(child);
    const { code } = await child.end();
    return { code, output: child.output };
  };
  t.match(await exec(['uname', '-s']), { code: 0, output: /^Linux$/m });
  t.match(await exec(['false']), { code: 1 }, "the command's own code");
  const denied = await exec(['sudo', 'systemctl', 'restart', 'nginx'], async (child) => {
    const hold = await world.gateway.api('bob').pendingHold();
    await child.waitFor(/sallyport: hold h-\S+ waits for approval by/);
    await world.gateway.api('bob').post(`/holds/${hold.id}/deny`, { reason: 'not in office hours' });
  });
  t.match(denied, { code: 77, output: /not in office hours/ });
  t.equal(world.gateway.running.identity.tokens('alice').length, 1, 'the tokens of the commands are gone');
});

t.test('exec on MariaDB: its client reads who and where from a file of its own', async (t) => {
  const server = await startMariadb(t);
  await server.sql('CREATE TABLE victim (id int)');
  const gateway = await startTestGateway(t, { targets: [mariadbTarget(server, 'shop', { env: 'production' })] });
  const home = temporaryDirectory(t, 'exec-home');
  const exec = async (...argv: string[]) => {
    const child = start(t, process.execPath, [sallyport, 'exec', 'shop', '--', ...argv], {
      env: { HOME: home, XDG_CONFIG_HOME: home, SALLYPORT_SERVER: gateway.http, SALLYPORT_TOKEN: gateway.token('alice') },
    });
    const { code } = await child.end();
    return { code, output: child.output };
  };
  t.match(await exec('mariadb', '-N', '-e', 'SELECT 41 + 1'), { code: 0, output: /^42$/m });
  t.not((await exec('mariadb', '-e', 'SELECT 1 FROM nowhere.nothing')).code, 0);
});
