// A target whose SFTP answers come in pieces, out of turn, or to nobody: what the client reads are whole packets in order, refusals of the
// gateway between them and never inside of one, and nothing that was not asked for.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { makeKeyPair, publicKeyOf } from '../../docker/demo/ssh-server.ts';
import type { AuditEventView, Page } from '../../src/api/contract.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

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
const status = (id: number, code: number) => packet(101, uint32(id), uint32(code), text(''), text(''));
const data = (id: number, bytes: Buffer) => packet(103, uint32(id), text(bytes));
const [opens, closes, reads, writes] = [3, 4, 5, 6];

/** Packets out of a stream, without their length. */
function packetsOf(channel: NodeJS.ReadableStream, each: (packet: Buffer) => void): void {
  let all = Buffer.alloc(0);
  channel.on('data', (chunk: Buffer) => {
    all = Buffer.concat([all, chunk]);
    while (all.length >= 4 && all.length >= 4 + all.readUInt32BE()) {
      const end = 4 + all.readUInt32BE();
      each(Buffer.from(all.subarray(4, end)));
      all = all.subarray(end);
    }
  });
}

/** The target's end of the newest channel: whatever asks for more than names is left to the test. */
interface Peer {
  readonly channel: ssh2.ServerChannel;
  readonly asked: Buffer[];
  /** Everything that came, for what is cut off in the middle of a packet. */
  bytes: number;
}
let peer: Peer | null = null;
const keys = temporaryDirectory(t, 'peer');
makeKeyPair(join(keys, 'host'), 'host');
const target = new ssh2.Server({ hostKeys: [readFileSync(join(keys, 'host'))] }, (connection) => {
  connection.on('error', () => undefined);
  connection.on('authentication', (context) => context.accept());
  connection.on('session', (accept) =>
    accept().on('subsystem', (begin) => {
      const channel = begin();
      const made: Peer = { channel, asked: [], bytes: 0 };
      channel.on('error', () => undefined).on('data', (chunk: Buffer) => (made.bytes += chunk.length));
      packetsOf(channel, (asked) => {
        if (asked[0] === 1) channel.write(packet(2, uint32(3)));
        else if (asked[0] === 16) channel.write(packet(104, asked.subarray(1, 5), uint32(1), text('/there'), text(''), uint32(0)));
        else made.asked.push(asked);
      });
      peer = made;
    }),
  );
});
await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
t.teardown(() => target.close());
const world = await startSshWorld(t, {
  policies: sshPolicies(),
  target: { port: (target.address() as AddressInfo).port, host_keys: [publicKeyOf(join(keys, 'host'))] },
});
const carol = world.gateway.api('carol');

interface Subsystem {
  readonly channel: ssh2.ClientChannel;
  readonly answers: Buffer[];
  readonly peer: Peer;
  closed: boolean;
  errors: string;
}

async function subsystem(t: { teardown(step: () => void): void }): Promise<Subsystem> {
  const client = new ssh2.Client();
  t.teardown(() => client.destroy());
  client.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    const privateKey = readFileSync(join(world.directory, 'alice'));
    client.on('ready', resolve);
    client.connect({ host: '127.0.0.1', port: world.port, username: 'alice:dev-1', privateKey });
  });
  peer = null;
  const channel = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.subsys('sftp', (error, opened) => (error instanceof Error ? reject(error) : resolve(opened))),
  );
  const answers: Buffer[] = [];
  packetsOf(channel, (answer) => answers.push(answer));
  channel.write(packet(1, uint32(3)));
  await eventually('the version', () => answers.shift()?.[0] === 2);
  const made: Subsystem = { channel, answers, peer: peer as unknown as Peer, closed: false, errors: '' };
  channel.stderr.on('data', (chunk: Buffer) => (made.errors += chunk.toString()));
  channel.on('close', () => (made.closed = true));
  return made;
}

/** Opens a file for both; its handle is "h". */
async function opened(t: { teardown(step: () => void): void }): Promise<Subsystem> {
  const made = await subsystem(t);
  made.channel.write(packet(opens, uint32(1), text('/there'), uint32(3), uint32(0)));
  await eventually('it is asked', () => made.peer.asked.shift()?.[0] === opens);
  made.peer.channel.write(packet(102, uint32(1), text('h')));
  await eventually('it is open', () => made.answers.shift()?.[0] === 102);
  return made;
}
const read = (id: number, offset = 0) => packet(reads, uint32(id), text('h'), uint32(0), uint32(offset), uint32(0xffff));

t.test('a refusal that is due in the middle of an answer comes behind it', async (t) => {
  const { channel, answers, peer } = await opened(t);
  const bytes = randomBytes(200_000);
  channel.write(read(2));
  await eventually('it is asked', () => peer.asked.length === 1);
  const answer = data(2, bytes);
  let came = 0;
  channel.on('data', (chunk: Buffer) => (came += chunk.length));
  peer.channel.write(answer.subarray(0, 90_000));
  await eventually('the beginning came', () => came >= 90_000);
  channel.write(Buffer.concat([packet(99, uint32(3)), packet(reads, uint32(4), text('no handle'), Buffer.alloc(12)), read(5, 200_000)]));
  await eventually('what is behind them is asked', () => peer.asked.length === 2);
  peer.channel.write(answer.subarray(90_000));
  peer.channel.write(status(5, 1));
  await eventually('all came', () => answers.length === 4);
  t.same(
    answers.map((it) => [it[0], it.readUInt32BE(1)]),
    [
      [103, 2],
      [101, 3],
      [101, 4],
      [101, 5],
    ],
  );
  t.ok(answers[0]?.subarray(9).equals(bytes));
});

t.test('data that nobody asked for, whole and in pieces, and answers that come twice, go nowhere', async (t) => {
  const { channel, answers, peer } = await opened(t);
  const bytes = randomBytes(100_000);
  channel.write(read(2));
  await eventually('it is asked', () => peer.asked.length === 1);
  peer.channel.write(Buffer.concat([data(77, bytes), data(2, bytes), data(2, bytes), status(2, 0), data(78, Buffer.from('x'))]));
  channel.write(read(3));
  await eventually('it is asked', () => peer.asked.length === 2);
  peer.channel.write(status(3, 1));
  await eventually('both came', () => answers.length === 2);
  t.same(
    answers.map((it) => [it[0], it.readUInt32BE(1), it.length]),
    [
      [103, 2, 100_009],
      [101, 3, 17],
    ],
  );
});

t.test('a close that is answered before the data that was asked for before it', async (t) => {
  for (const cut of [0, 5, 100, 60_000]) {
    const made = await opened(t);
    const [first, second] = [randomBytes(1000), randomBytes(60_000)];
    made.channel.write(Buffer.concat([read(2), read(3, 1000), packet(closes, uint32(4), text('h'))]));
    await eventually('all is asked', () => made.peer.asked.length === 3);
    const late = data(3, second);
    made.peer.channel.write(Buffer.concat([data(2, first), status(4, 0), late.subarray(0, cut)]));
    await eventually('two came', () => made.answers.length === 2);
    made.peer.channel.write(late.subarray(cut));
    await eventually('all came', () => made.answers.length === 3);
    t.ok(made.answers[2]?.subarray(9).equals(second), `cut at ${cut}`);
    t.equal(made.errors, '');
    t.notOk(made.closed);
  }
});

t.test('a session that is ended in the middle of a WRITE: nothing more of it comes', async (t) => {
  const made = await opened(t);
  const { channel, peer } = made;
  const whole = packet(writes, uint32(2), text('h'), Buffer.alloc(8), text(randomBytes(250_000)));
  channel.write(whole.subarray(0, 100_000));
  await eventually('its beginning came', () => peer.bytes > 90_000);
  const { body } = await carol.get<Page<{ id: string }>>('/sessions?state=open');
  const before = peer.bytes;
  for (const { id } of body.items) await world.gateway.api('erin').post(`/sessions/${id}/kill`);
  channel.write(whole.subarray(100_000));
  await eventually('it is over', () => made.closed);
  t.ok(peer.bytes < before + 100_000, `${peer.bytes - before}`);
});

t.test('a target that ends in the middle of an answer: the client hears of it', async (t) => {
  const made = await opened(t);
  made.channel.write(read(2));
  await eventually('it is asked', () => made.peer.asked.length === 1);
  made.peer.channel.write(data(2, randomBytes(100_000)).subarray(0, 50_000));
  made.peer.channel.end();
  made.peer.channel.close();
  await eventually('it is over', () => made.closed);
  t.equal(made.answers.length, 0);
});

t.test('what was read and written in pieces is in the audit log, with its hash', async (t) => {
  const { channel, peer, answers } = await opened(t);
  const bytes = randomBytes(150_000);
  channel.write(Buffer.concat([read(2), read(3, 150_000)]));
  await eventually('it is asked', () => peer.asked.length === 2);
  peer.channel.write(Buffer.concat([data(2, bytes), status(3, 1)]));
  channel.write(packet(closes, uint32(4), text('h')));
  await eventually('closed', () => peer.asked.length === 3);
  peer.channel.write(status(4, 0));
  await eventually('all came', () => answers.length === 3);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await eventually('it is logged', async () => {
    const { body } = await carol.get<Page<AuditEventView>>('/audit?type=action.finished&limit=100');
    return body.items.some(({ detail }) => detail['sha256'] === sha256 && detail['bytes'] === bytes.length);
  });
});
