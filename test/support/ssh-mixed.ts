// Many sessions at once, each with bytes of its own, new keys every few hundred kilobytes, ciphers of every kind, compression, slow readers
// and clients that are killed in between: what arrives is what was sent, and nothing of anybody else's. Packets are decrypted in memory
// that all connections share, and sent from a pool: this is where it would show.

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import type { Teardown } from './directories.ts';
import { start } from './processes.ts';
import type { Running } from './processes.ts';
import type { SshWorld } from './ssh.ts';
import { tool } from './tools.ts';

interface Tap extends Teardown {
  equal(found: unknown, wanted: unknown, words: string): unknown;
  ok(found: unknown, words: string): unknown;
}

interface Transfer {
  readonly name: string;
  readonly running: Running;
  readonly sent: string;
  readonly got: string;
}

const hash = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');
const quoted = (words: readonly string[]) => words.map((it) => `'${it}'`).join(' ');

/** Transfers of some times `bytes`, all at once, to dev-1. */
export async function mixedTransfers(t: Tap, world: SshWorld, bytes: number): Promise<void> {
  const make = new Transfers(t, world);
  // Each takes a moment of another's: their bytes must not be found anywhere.
  const killed = [1, 2, 3].map((at) => make.echo(`killed ${at}`, [], 5 * bytes, `| head -c ${bytes}`));
  const echoes = [
    make.echo('the usual cipher', [], bytes),
    make.echo('chacha20', ['-c', 'chacha20-poly1305@openssh.com'], bytes),
    make.echo('CTR', ['-c', 'aes128-ctr', '-m', 'hmac-sha2-256-etm@openssh.com'], bytes),
    make.echo('compressed', ['-C'], bytes / 2),
    make.echo('read slowly', [], bytes + 1024 ** 2, '| (sleep 2; cat)'),
    make.echo('read in small pieces', [], bytes / 4, '| dd bs=700 status=none'),
    make.copied('SCP of old', 'scp', ['-O'], bytes),
  ];
  const files = [
    make.copied('SFTP', 'sftp', [], bytes),
    make.copied('SFTP, odd pieces', 'sftp', ['-B', '30001'], bytes / 2),
    make.copied('SFTP, compressed, chacha20', 'sftp', ['-C', '-c', 'chacha20-poly1305@openssh.com'], bytes / 2),
    make.copied('SCP', 'scp', [], bytes),
  ];
  for (const { running } of killed) await running.end(60_000);
  for (const { name, running, sent, got } of [...echoes, ...files]) {
    const { code, stderr } = await running.end(60_000);
    t.equal(code, 0, `${name}: ${stderr}`);
    t.ok(existsSync(got) && hash(got) === hash(sent), `${name}: what was sent came back`);
  }
  for (const { name, sent, got } of killed) t.ok(readFileSync(sent).indexOf(readFileSync(got)) === 0, `${name}: the beginning of it`);
  const { body } = await world.gateway.api('carol').get<Page<AuditEventView>>('/audit?type=action.finished&limit=100');
  for (const { name, sent } of files) {
    const expected = hash(sent);
    t.equal(body.items.filter(({ detail }) => detail['sha256'] === expected).length, 2, `${name}: its hash is logged, written and read`);
  }
}

class Transfers {
  readonly #t: Teardown;
  readonly #world: SshWorld;
  readonly #place: string;
  #files = 0;

  constructor(t: Teardown, world: SshWorld) {
    this.#t = t;
    this.#world = world;
    this.#place = join(world.directory, 'mixed');
    mkdirSync(this.#place);
  }

  /** Through `cat` at the target and back, both ways at once. */
  echo(name: string, more: readonly string[], bytes: number, after = ''): Transfer {
    const files = this.#fresh(bytes);
    const line = this.#line('ssh', more, ['-p', String(this.#world.port), '127.0.0.1', 'cat']);
    return { name, running: this.#run(`${line} < ${files.sent} ${after} > ${files.got}`), ...files };
  }

  /** Up and down again by a file. */
  copied(name: string, program: 'sftp' | 'scp', more: readonly string[], bytes: number): Transfer {
    const files = this.#fresh(bytes);
    const there = `mixed-${this.#files}`;
    const batch = `${files.sent}.batch`;
    writeFileSync(batch, `put ${files.sent} ${there}\nget ${there} ${files.got}\n`);
    const line = (...words: string[]) => this.#line(program, more, ['-P', String(this.#world.port), ...words]);
    const remote = `127.0.0.1:${there}`;
    const commands = program === 'sftp' ? line('-b', batch, '127.0.0.1') : `${line(files.sent, remote)} && ${line(remote, files.got)}`;
    return { name, running: this.#run(commands), ...files };
  }

  /** A file of nobody else's bytes. */
  #fresh(bytes: number): { sent: string; got: string } {
    const sent = join(this.#place, `sent-${(this.#files += 1)}`);
    writeFileSync(sent, randomBytes(bytes));
    return { sent, got: `${sent}.back` };
  }

  #line(program: string, more: readonly string[], words: readonly string[]): string {
    const options = [...this.#world.options, '-o', 'RekeyLimit=400K', '-o', 'User=alice:dev-1'];
    return `'${tool(program, 'openssh-client')}' ${quoted([...options, ...more, ...words])}`;
  }

  #run(line: string): Running {
    return start(this.#t, 'bash', ['-o', 'pipefail', '-c', line]);
  }
}
