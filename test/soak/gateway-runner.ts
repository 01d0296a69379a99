// The gateway of a soak: a process on fixed ports and a data folder of its own file system, killed, stopped and started again.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { TokenIssued } from '../../src/api/contract.ts';
import { api } from '../support/api.ts';
import type { ApiClient } from '../support/api.ts';
import { temporaryDirectory } from '../support/directories.ts';
import type { Teardown } from '../support/directories.ts';
import { sallyport } from '../support/gateway-process.ts';
import { freePort } from '../support/ports.ts';
import { start } from '../support/processes.ts';
import type { Running } from '../support/processes.ts';

const startMsMax = 60_000;
const dataSize = '96m';

export interface Ports {
  readonly http: number;
  readonly postgres: number;
  readonly mysql: number;
  readonly ssh: number;
  readonly metrics: number;
}

export class GatewayRunner {
  readonly directory: string;
  readonly ports: Ports;
  /** Whether the data folder is a file system of its own, which can be filled. */
  readonly hasOwnDisk: boolean;
  readonly #t: Teardown;
  readonly #tokens = new Map<string, string>();
  #running: Running | null = null;
  /** Everything that earlier runs printed. */
  #earlier = '';

  private constructor(t: Teardown, directory: string, ports: Ports, hasOwnDisk: boolean) {
    this.#t = t;
    this.directory = directory;
    this.ports = ports;
    this.hasOwnDisk = hasOwnDisk;
  }

  static async start(
    t: Teardown,
    policies: Readonly<Record<string, string>>,
    people: readonly { readonly name: string }[],
    sections: (directory: string) => Readonly<Record<string, unknown>>,
  ): Promise<GatewayRunner> {
    const directory = temporaryDirectory(t, 'soak');
    mkdirSync(join(directory, 'policies'));
    mkdirSync(join(directory, 'data'));
    for (const [name, text] of Object.entries(policies)) writeFileSync(join(directory, 'policies', name), text);
    const [http, postgres, mysql, ssh, metrics] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const ports = { http, postgres, mysql, ssh, metrics };
    const runner = new GatewayRunner(t, directory, ports, mountOwnDisk(t, join(directory, 'data')));
    const listen = Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, { host: '127.0.0.1', port }]));
    const rights = { approve: ['dba'], audit: ['auditors'], operate: ['operators'] };
    const config = { data_dir: 'data', listen, people, rights, policies: { dir: 'policies' }, ...sections(directory) };
    writeFileSync(join(directory, 'sallyport.yaml'), stringify(config));
    await runner.start();
    await runner.#issueTokens(people.map(({ name }) => name));
    return runner;
  }

  get dataDir(): string {
    return join(this.directory, 'data');
  }

  get http(): string {
    return `http://127.0.0.1:${this.ports.http}`;
  }

  get output(): string {
    return this.#earlier + (this.#running?.output ?? '');
  }

  get isRunning(): boolean {
    return this.#running?.running === true;
  }

  get pid(): number {
    return this.#running?.child.pid ?? 0;
  }

  token(person: string): string {
    return this.#tokens.get(person) ?? '';
  }

  api(person: string): ApiClient {
    return api(this.http, this.token(person));
  }

  /** With `--login-link`, as the first time. */
  async start(): Promise<void> {
    this.#earlier += this.#running?.output ?? '';
    const args = [sallyport, 'gateway', '--config', join(this.directory, 'sallyport.yaml'), '--login-link', 'erin'];
    this.#running = start(this.#t, process.execPath, args);
    await this.#running.waitFor(/^ready/m, startMsMax);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running?.running === true) this.#running.kill(signal);
  }

  /** Sends the signal and resolves with its exit code when it has ended. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    this.signal(signal);
    return (await this.#running?.end(startMsMax))?.code ?? null;
  }

  /** The metrics by name, without labels. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`http://127.0.0.1:${this.ports.metrics}/metrics`)).text();
    return new Map([...text.matchAll(/^(\w+) ([\d.e+-]+)$/gm)].map(([, name, value]) => [name ?? '', Number(value)]));
  }

  async isReady(): Promise<boolean> {
    return (await fetch(`http://127.0.0.1:${this.ports.metrics}/readyz`)).status === 200;
  }

  /** Takes all the room there is, and gives back how to free it. */
  fillDisk(): () => void {
    const path = join(this.dataDir, 'filler');
    const { bavail, bsize } = statfsSync(this.dataDir);
    try {
      writeFileSync(path, Buffer.alloc(bavail * bsize));
    } catch {
      // It was written to meanwhile: what room there was is taken.
    }
    return () => rmSync(path, { force: true });
  }

  async #issueTokens(people: readonly string[]): Promise<void> {
    const secret = readFileSync(join(this.dataDir, 'login-link'), 'utf8').trim().split('#')[1] ?? '';
    const headers = { 'content-type': 'application/json', origin: this.http };
    const login = await fetch(`${this.http}/api/v1/login`, { method: 'POST', headers, body: JSON.stringify({ secret }) });
    const cookie = (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
    for (const person of people) {
      const body = JSON.stringify({ person, name: 'soak' });
      const answer = await fetch(`${this.http}/api/v1/tokens`, { method: 'POST', headers: { ...headers, cookie }, body });
      if (answer.status !== 200) throw new Error(`no token for ${person}: ${await answer.text()}`);
      this.#tokens.set(person, ((await answer.json()) as TokenIssued).token);
    }
  }
}

function mountOwnDisk(t: Teardown, folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${dataSize},mode=0700`, 'none', folder], { stdio: 'ignore' });
  } catch {
    return false; // not root, or in a container without that right
  }
  t.teardown(() => execFileSync('umount', ['-l', folder]));
  return true;
}
