// Recorded terminals of many people at once, while others copy files and wait for approvers: what each terminal shows, what its recording
// holds, and what reaches the target's files is its own. All of it passes through memory that is used again.

import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { run, start } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

t.setTimeout(90_000);

const world = await startSshWorld(t, { policies: sshPolicies(), config: () => ({ ssh: { rekey_after: '4MiB' } }) });
const lines = 20_000;
/** What `seq -f` prints of it in a terminal. */
const shown = (who: string) => Array.from({ length: lines }, (_, index) => `${who} ${'.'.repeat(40)} ${index + 1}\r\n`).join('');
const show = (who: string) => `seq -f '${who} ${'.'.repeat(40)} %.0f' ${lines}`;

/** What the casts show, without their times. */
function casts(): string[] {
  const folder = join(world.gateway.dataDir, 'recordings');
  const texts = readdirSync(folder).filter((name) => name.endsWith('.cast')).map((name) => readFileSync(join(folder, name), 'utf8')); // prettier-ignore
  return texts.map((text) =>
    text
      .trimEnd()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line) as [number, string, string])
      .filter(([, code]) => code === 'o')
      .map(([, , data]) => data)
      .join(''),
  );
}

t.test('all at once', async (t) => {
  const ciphers = ['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes256-ctr'];
  const names = Array.from({ length: 6 }, (_, index) => `terminal-${index}`);
  const terminals = names.map((who, index) =>
    world.startSsh([show(who)], { target: 'dev-1', options: ['-tt', '-c', ciphers[index % 3] ?? ''] }),
  );
  const [slow, stopped] = terminals;
  slow?.child.stdout.pause();
  await stopped?.waitFor(/terminal-1/);
  stopped?.child.kill('SIGSTOP');
  // A file that waits for an approver with more behind it, and others that pass.
  const sftp = tool('sftp', 'openssh-client');
  const to = (target: string) => [...world.options, '-P', String(world.port), '-o', `User=alice:${target}`, '-b', '-', '127.0.0.1'];
  const files = Array.from({ length: 4 }, (_, index) => {
    const path = join(world.directory, `sent-${index}`);
    writeFileSync(path, randomBytes(3_000_000 + index));
    return path;
  });
  const waiting = start(t, sftp, to('web-1'));
  waiting.write(`put ${files[0]} waited\nput ${files[0]} waited-too\n`);
  const bob = world.gateway.api('bob');
  const hold = await bob.pendingHold(/^write .*waited$/);
  const batch = (path: string, index: number) => `put ${path} there-${index}\nget there-${index} ${path}.back\n`;
  const copies = await Promise.all(
    files.map((path, index) => run(t, sftp, to('dev-1'), { input: batch(path, index).repeat(2), timeoutMs: 60_000 })),
  );
  for (const { code, stderr } of copies) t.equal(code, 0, stderr);
  stopped?.child.kill('SIGCONT');
  await bob.post(`/holds/${hold.id}/approve`, { reason: 'ok' });
  const second = await bob.pendingHold(/waited-too$/);
  await bob.post(`/holds/${second.id}/approve`, { reason: 'ok' });
  waiting.endInput();
  t.equal((await waiting.end(60_000)).code, 0);
  const [there] = (await world.ssh(['pwd'], { target: 'dev-1' })).stdout.split('\n');
  const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  for (const name of ['waited', 'waited-too']) t.equal(hash(join(there ?? '', name)), hash(files[0] ?? ''), name);
  for (const path of files) t.equal(hash(`${path}.back`), hash(path), path);
  slow?.child.stdout.resume();
  for (const [index, terminal] of terminals.entries()) {
    const { stdout } = await terminal.end(60_000);
    t.ok(stdout === shown(names[index] ?? ''), `${names[index]}: what was shown, ${stdout.length} characters`);
  }
  await eventually('all are recorded', () => names.every((who) => casts().includes(shown(who))));
  const unique = new Set(casts());
  t.ok(
    names.every((who) => unique.has(shown(who))),
    'each recording holds what its terminal showed',
  );
});
