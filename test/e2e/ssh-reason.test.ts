// What a channel is for, said by a variable of its client: policies read it for everything that the channel does, it is kept in the audit
// log, and it does not reach the target.

import t from 'tap';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { run } from '../support/processes.ts';
import { startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const policy = `policy: p
rules:
  - { id: in, actions: [connect], decision: allow }
  - { id: free, actions: [subsystem, environment, shell], effects: { access: [session] }, decision: allow }
  - id: with-a-ticket
    actions: [command, file]
    when: glob(session.reason, "OPS-?*")
    decision: allow
  - id: hold-uptime
    actions: [command]
    effects: { objects: [uptime] }
    decision: hold
    approvers: { groups: [dba] }
  - { id: whoami, actions: [command], effects: { objects: [whoami] }, require_reason: true, decision: allow }
`;
const { gateway, ssh, startSsh, startTerminal, options, port } = await startSshWorld(t, { policies: { 'p.yaml': policy } });
const saying = (reason: string) => ['-o', `SetEnv=SALLYPORT_REASON="${reason}"`];

t.test('commands', async (t) => {
  t.match(await ssh(['hostname']), { code: 126, stderr: /nothing allows run hostname/ });
  t.match(await ssh(['hostname'], { options: saying('because') }), { code: 126 });
  t.match(await ssh(['echo "[$SALLYPORT_REASON]"'], { options: saying('OPS-12 wrong totals') }), { code: 0, stdout: '[]\n', stderr: '' });
  t.match(await ssh(['whoami']), { code: 126, stderr: /wants a reason[\s\S]*SetEnv=SALLYPORT_REASON/ });
  t.match(await ssh(['whoami'], { options: saying('a look') }), { code: 0 });
  t.match(await ssh(['hostname'], { options: saying(`OPS-${'x'.repeat(2_000)}`) }), { code: 126 }, 'a text that is no reason');
  const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?limit=100');
  t.match(JSON.stringify(body), /"reason":"OPS-12 wrong totals"/);
});

t.test('who answers a command that waits reads what it is for', async (t) => {
  const waiting = startSsh(['uptime'], { options: saying(`a look ${'x'.repeat(990)}`) });
  const hold = await gateway.api('bob').pendingHold();
  t.equal(hold.reason, `a look ${'x'.repeat(990)}`);
  await gateway.api('bob').post(`/holds/${hold.id}/approve`, {});
  t.equal((await waiting.end()).code, 0);
});

t.test('files and mediated shells', async (t) => {
  const list = (more: string[]) =>
    run(t, tool('sftp', 'openssh-client'), [...options, ...more, '-P', String(port), '-o', 'User=alice:web-1', '-b', '-', '127.0.0.1'], {
      env: { SSH_AUTH_SOCK: undefined },
      input: 'ls\n',
    });
  t.notMatch((await list([])).stdout, /deploy\.log/);
  t.match((await list(saying('OPS-1'))).stdout, /deploy\.log/);
  const shell = startTerminal([], { options: saying('OPS-2') });
  shell.write('echo six$((3*2))\r');
  t.ok(await shell.waitFor(/six6/));
  shell.write('exit\r');
  await shell.end();
});
