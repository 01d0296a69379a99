// Interactive shells: the mediated one, in which every line is judged and nothing typed reaches the target unjudged, and the
// raw one, which is only recorded.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, server, startTerminal, ssh } = world;
const bob = gateway.api('bob');
const victim = join(server.home, 'victim');

t.test('lines run one by one, in the folder that the last one ended in', async (t) => {
  const shell = startTerminal([]);
  await shell.waitFor(/every line is judged before it runs on web-1/);
  shell.write('pwd\r');
  await shell.waitFor(new RegExp(`\r\n${server.home}\r\n`));
  shell.write('cd release\r');
  await shell.waitFor(/release\$ $/);
  shell.write('cat VERSION; ls nowhere\r');
  await shell.waitFor(/2026\.11\.2\r\n.*cannot access 'nowhere'/s);
  shell.write("echo 'two\r");
  await shell.waitFor(/> $/);
  shell.write("lines'\r");
  await shell.waitFor(/two\r\nlines\r\n/);
  shell.write('lsx\u007f -l\u0001\u0001\r');
  await shell.waitFor(/app\.conf/);
  shell.write('exit 4\r');
  t.equal((await shell.end()).code, 4);
});

t.test('commands of several lines: here-documents, groups, a backslash at the end', async (t) => {
  const lines = 'cat <<END\nls $((20+3))\nEND\n{\necho group-$((20+4))\n}\necho joined-\\\nline # \\\n';
  const shell = startTerminal([]);
  await shell.waitFor(/\$ $/);
  shell.write(lines.replaceAll('\n', '\r'));
  await shell.waitFor(/[\r\n]ls 23\r\n[^]*[\r\n]group-24\r\n[^]*[\r\n]joined-line\r\n/);
  shell.write('exit\r');
  await shell.end();
  t.match(await ssh([], { input: lines }), { code: 0, stdout: 'ls 23\ngroup-24\njoined-line\n' }, 'and from a file');
});

t.test('a held line, approved, denied and withdrawn', async (t) => {
  writeFileSync(victim, 'x', { mode: 0o666 });
  const shell = startTerminal([]);
  await shell.waitFor(/\$ $/);
  shell.write('rm victim\r');
  const denied = await bob.pendingHold('rm victim');
  t.match(denied.parameters, [{ type: 'folder', text: '~' }]);
  await bob.post(`/holds/${denied.id}/deny`, { reason: 'needed' });
  await shell.waitFor(/denied by bob: needed/);
  shell.write('rm ./victim\r');
  await bob.pendingHold('rm ./victim');
  shell.write('\u0003');
  await shell.waitFor(/withdrawn: cancelled by the client/);
  t.ok(existsSync(victim));
  shell.write('rm -f victim\r');
  const approved = await bob.pendingHold('rm -f victim');
  await bob.post(`/holds/${approved.id}/approve`, { reason: 'ok' });
  shell.write('echo over-$?\r');
  await shell.waitFor(/over-0\r/);
  t.notOk(existsSync(victim));
  shell.write('\u0004');
  await shell.end();
});

t.test('Ctrl-C ends what runs, and the shell stays', async (t) => {
  const shell = startTerminal([]);
  await shell.waitFor(/\$ $/);
  shell.write('echo begun; sleep 60\r');
  await shell.waitFor(/\nbegun\r/);
  shell.write('\u0003');
  shell.write('echo still-here\r');
  await shell.waitFor(/\^C\r\n[^]*\nstill-here\r\n/);
  shell.write('exit\r');
  t.equal((await shell.end()).code, 0);
});

t.test('keys that other shells act on do nothing here', async (t) => {
  writeFileSync(victim, 'x', { mode: 0o666 });
  const shell = startTerminal([]);
  await shell.waitFor(/\$ $/);
  for (const keys of [
    'rm victim\u0003',
    '!rm\r',
    '!!\r',
    '^a^rm victim^\r',
    'rm victim\u000f\u0015',
    '\u001b[200~ls\u001b[201~\r',
    '\u0012victim\u0015\r',
  ])
    shell.write(keys);
  shell.write('echo marker-1\r');
  const words = ['!rm', '!!', '^a^rm victim^', 'victim'];
  for (;;) {
    const done = /marker-1\r\n/.test(shell.stdout.replaceAll(/.*\$ echo marker-1/g, ''));
    if (done) break;
    const { body } = await bob.get<{ items: { id: string; text: string }[] }>('/holds?state=pending');
    for (const { id, text } of body.items) {
      t.ok(
        words.some((word) => text.includes(word)),
        text,
      );
      await bob.post(`/holds/${id}/deny`, { reason: 'no' });
    }
  }
  t.ok(existsSync(victim));
  shell.write('exit\r');
  await shell.end();
});

t.test('what is typed never reaches a program', async (t) => {
  const shell = startTerminal([]);
  await shell.waitFor(/\$ $/);
  shell.write('cat; echo end-of-cat\r');
  await shell.waitFor(/\nend-of-cat\r\n/);
  shell.write('exit\r');
  t.equal((await shell.end()).code, 0);
});

t.test('without a terminal it reads lines, for scripts', async (t) => {
  const { code, stdout } = await ssh([], { input: 'cd release\nfor f in *; do\necho "$f"\ndone\npwd\n', options: ['-T'] });
  t.equal(code, 0);
  t.equal(stdout, `VERSION\napp.conf\n${server.home}/release\n`);
});

t.test('a raw terminal, where one is allowed', async (t) => {
  const shell = startTerminal([], { target: 'dev-1' });
  shell.write('echo $((6*7)); tty\r');
  await shell.waitFor(/42\r\n\/dev\/pts/);
  shell.write('exit 5\r');
  t.equal((await shell.end()).code, 5);
});

t.test('terminals are recorded, for auditors, while they run and after', async (t) => {
  const carol = gateway.api('carol');
  const shell = startTerminal([], { target: 'dev-1' });
  await shell.waitFor(/\$ $/m);
  shell.write('echo recorded-$((40+2))\r');
  await shell.waitFor(/recorded-42/);
  const { body } = await carol.get<{ items: { id: string; target: string }[] }>('/sessions?state=open');
  const id = body.items.find(({ target }) => target === 'dev-1')?.id ?? '';
  const cast = async () => {
    const response = await fetch(`${gateway.http}/api/v1/sessions/${id}/terminals/0`, {
      headers: { authorization: `Bearer ${gateway.token('carol')}` },
    });
    return { status: response.status, text: await response.text() };
  };
  await eventually('it is in the recording while it runs', async () => (await cast()).text.includes('recorded-42'));
  shell.write('exit\r');
  await shell.end();
  const { text } = await cast();
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  t.match(lines[0], { version: 3, term: { cols: Number, rows: Number } });
  t.ok(lines.slice(1).every((line) => Array.isArray(line) && line.length === 3));
  t.match((await carol.get(`/sessions/${id}/terminals`)).body, { items: [{ index: 0 }] });
  const { body: index } = await carol.get<{ marks: readonly { text: string }[] }>(`/sessions/${id}/terminals/0/index`);
  t.ok(
    index.marks.some(({ text }) => text.startsWith('echo recorded-')),
    `the commands stand beside the replay: ${JSON.stringify(index.marks)}`,
  );
  t.equal((await carol.get(`/sessions/${id}/terminals/7`)).status, 404);
  t.equal((await gateway.api('erin').get(`/sessions/${id}/terminals`)).status, 403);
});

t.test('exit within a line leaves, and nothing behind it in a script runs', async (t) => {
  const script = (input: string) => ssh(['-T'], { input });
  t.match(await script('cd /nowhere || exit 3\necho later\n'), { code: 3, stdout: '' });
  t.match(await script('echo one; exit 5\necho later\n'), { code: 5, stdout: 'one\n' });
  t.match(await script('if true; then\nexit 6\nfi\necho later\n'), { code: 6, stdout: '' });
  t.match(await script('(exit 3)\necho $?; exit | true\nfalse || echo exit\n'), { code: 0, stdout: '0\nexit\n' }, 'a part of its own');
  const shell = startTerminal([]);
  await shell.waitFor(/web-1:~\$ /);
  shell.write('echo one; exit 7\r');
  t.equal((await shell.end()).code, 7);
});
