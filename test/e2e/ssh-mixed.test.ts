// Many sessions at once, each with bytes of its own, new keys every few hundred kilobytes, ciphers of every kind, compression, slow readers
// and clients that are killed in between: what arrives is what was sent, and nothing of anybody else's. Packets are decrypted in memory
// that all connections share, and sent from a pool: this is where it would show.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { start } from '../support/processes.ts';
import type { Running } from '../support/processes.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';
import { tool } from '../support/tools.ts';

const world = await startSshWorld(t, { policies: sshPolicies(), config: () => ({ ssh: { rekey_after: '4MiB' } }) });
const { directory, options, port } = world;
const mebibyte = 1024 ** 2;
const hash = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
const place = join(directory, 'mixed');
mkdirSync(place);

let files = 0;
/** A file of nobody else's bytes. */
function fresh(bytes: number): string {
  const name = join(place, `sent-${(files += 1)}`);
  writeFileSync(name, randomBytes(bytes));
  return name;
}

const quoted = (words: readonly string[]) => words.map((it) => `'${it}'`).join(' ');
const common = (more: readonly string[]) => [...options, '-o', 'RekeyLimit=400K', '-o', 'User=alice:dev-1', ...more];
const shell = (line: string): Running => start(t, 'bash', ['-o', 'pipefail', '-c', line]);
const ssh = tool('ssh', 'openssh-client');
const sshLine = (more: readonly string[], command: string) =>
  `'${ssh}' ${quoted([...common(more), '-p', String(port), '127.0.0.1', command])}`;

interface Transfer {
  readonly name: string;
  readonly running: Running;
  readonly sent: string;
  readonly got: string;
}

/** Through `cat` at the target and back, both ways at once. */
function echo(name: string, more: readonly string[], bytes: number, after = ''): Transfer {
  const sent = fresh(bytes);
  const got = `${sent}.back`;
  return { name, running: shell(`${sshLine(more, 'cat')} < ${sent} ${after} > ${got}`), sent, got };
}

/** Up and down again by a file. */
function copied(name: string, program: 'sftp' | 'scp', more: readonly string[], bytes: number): Transfer {
  const sent = fresh(bytes);
  const got = `${sent}.back`;
  const there = `mixed-${files}`;
  const line = (...words: string[]) => `'${tool(program, 'openssh-client')}' ${quoted([...common(more), '-P', String(port), ...words])}`;
  const batch = join(place, `batch-${files}`);
  writeFileSync(batch, `put ${sent} ${there}\nget ${there} ${got}\n`);
  const commands =
    program === 'sftp' ? line('-b', batch, '127.0.0.1') : `${line(sent, `127.0.0.1:${there}`)} && ${line(`127.0.0.1:${there}`, got)}`;
  return { name, running: shell(commands), sent, got };
}

const bySftp: Transfer[] = [];

t.test('all at once', async (t) => {
  // Each takes a moment of another's: their bytes must not be found anywhere.
  const killed = [1, 2, 3].map((at) => echo(`killed ${at}`, [], 20 * mebibyte, '| head -c 3000000'));
  const transfers = [
    echo('the usual cipher', [], 4 * mebibyte),
    echo('chacha20', ['-c', 'chacha20-poly1305@openssh.com'], 4 * mebibyte),
    echo('CTR', ['-c', 'aes128-ctr', '-m', 'hmac-sha2-256-etm@openssh.com'], 3 * mebibyte),
    echo('compressed', ['-C'], 2 * mebibyte),
    echo('read slowly', [], 5 * mebibyte, '| (sleep 2; cat)'),
    echo('read in small pieces', [], mebibyte, '| dd bs=700 status=none'),
    copied('SFTP', 'sftp', [], 4 * mebibyte),
    copied('SFTP, odd pieces', 'sftp', ['-B', '30001'], 2 * mebibyte),
    copied('SFTP, compressed, chacha20', 'sftp', ['-C', '-c', 'chacha20-poly1305@openssh.com'], 2 * mebibyte),
    copied('SCP', 'scp', [], 3 * mebibyte),
    copied('SCP of old', 'scp', ['-O'], 3 * mebibyte),
  ];
  bySftp.push(...transfers.filter(({ name }) => name.startsWith('SFTP') || name === 'SCP'));
  for (const { running } of killed) await running.end(60_000);
  for (const { name, running, sent, got } of transfers) {
    const { code, stderr } = await running.end(60_000);
    t.equal(code, 0, `${name}: ${stderr}`);
    t.ok(existsSync(got) && hash(got) === hash(sent), `${name}: what was sent came back`);
  }
  for (const { name, sent, got } of killed) t.ok(readFileSync(sent).indexOf(readFileSync(got)) === 0, `${name}: the beginning of it`);
});

t.test('the hashes in the audit log are those of the files', async (t) => {
  const { body } = await world.gateway.api('carol').get<Page<AuditEventView>>('/audit?type=action.finished&limit=100');
  const logged = body.items.map(({ detail }) => detail['sha256']).filter((it) => it !== undefined);
  for (const { name, sent, got } of bySftp) {
    const expected = hash(sent);
    t.equal(logged.filter((it) => it === expected).length, 2, `${name}: written and read`);
    t.equal(hash(got), expected);
  }
});
