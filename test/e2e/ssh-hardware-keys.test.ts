// Hardware keys (sk-ssh-ed25519, sk-ecdsa), with an authenticator made of software: the same bytes as OpenSSH's PROTOCOL.u2f says, with
// flags and counter, signed here. What a touch or a PIN would set is set by hand.

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import t from 'tap';
import { presentCertificate } from '../../protocols/ssh/ssh2-internals.ts';
import { wireString } from '../../protocols/ssh/ssh-wire.ts';
import { sshPolicies, startSshWorld } from '../support/ssh.ts';

const application = 'ssh:';
const touched = 0x01;

interface Authenticator {
  readonly type: string;
  readonly blob: Buffer;
  readonly line: string;
  /** As on the wire: algorithm, signature, flags, counter. */
  sign(data: Buffer, flags: number, more?: { application?: string; counter?: number }): Buffer;
}

function ed25519(): Authenticator {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const point = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return authenticator('sk-ssh-ed25519@openssh.com', [point], (signed) => sign(null, signed, privateKey));
}

function ecdsa(): Authenticator {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.from([4]), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return authenticator('sk-ecdsa-sha2-nistp256@openssh.com', [Buffer.from('nistp256'), point], (signed) => mpints(signed, privateKey));
}

function mpints(signed: Buffer, key: KeyObject): Buffer {
  const both = sign('sha256', signed, { key, dsaEncoding: 'ieee-p1363' });
  const mpint = (bytes: Buffer) => wireString(Buffer.concat([Buffer.from([0]), bytes]));
  return Buffer.concat([mpint(both.subarray(0, 32)), mpint(both.subarray(32))]);
}

function authenticator(type: string, fields: readonly Buffer[], proof: (signed: Buffer) => Buffer): Authenticator {
  const blob = Buffer.concat([type, ...fields, application].map((it) => wireString(it)));
  const hash = (value: string | Buffer) => createHash('sha256').update(value).digest();
  return {
    type,
    blob,
    line: `${type} ${blob.toString('base64')} made of software`,
    sign: (data, flags, { application: forWhat = application, counter = 7 } = {}) => {
      const tail = Buffer.alloc(5);
      tail[0] = flags;
      tail.writeUInt32BE(counter, 1);
      const signed = Buffer.concat([hash(forWhat), tail, hash(data)]);
      return Buffer.concat([wireString(type), wireString(proof(signed)), tail]);
    },
  };
}

const keys = [ed25519(), ecdsa()];
const people = [
  { name: 'alice', groups: ['engineers'], ssh_keys: keys.map(({ line }) => line) },
  { name: 'bob', groups: ['dba'] },
  { name: 'carol', groups: ['auditors'] },
  { name: 'erin', groups: ['operators'] },
];
const world = await startSshWorld(t, { policies: sshPolicies(), config: () => ({ people }) });

/** "in" when the signature signs in, else why not. */
function signIn({ type, blob }: Authenticator, signed: (data: Buffer) => Buffer): Promise<string> {
  return new Promise((resolve) => {
    const client = new ssh2.Client();
    client.on('error', (error) => resolve(error.message));
    client.on('ready', () => {
      resolve('in');
      client.end();
    });
    client.connect({
      host: '127.0.0.1',
      port: world.port,
      username: 'alice:web-1',
      privateKey: readFileSync(join(world.directory, 'alice')), // any: the request with the other key takes its place
      authHandler: ['publickey'],
    });
    presentCertificate(client, { algorithm: type, blob, sign: signed });
  });
}

const refused = /authentication methods failed/;
for (const key of keys) {
  t.test(key.type, async (t) => {
    t.equal(await signIn(key, (data) => key.sign(data, touched)), 'in', 'with a touch');
    t.equal(await signIn(key, (data) => key.sign(data, touched | 0x04, { counter: 0xffff_ffff })), 'in', 'with a touch and a PIN');
    t.match(await signIn(key, (data) => key.sign(data, 0)), refused, 'nobody touched it');
    t.match(await signIn(key, (data) => key.sign(data, touched, { application: 'https://example.com' })), refused, 'for a web page');
    t.match(await signIn(key, () => key.sign(Buffer.from('something else'), touched)), refused, 'of something else');
    const changed = (data: Buffer) => {
      const signature = key.sign(data, 0);
      signature[signature.length - 5] = touched; // the flags are part of what is signed
      return signature;
    };
    t.match(await signIn(key, changed), refused, 'flags changed on the way');
    t.match(await signIn(key, (data) => Buffer.concat([key.sign(data, touched), Buffer.from('x')])), refused, 'bytes behind it');
  });
}

t.test('a key that is not registered', async (t) => {
  const stranger = ed25519();
  t.match(await signIn(stranger, (data) => stranger.sign(data, touched)), refused);
});
