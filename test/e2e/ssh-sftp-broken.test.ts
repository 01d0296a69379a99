// A target that breaks the protocol in the middle of what it says, and closes nothing: what the gateway still says to the client is the
// gateway's own, and nothing out of memory that others are read into by then.

import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { makeKeyPair, publicKeyOf } from '../../docker/demo/ssh-server.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { startSshWorld } from '../support/ssh.ts';

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
/** SSH_FXP_OPEN to write, SSH_FXP_READ of the handle "h". */
const open = (id: number, path: string, flags: number) => packet(3, uint32(id), text(path), uint32(flags), uint32(0));
const read = (id: number) => packet(5, uint32(id), text('h'), uint32(0), uint32(0), uint32(0xffff));
const [version, realpath, data, handle, name] = [2, 16, 103, 102, 104];

/** What the target was asked last, beside names, and its end of the channel, which never confirms a close. */
let asked: Buffer | null = null;
let channel: ssh2.ServerChannel | null = null;

function answer(channel: ssh2.ServerChannel, request: Buffer): void {
  if (request[0] === 1) channel.write(packet(version, uint32(3)));
  else if (request[0] === realpath)
    channel.write(packet(name, request.subarray(1, 5), uint32(1), request.subarray(5), text(''), uint32(0)));
  else asked = Buffer.from(request);
}

const keys = temporaryDirectory(t, 'broken');
makeKeyPair(join(keys, 'host'), 'host');
const target = new ssh2.Server({ hostKeys: [readFileSync(join(keys, 'host'))] }, (connection) => {
  connection.on('error', () => undefined);
  connection.on('authentication', (context) => context.accept());
  connection.on('session', (accept) => {
    const session = accept();
    session.on('subsystem', (begin) => {
      const made = begin();
      made.close = () => undefined;
      channel = made;
      let all = Buffer.alloc(0);
      made
        .on('error', () => undefined)
        .on('data', (chunk: Buffer) => {
          all = Buffer.concat([all, chunk]);
          while (all.length >= 4 && all.length >= 4 + all.readUInt32BE()) {
            const end = 4 + all.readUInt32BE();
            answer(made, all.subarray(4, end));
            all = all.subarray(end);
          }
        });
    });
  });
});
await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
t.teardown(() => target.close());
const world = await startSshWorld(t, {
  policies: {
    'p.yaml': `policy: p
applies_to: { protocols: [ssh] }
rules:
  - { id: in, actions: [connect, subsystem, command, shell], decision: allow }
  - { id: read, actions: [file], effects: { verbs: [file-read] }, decision: allow }
  - { id: ask, actions: [file], effects: { verbs: [file-write] }, decision: hold, approvers: { groups: [dba] } }
`,
  },
  target: { port: (target.address() as AddressInfo).port, host_keys: [publicKeyOf(join(keys, 'host'))] },
});
const bob = world.gateway.api('bob');

async function signedIn(t: { teardown(step: () => void): void }): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  t.teardown(() => client.destroy());
  client.on('error', () => undefined);
  const privateKey = readFileSync(join(world.directory, 'alice'));
  await new Promise<void>((resolve) => {
    client.on('ready', resolve).connect({ host: '127.0.0.1', port: world.port, username: 'alice:dev-1', privateKey });
  });
  return client;
}

t.test('what stood before the broken packet is not sent later', async (t) => {
  const client = await signedIn(t);
  const sftp = await new Promise<ssh2.ClientChannel>((resolve, reject) =>
    client.subsys('sftp', (error, opened) => (error instanceof Error ? reject(error) : resolve(opened))),
  );
  let got = Buffer.alloc(0);
  let errors = '';
  sftp.on('data', (chunk: Buffer) => (got = Buffer.concat([got, chunk])));
  sftp.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  sftp.write(packet(1, uint32(3)));
  await eventually('the version', () => got.length > 0);
  sftp.write(open(1, '/a', 1));
  await eventually('it is asked', () => asked?.[0] === 3);
  channel?.write(packet(handle, uint32(1), text('h')));
  sftp.write(read(2));
  await eventually('it is asked', () => asked?.[0] === 5);
  sftp.write(open(3, '/b', 2));
  const hold = await bob.pendingHold(/^write/);
  const before = got.length;
  const marked = Buffer.alloc(4000, 'the answer of the target. ');
  channel?.write(Buffer.concat([packet(data, uint32(2), text(marked)), uint32(0xffff_ffff), Buffer.alloc(9)]));
  await eventually('it is broken', () => errors.includes('limit'));
  // Others pass through the same memory meanwhile.
  await signedIn(t);
  await bob.post(`/holds/${hold.id}/deny`, { reason: 'no' });
  await eventually('the refusal is there', () => errors.includes('denied by bob'));
  await eventually('and so is its answer', () => got.includes('denied by bob'));
  const after = got.subarray(before);
  t.same([after[4], after.readUInt32BE(5)], [101, 3], 'the refusal is next');
  t.equal(after.length, 4 + after.readUInt32BE(), 'and the last');
});
