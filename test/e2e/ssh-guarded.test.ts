// The guarded shell: the target's own bash in a raw terminal, which asks before it takes a line and before it runs a command.
// Everything is typed by OpenSSH's client in a pseudo-terminal.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Running } from '../support/processes.ts';
import { guardedPolicies, sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: guardedPolicies(), shell: 'guarded' });
const { gateway, server, startTerminal } = world;
const bob = gateway.api('bob');
const victim = join(server.home, 'victim');

async function open(): Promise<Running> {
  const shell = startTerminal([]);
  await shell.waitFor(/\$ $/);
  return shell;
}

async function leave(shell: Running): Promise<void> {
  shell.write('exit\r');
  await shell.end();
}

t.beforeEach(() => writeFileSync(victim, 'x', { mode: 0o666 }));

t.test('reading is free, the shell keeps its folder and variables, and Tab completes', async (t) => {
  const shell = await open();
  shell.write('cd rel\t\rpwd; x=four\r');
  await shell.waitFor(new RegExp(`[\r\n]${server.home}/release\r\n`));
  shell.write('echo $x-ty; tty\r');
  await shell.waitFor(/[\r\n]four-ty\r\n\/dev\/pts/);
  shell.write('for i in 1 2 3; do\recho "n$i"\rdone\r');
  await shell.waitFor(/[\r\n]n1\r\nn2\r\nn3\r\n/);
  shell.write('ls | while read f; do echo "<$f>"; done\r');
  await shell.waitFor(/<VERSION>\r\n/);
  t.notMatch(shell.stdout, /7777|__sp_/, 'nothing of the guard is shown');
  shell.write('exit 4\r');
  t.equal((await shell.end()).code, 4);
});

t.test('commands of several lines: here-documents, groups, a backslash at the end, pasted at once', async () => {
  const shell = await open();
  shell.write('cat <<END\rin $((20+3))\rEND\r');
  await shell.waitFor(/[\r\n]in 23\r\n/);
  shell.write('{\recho group-$((20+4))\r}\r');
  await shell.waitFor(/[\r\n]group-24\r\n/);
  shell.write('echo joined-\\\rline # \\\r');
  await shell.waitFor(/[\r\n]joined-line\r\n/);
  shell.write('\u001b[200~echo a\r\rif true; then\r  echo pasted-$((20+5))\rfi\u001b[201~\r');
  await shell.waitFor(/[\r\n]pasted-25\r\n/);
  shell.write('\u001b[200~echo not-$((1+1))\nfor i in 1; do\u001b[201~\r');
  await shell.waitFor(/the last command of these lines is not whole, so none of them ran/);
  shell.write(`\u001b[200~${'# a line\n'.repeat(220)}echo nor-$((1+1))\nfor i in 1; do\u001b[201~\r`);
  await shell.waitFor(/(?:the last command of these lines is not whole[^]*){2}/);
  shell.write('\u001b[200~# a loop\nfor i in 7; do\necho loop-$i\u001b[201~\r');
  await shell.waitFor(/> $/);
  shell.write('done\r');
  await shell.waitFor(/[\r\n]loop-7\r\n/);
  await leave(shell);
});

t.test('asked for by other keys than Enter: what is typed meanwhile waits, and the line is given up', async (t) => {
  const shell = await open();
  shell.write('echo $((20+3))\u0018\u0007');
  shell.write('echo $((20+4))\r');
  await shell.waitFor(/[\r\n]24\r\n/);
  t.notMatch(shell.stdout, /[\r\n]23\r\n/);
  await leave(shell);
});

t.test('a held line: approved, denied with status 126, withdrawn by Ctrl-C; the shell lives', async (t) => {
  const shell = await open();
  shell.write('rm victim\r');
  const denied = await bob.pendingHold('rm victim');
  await shell.waitFor(/waiting for approval/);
  await bob.post(`/holds/${denied.id}/deny`, { reason: 'needed' });
  await shell.waitFor(/denied by bob: needed[^]*\$ $/);
  shell.write('echo status-$?\r');
  await shell.waitFor(/[\r\n]status-126\r\n/);
  shell.write('rm ./victim\r');
  await bob.pendingHold('rm ./victim');
  shell.write('\u0003');
  await shell.waitFor(/withdrawn: cancelled by the client/);
  t.ok(existsSync(victim));
  shell.write('rm -f victim && echo gone\r');
  const approved = await bob.pendingHold('rm -f victim && echo gone');
  await bob.post(`/holds/${approved.id}/approve`, { reason: 'ok' });
  await shell.waitFor(/[\r\n]gone\r\n/);
  t.notOk(existsSync(victim));
  await leave(shell);
});

t.test('what is typed while a line waits is neither lost nor taken for an answer', async () => {
  const shell = await open();
  shell.write('touch made; cat\r');
  const hold = await bob.pendingHold('touch made; cat');
  shell.write('yyyy;y;y\r\u0004');
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'ok' });
  await shell.waitFor(/[\r\n]yyyy;y;y\r\n[^]*\$ $/);
  shell.write('echo one\recho two\rcat\rthree\r');
  await shell.waitFor(/[\r\n]one\r\n[^]*[\r\n]two\r\n[^]*three\r\n[^]*three\r\n$/);
  shell.write('\u0004echo four\r');
  await shell.waitFor(/[\r\n]four\r\n/);
  await leave(shell);
});

t.test('several lines are one command; a refused one is abandoned', async (t) => {
  const shell = await open();
  shell.write('for f in victim; do\r');
  await shell.waitFor(/> $/);
  shell.write('rm $f; done\r');
  const hold = await bob.pendingHold('for f in victim; do\nrm $f; done');
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
  await shell.waitFor(/denied by bob[^]*\$ $/);
  shell.write('cat <<END\rrm victim\rEND\r');
  await shell.waitFor(/[\r\n]rm victim\r\n[^]*\$ $/);
  shell.write('echo )\r');
  await shell.waitFor(/syntax error[^]*\$ $/);
  t.ok(existsSync(victim));
  await leave(shell);
});

t.test('what a line did not show is judged when bash comes to it', async (t) => {
  const shell = await open();
  shell.write("alias ll='rm victim'\r");
  const alias = await bob.pendingHold("alias ll='rm victim'");
  await bob.post(`/holds/${alias.id}/approve`, { reason: 'it is a test' });
  await shell.waitFor(/approv[^]*alias ll='rm victim'\r\n[^]*\$ $/);
  shell.write('ll\r');
  for (let holds = 0; holds < 2; holds += 1) {
    // The word itself is unknown and waits; then what it stands for is part of the approved line.
    const hold = await bob.pendingHold('ll');
    await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
    await shell.waitFor(/denied by bob: no[^]*\$ $/);
    if (holds === 0) shell.write('ll\r');
  }
  shell.write('f() { ls; }\r');
  const definition = await bob.pendingHold('f() { ls; }');
  await bob.post(`/holds/${definition.id}/deny`, { reason: 'no' });
  shell.write('echo after\r');
  await shell.waitFor(/[\r\n]after\r\n/);
  t.ok(existsSync(victim));
  await leave(shell);
});

t.test('programs with a terminal of their own work when they are approved', async () => {
  const shell = await open();
  const command = 'bash -c \'read -p "name? " n; echo "hi $n"; tput lines; stty sane; stty size\'';
  shell.write(`${command}\r`);
  const hold = await bob.pendingHold(command);
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'ok' });
  await shell.waitFor(/name\? $/);
  shell.write('ann\r');
  await shell.waitFor(/[\r\n]hi ann\r\n\d+\r\n\d+ \d+\r\n/);
  await leave(shell);
});

t.test('without a terminal it is a mediated shell', async (t) => {
  t.match(await world.ssh([], { input: 'pwd\n', options: ['-T'] }).then((it) => it.stdout), `${server.home}\n`);
});

t.test('the recording marks each command where it began', async (t) => {
  const shell = await open();
  shell.write('echo marked-$((1+1))\r');
  await shell.waitFor(/[\r\n]marked-2\r\n/);
  await leave(shell);
  const carol = gateway.api('carol');
  const { body } = await carol.get<{ items: { id: string }[] }>('/sessions?limit=1');
  const response = await fetch(`${gateway.http}/api/v1/sessions/${body.items[0]?.id ?? ''}/terminals/0`, {
    headers: { authorization: `Bearer ${gateway.token('carol')}` },
  });
  const events = (await response.text())
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => JSON.parse(line) as [number, string, string]);
  t.same(
    events.filter(([, code]) => code === 'm').map(([, , text]) => text),
    ['echo marked-$((1+1))', 'exit'],
  );
  t.notMatch(JSON.stringify(events), /7777/);
});

t.test('a list of modes: the first that no policy denies', async (t) => {
  const other = await startSshWorld(t, { policies: sshPolicies(), shell: ['guarded', 'mediated'] });
  const shell = other.startTerminal([]);
  await shell.waitFor(/every line is judged before it runs/);
  await leave(shell);
  t.ok(readFileSync(victim));
});
