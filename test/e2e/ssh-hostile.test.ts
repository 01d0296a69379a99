// A signed-in client that does what no client does: malformed SFTP, floods, requests out of turn, text that would fool an approver. The
// channel or the connection ends in words, nothing reaches the target unjudged, and the gateway goes on.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { eventually } from '../support/eventually.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const world = await startSshWorld(t, { policies: sshPolicies() });
const { gateway, server, directory, port, ssh } = world;
const bob = gateway.api('bob');
const mebibyte = 1024 ** 2;
const faults: unknown[] = [];
process.on('unhandledRejection', (reason) => faults.push(reason));
process.on('uncaughtExceptionMonitor', (error) => faults.push(error));

function signedIn(t: { teardown(step: () => void): void }, target = 'web-1'): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  t.teardown(() => client.destroy());
  return new Promise((resolve, reject) => {
    client.on('error', reject);
    client.on('ready', () => resolve(client.removeAllListeners('error').on('error', () => undefined)));
    client.connect({ host: '127.0.0.1', port, username: `alice:${target}`, privateKey: readFileSync(join(directory, 'alice')) });
  });
}

interface Raw {
  readonly channel: ssh2.ClientChannel;
  /** Whole answers, without their length. */
  readonly answers: Buffer[];
  errors: string;
  closed: boolean;
}

/** The subsystem with nobody's library between: version 3 is agreed. */
async function rawSftp(client: ssh2.Client): Promise<Raw> {
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.subsys('sftp', (error, opened) => (error instanceof Error ? reject(error) : resolve(opened))),
  );
  const raw: Raw = { channel, answers: [], errors: '', closed: false };
  let all = Buffer.alloc(0);
  channel.on('data', (chunk: Buffer) => {
    all = Buffer.concat([all, chunk]);
    while (all.length >= 4 && all.length >= 4 + all.readUInt32BE()) {
      raw.answers.push(all.subarray(4, 4 + all.readUInt32BE()));
      all = all.subarray(4 + all.readUInt32BE());
    }
  });
  channel.stderr.on('data', (chunk: Buffer) => (raw.errors += chunk.toString()));
  channel.on('close', () => (raw.closed = true));
  channel.write(packet(1, uint32(3)));
  await eventually('the version', () => raw.answers.length > 0);
  raw.answers.shift();
  return raw;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
const text = (value: string | Buffer) => Buffer.concat([uint32(Buffer.byteLength(value)), Buffer.from(value)]);
function packet(type: number, ...fields: Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from([type]), ...fields]);
  return Buffer.concat([uint32(body.length), body]);
}
const open = (id: number, path: string | Buffer, flags: number) => packet(3, uint32(id), text(path), uint32(flags), uint32(0));
const readFlag = 1;
const writeFlags = 2 | 8 | 16;

t.test('SFTP packets that are malformed end the subsystem in words', async (t) => {
  const bad: readonly (readonly [string, Buffer, RegExp])[] = [
    ['a length without an end', uint32(0xffff_ffff), /SFTP packet of 4294967295 bytes/],
    ['no type', uint32(0), /without a type/],
    ['a field longer than its packet', packet(3, uint32(1), uint32(0x7fff_ffff)), /ends too early/],
    ['a name with a NUL', open(1, 'deploy.log\0.txt', readFlag), /NUL byte/],
    ['no id', packet(3), /too early|without an id/],
  ];
  const client = await signedIn(t);
  for (const [name, bytes, words] of bad) {
    const raw = await rawSftp(client);
    raw.channel.write(bytes);
    await eventually(`${name}: it ends`, () => raw.closed);
    t.match(raw.errors, words, name);
  }
});

t.test('names as long as a packet, dots, double slashes and links are judged as what the target makes of them', async (t) => {
  const raw = await rawSftp(await signedIn(t, 'dev-1'));
  raw.channel.write(open(1, 'a'.repeat(200_000), readFlag));
  await eventually('an answer', () => raw.answers.length === 1);
  t.equal(raw.answers[0]?.[0], 101, 'a status of the target');
  const production = await rawSftp(await signedIn(t));
  const held = async (path: string, expected: string) => {
    production.channel.write(open(9, path, writeFlags));
    const hold = await bob.pendingHold(/^write /);
    t.ok(hold.text.includes(expected), `${path}: ${hold.text}`);
    await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
  };
  await held(`${server.home}/release/../release//./x`, `(${server.home}/release/x)`);
  await held('/etc/../etc//passwd', '(/etc/passwd)');
  await held('//etc/passwd', '(/etc/passwd)');
  await held('./deploy.log', `(${server.home}/deploy.log)`);
});

t.test('handles: of nobody, of another channel, closed ones', async (t) => {
  const client = await signedIn(t, 'dev-1');
  const [first, second] = [await rawSftp(client), await rawSftp(client)];
  first.channel.write(open(1, 'deploy.log', readFlag));
  await eventually('a handle', () => first.answers.length === 1);
  const answer = first.answers.shift() as Buffer;
  t.equal(answer[0], 102);
  const handle = answer.subarray(9);
  const status = async (raw: Raw, bytes: Buffer) => {
    raw.channel.write(bytes);
    await eventually('an answer', () => raw.answers.length > 0);
    const got = raw.answers.shift() as Buffer;
    return got[0] === 101 ? got.readUInt32BE(5) : -1;
  };
  const read = (id: number, of: Buffer) => packet(5, uint32(id), text(of), Buffer.alloc(8), uint32(100));
  const write = (id: number, of: Buffer) => packet(6, uint32(id), text(of), Buffer.alloc(8), text('x'));
  t.equal(await status(second, read(2, handle)), 4, "another channel's handle is none of this one");
  t.equal(await status(first, read(3, Buffer.from('none'))), 4);
  t.equal(await status(first, write(4, handle)), 3, 'written by a handle for reading');
  t.equal(await status(first, packet(4, uint32(5), text(handle))), 0);
  t.equal(await status(first, read(6, handle)), 4, 'after close');
  t.equal(await status(first, packet(200, uint32(7), text('no-such-thing@example.com'))), 8, 'an unknown extension');
});

t.test('the same id twice, and more requests than anybody has', async (t) => {
  const client = await signedIn(t, 'dev-1');
  const twice = await rawSftp(client);
  const stat = (id: number) => packet(17, uint32(id), text('.'));
  twice.channel.write(Buffer.concat(Array.from({ length: 200 }, () => stat(1))));
  await eventually('it ends', () => twice.closed || twice.answers.length === 200);
  const flood = await rawSftp(client);
  flood.channel.pause(); // it asks and does not listen
  const before = process.memoryUsage().rss;
  const asked = packet(99, uint32(1), Buffer.alloc(100));
  for (let count = 0; count < 200; count += 1) flood.channel.write(Buffer.concat(Array.from({ length: 1000 }, () => asked)));
  t.match(await ssh(['echo here'], { target: 'dev-1' }), { stdout: 'here\n' }, 'others are served');
  t.ok(process.memoryUsage().rss - before < 200 * mebibyte);
});

t.test('variables that change what a program does are not passed on', async (t) => {
  const planted = join(directory, 'planted.sh');
  writeFileSync(planted, 'echo planted\n', { mode: 0o755 });
  const names = [
    'BASH_ENV',
    'LD_PRELOAD',
    'ENV',
    'PATH',
    'IFS',
    'PS4',
    'SHELLOPTS',
    'BASH_FUNC_ls%%',
    'GIT_SSH_COMMAND',
    'PAGER',
    'LC_ALL=x\nBASH_ENV',
  ];
  const client = await signedIn(t);
  const env = Object.fromEntries(names.map((name) => [name, planted]));
  const output = await new Promise<string>((resolve, reject) =>
    client.exec('ls', { env }, (error, channel) => {
      if (error instanceof Error) return reject(error);
      let all = '';
      for (const stream of [channel, channel.stderr]) stream.on('data', (chunk: Buffer) => (all += chunk.toString()));
      channel.on('close', () => resolve(all));
    }),
  );
  t.match(output, /deploy\.log/);
  t.notMatch(output, /^planted/m);
  for (const name of names.slice(0, -1)) t.ok(output.includes(`the variable ${name} is not passed on`), name);
});

t.test('a command made to look like another one is shown as it is', async (t) => {
  const waiting = await signedIn(t);
  const command = 'rm deploy.log #\u001b[2K\r\u001b[1Aecho harmless \u202e\u0007';
  waiting.exec(command, () => undefined);
  const hold = await bob.pendingHold(/^rm deploy\.log/);
  t.equal(hold.text, command, 'the exact text, for the one who makes it visible');
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'no \u001b[2Jreally' });
  const said = await ssh(['cat', `$'\\x1b[2J'`]);
  t.notMatch(said.stderr, /\u001b/, 'nothing that a terminal acts on');
});

t.test('a second program in one channel, and data after the end', async (t) => {
  const client = await signedIn(t, 'dev-1');
  const internals = client as unknown as {
    _protocol: { exec(id: number, command: string, reply: boolean): void; channelData(id: number, data: Buffer): void };
  };
  const output = await new Promise<string>((resolve, reject) =>
    client.exec('sleep 0.3; echo first', (error, channel) => {
      if (error instanceof Error) return reject(error);
      const { id } = (channel as unknown as { outgoing: { id: number } }).outgoing;
      internals._protocol.exec(id, 'touch second', true);
      let all = '';
      channel.on('data', (chunk: Buffer) => (all += chunk.toString()));
      channel.end();
      for (let count = 0; count < 5; count += 1) internals._protocol.channelData(id, Buffer.from('after the end'));
      channel.on('close', () => resolve(all));
      client.on('close', () => resolve(`${all}closed`));
    }),
  );
  t.notMatch(output, /second/);
  t.notOk(existsSync(join(server.home, 'second')), 'the second one never ran');
});

t.test('data for channels that are not there, a window that overflows, packets of the wrong side', async (t) => {
  const senders: readonly ((client: ssh2.Client) => void)[] = [
    (client) => protocol(client).channelData(4711, Buffer.from('x')),
    (client) => protocol(client).channelWindowAdjust(4711, 100),
    (client) => protocol(client).channelSuccess(0),
    (client) => protocol(client).channelClose(4711),
    (client) => protocol(client).requestSuccess(),
    (client) => protocol(client).openssh_authAgent(0, 1000, 1000),
    (client) => protocol(client).forwardedTcpip(0, 1000, 1000, { boundAddr: 'a', boundPort: 1, remoteAddr: 'b', remotePort: 2 }),
    (client) =>
      client.exec('cat > /dev/null', (error, channel) => {
        if (error instanceof Error) return;
        const { id } = (channel as unknown as { outgoing: { id: number } }).outgoing;
        for (let count = 0; count < 200; count += 1) protocol(client).channelWindowAdjust(id, 0xffff_ffff);
      }),
  ];
  for (const [at, send] of senders.entries()) {
    const client = await signedIn(t, 'dev-1');
    try {
      send(client);
    } catch {
      t.comment(`sender ${at} could not even send it`);
    }
  }
  t.match(await ssh(['echo still'], { target: 'dev-1' }), { stdout: 'still\n' });
});

t.test('a client that vanishes at every step leaves nothing open', async (t) => {
  for (const step of ['exec', 'shell', 'sftp', 'forward', 'listen'] as const) {
    const client = await signedIn(t, step === 'forward' ? 'web-1' : 'dev-1');
    if (step === 'exec') client.exec('sleep 100', () => undefined);
    if (step === 'shell') client.shell(() => undefined);
    if (step === 'sftp') client.subsys('sftp', () => undefined);
    if (step === 'forward') client.forwardOut('a', 1, '127.0.0.1', 1, () => undefined);
    if (step === 'listen') client.forwardIn('127.0.0.1', 0, () => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
  }
  await eventually('no session is open', async () => {
    const { body } = await gateway.api('carol').get<{ items: unknown[] }>('/sessions?state=open');
    return body.items.length === 0;
  });
  t.match(await ssh(['echo still'], { target: 'dev-1' }), { stdout: 'still\n' });
});

t.test('nothing went wrong behind all that', async (t) => t.same(faults, []));

type Protocol = Record<
  'channelData' | 'channelWindowAdjust' | 'channelSuccess' | 'channelClose' | 'requestSuccess' | 'openssh_authAgent' | 'forwardedTcpip',
  (...args: unknown[]) => void
>;
function protocol(client: ssh2.Client): Protocol {
  return (client as unknown as { _protocol: Protocol })._protocol;
}
