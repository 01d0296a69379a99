// The whole way of an operator: start a gateway, sign in with the first link, get a token, ask the gateway by the commands,
// stop it, verify its log. Everything is real but the target, which is never dialled.

import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { eventually } from '../support/eventually.ts';

const bin = fileURLToPath(new URL('../../bin/sallyport.mjs', import.meta.url));
const pack = fileURLToPath(new URL('../../policies/packs/development-database.yaml', import.meta.url));

const dir = mkdtempSync(`${tmpdir()}/sallyport-cli-`);
t.teardown(() => rmSync(dir, { recursive: true, force: true }));
mkdirSync(`${dir}/policies`);
copyFileSync(pack, `${dir}/policies/development-database.yaml`);
const config = `${dir}/sallyport.yaml`;
writeFileSync(
  config,
  `data_dir: data
listen: { http: { port: 0 }, postgres: { port: 0 } }
policies: { dir: policies }
people: [{ name: bob, groups: [dba] }, { name: erin, groups: [operators] }]
rights: { approve: [dba], audit: [operators], operate: [operators] }
targets: [{ name: orders, protocol: postgres, host: 127.0.0.1, port: 1, user: x }]
`,
);

function start(args: readonly string[], input = ''): { child: ChildProcess; output: () => string; until(words: RegExp): Promise<string> } {
  const child = spawn(process.execPath, [bin, ...args], { env: { PATH: process.env['PATH'] ?? '', HOME: dir } });
  let output = '';
  let changed = (): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      changed();
    });
  }
  child.on('close', () => changed());
  child.stdin.end(input);
  const until = async (words: RegExp): Promise<string> => {
    for (;;) {
      const match = words.exec(output);
      if (match !== null) return match[1] ?? match[0];
      if (child.exitCode !== null) throw new Error(`ended before it said ${String(words)}: ${output}`);
      await new Promise<void>((resolve) => (changed = resolve));
    }
  };
  return { child, output: () => output, until };
}

async function run(args: readonly string[], input = ''): Promise<{ code: number | null; output: string }> {
  const { child, output } = start(args, input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output() };
}

/** The command listens for signals: for SIGHUP (bit 0 of the mask in proc(5), SigCgt), for which Node itself does not. */
function hearsSignals(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & 1n) !== 0n;
}

t.test('a signal while it reads its configuration is heard, and ends it', async (t) => {
  const pipe = `${dir}/slow.yaml`;
  execFileSync('mkfifo', [pipe]);
  const gateway = start(['gateway', '--config', pipe]);
  t.teardown(() => gateway.child.kill('SIGKILL'));
  const pid = gateway.child.pid ?? 0;
  await eventually('it listens for signals before it has read anything', () => hearsSignals(pid), 20_000);
  gateway.child.kill('SIGTERM');
  await writeFile(pipe, readFileSync(config));
  const [code] = (await once(gateway.child, 'close')) as [number | null];
  t.equal(code, 0, gateway.output());
  t.match(gateway.output(), /SIGTERM: ending sessions and closing/);
});

t.test('from the first start to a verified log', async (t) => {
  const gateway = start(['gateway', '--config', config, '--login-link', 'erin']);
  t.teardown(() => gateway.child.kill('SIGKILL'));
  const server = await gateway.until(/console and API {2}(\S+)/);
  await gateway.until(/ready/);

  const file = `${dir}/data/login-link`;
  t.equal(statSync(file).mode & 0o777, 0o600);
  const link = readFileSync(file, 'utf8').trim();
  t.notOk(gateway.output().includes(link.split('#')[1] ?? link), 'the link itself is not in the log');
  const headers = { 'content-type': 'application/json', origin: server };
  const login = await fetch(`${server}/api/v1/login`, { method: 'POST', headers, body: JSON.stringify({ secret: link.split('#')[1] }) });
  t.equal(login.status, 200);
  const cookie = (login.headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
  const issued = await fetch(`${server}/api/v1/tokens`, { method: 'POST', headers: { ...headers, cookie }, body: '{"name":"cli"}' });
  const { token } = (await issued.json()) as { token: string };

  t.match(await run(['login', '--server', server], `${token}\n`), { code: 0, output: /signed in to \S+ as erin/ });
  t.match(await run(['targets']), { code: 0, output: /orders +postgres +psql / });
  t.match(await run(['holds']), { code: 0, output: /nothing waits/ });
  t.match(await run(['sessions', '--json']), { code: 0, output: /^\[\]/ });
  t.match(await run(['token', '--ttl', '1m']), { code: 0, output: /^sp_/ });
  t.match(await run(['token', '--ttl', '1m', '--person', 'bob']), { code: 0, output: /^sp_/ });
  t.match(await run(['approve', 'h-000000']), { code: 4, output: /there is no/ });
  t.match(await run(['sessions', 'nope']), { code: 4 });
  const events = await run(['audit', '--type', 'token.issued', '--json']);
  t.equal(events.code, 0);
  t.ok((JSON.parse(events.output) as unknown[]).length >= 2);
  t.notMatch(events.output, new RegExp(token), 'no token is in the log');

  gateway.child.kill('SIGTERM');
  const [code] = (await once(gateway.child, 'close')) as [number | null];
  t.equal(code, 0, 'it closes cleanly');
  t.match(await run(['audit', 'verify', `${dir}/data/audit`]), { code: 0, output: /^intact: \d+ events/ });
  t.match(await run(['targets']), { code: 1, output: /can't be reached: connection refused/ });
});

t.test('a token of somebody who was taken out of the configuration stays gone when the name comes back', async (t) => {
  const written = readFileSync(config, 'utf8');
  const without = `${dir}/without.yaml`;
  writeFileSync(without, written.replace('name: erin', 'name: frank'));
  const { token } = JSON.parse(readFileSync(`${dir}/.config/sallyport/credentials.json`, 'utf8')) as { token: string };
  for (const [path, wanted] of [
    [without, null],
    [config, { code: 3 }],
  ] as const) {
    const gateway = start(['gateway', '--config', path]);
    const server = await gateway.until(/console and API +(\S+)/);
    await gateway.until(/ready/);
    if (wanted !== null) t.match(await run(['targets', '--server', server, '--token', token]), wanted);
    gateway.child.kill('SIGTERM');
    await once(gateway.child, 'close');
  }
});

t.test('a port that another process has: a start may help later, so it is not the exit code of a wrong configuration', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const written = readFileSync(config, 'utf8');
  const taken = `${dir}/taken.yaml`;
  writeFileSync(taken, written.replace(/listen: .*/, `listen: { http: { port: 0 }, postgres: { port: ${port} } }`));
  t.match(await run(['gateway', '--config', taken]), {
    code: 1,
    output: new RegExp(`postgres: cannot listen on 127.0.0.1:${port}: .*EADDRINUSE[^]*another process has it`),
  });
  writeFileSync(taken, written.replace(/listen: .*/, 'listen: { http: { port: 99999 } }'));
  t.match(await run(['gateway', '--config', taken]), { code: 2, output: /listen.http.port/ });
});

t.test('a first link for nobody ends in words, with nothing left running', async (t) => {
  t.match(await run(['gateway', '--config', config, '--login-link', 'nobody']), { code: 1, output: /there is no person "nobody"/ });
});
