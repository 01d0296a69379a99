// Every ssh row of the bypass corpus that is a command, run for real through the gateway at a real sshd: as `ssh host COMMAND` and as a line
// of the mediated shell. Nothing happens to the victim while nobody approves anything. And the rows that are channels of other kinds.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

interface Case {
  readonly id: string;
  readonly protocol: string;
  readonly input: string;
  readonly via: string;
  readonly expect: 'read' | 'session' | 'hold' | 'deny';
  readonly why: string;
}

const cases = readFileSync(new URL('cases.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)
  .filter((one) => one.protocol === 'ssh' && one.via === 'exec');
const world = await startSshWorld(t, { policies: sshPolicies(), shell: 'mediated' });
const { gateway, server, directory, port } = world;
const bob = gateway.api('bob');
const victim = join(server.home, 'victim');
const precious = 'precious\n';
writeFileSync(victim, precious, { mode: 0o666 });
writeFileSync(join(server.home, 'script.sh'), 'rm victim\n', { mode: 0o755 });

const client = await new Promise<ssh2.Client>((resolve, reject) => {
  const it = new ssh2.Client();
  it.on('error', reject).on('ready', () => resolve(it));
  it.connect({ host: '127.0.0.1', port, username: 'alice:web-1', privateKey: readFileSync(join(directory, 'alice')) });
});
t.teardown(() => client.destroy());

interface Asked {
  readonly channel: ssh2.ClientChannel;
  output: string;
  over: boolean;
}

function asked(start: (done: (error: Error | undefined, channel: ssh2.ClientChannel) => void) => void): Promise<Asked> {
  return new Promise((resolve, reject) =>
    start((error, channel) => {
      if (error instanceof Error) return reject(error);
      const it: Asked = { channel, output: '', over: false };
      for (const stream of [channel, channel.stderr]) stream.on('data', (chunk: Buffer) => (it.output += chunk.toString()));
      channel.on('close', () => (it.over = true));
      resolve(it);
    }),
  );
}

const exec = (command: string, pty = false) => asked((done) => client.exec(command, { pty }, done));
const answered = ({ output, over }: Asked) => over || /sallyport: hold \S+:/.test(output);
const untouched = () => existsSync(victim) && readFileSync(victim, 'utf8') === precious;

t.ok(cases.length >= 60, 'the corpus is there');
for (const { id, input, expect, why } of cases) {
  const text = input.replaceAll('{{tmp}}', directory);
  t.test(`${id}: ${why}`, async (t) => {
    const command = await exec(text);
    const shell = await asked((done) => client.shell(false, done));
    shell.channel.end(`${text}\n`);
    await eventually('both have been answered', () => answered(command) && answered(shell));
    t.ok(untouched(), 'the victim is as it was');
    for (const [name, it] of [
      ['exec', command],
      ['mediated', shell],
    ] as const) {
      if (expect === 'read') t.notMatch(it.output, /sallyport: hold/, name);
      else t.match(it.output, /sallyport: /, `${name}: it waits, or is refused in words`);
      it.channel.close();
    }
    await eventually('nothing waits', async () => (await bob.get<{ items: unknown[] }>('/holds?state=pending')).body.items.length === 0);
  });
}

t.test('ssh-chan-04, -05, -06: tunnels of every kind are refused or wait', async (t) => {
  let reached = 0;
  const database = createServer(() => (reached += 1));
  t.teardown(() => database.close());
  await new Promise<void>((resolve) => database.listen(0, '127.0.0.1', resolve));
  const { port: databasePort } = database.address() as AddressInfo;
  let opened = 0;
  const open = (error: unknown) => {
    if (!(error instanceof Error)) opened += 1;
  };
  client.forwardOut('127.0.0.1', 1, '127.0.0.1', databasePort, open);
  client.forwardIn('127.0.0.1', 0, open);
  client.openssh_forwardOutStreamLocal('/var/run/postgresql/.s.PGSQL.5432', open);
  // Whatever of them waits is in front of people; what comes after them on the connection is answered all the same.
  const after = await exec('echo after');
  await eventually('it runs', () => after.output.includes('after\n'));
  t.equal(opened, 0);
  t.equal(reached, 0);
  const { body } = await bob.get<{ items: { id: string }[] }>('/holds?state=pending');
  for (const { id } of body.items) await bob.post(`/holds/${id}/deny`, { reason: 'no' });
});

t.test('ssh-chan-07: text in a variable', async (t) => {
  const it = await asked((done) => client.exec('eval "$LC_X"', { env: { LC_X: 'rm victim' } }, done));
  await eventually('answered', () => answered(it));
  t.ok(untouched());
  it.channel.close();
});

t.test('ssh-chan-08, -14: a second channel beside one that waits, and signals to it', async (t) => {
  const first = await exec('rm victim');
  await eventually('it waits', () => answered(first));
  const second = await exec('rm -f victim');
  await eventually('it waits, too', () => answered(second));
  for (const name of ['USR1', 'HUP', 'TERM', 'QUIT']) first.channel.signal(name);
  first.channel.setWindow(10, 10, 10, 10);
  const third = await exec('echo third');
  await eventually('what is free runs', () => third.output.includes('third'));
  t.ok(untouched());
  first.channel.signal('INT');
  await eventually('and INT withdraws it', () => first.over);
  t.match(first.output, /withdrawn/);
  t.notOk(second.over, 'the other one still waits');
  second.channel.close();
  t.ok(untouched());
});

t.test('ssh-chan-13, ssh-ctl-08: a program on a terminal, a NUL in a command', async (t) => {
  const editor = await exec('vim', true);
  await eventually('it waits', () => answered(editor));
  editor.channel.close();
  const nul = await exec('ls\0rm victim');
  await eventually('it is refused', () => nul.over);
  t.match(nul.output, /NUL/);
  t.ok(untouched());
});
