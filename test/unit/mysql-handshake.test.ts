// Sign-in against stored verifiers with the ways that e2e tests can't choose: the full way of caching_sha2_password, in
// clear text by RSA and inside TLS, and bytes that are no sign-in.

import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createConnection } from 'mysql2/promise';
import t from 'tap';
import { writePacket } from '../../protocols/mysql/byte-stream.ts';
import { SignInRefused, welcome, type Line, type SignedIn } from '../../protocols/mysql/handshake.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { vouchesFor } from '../../protocols/mysql/passwords.ts';
import * as hello from '../../protocols/mysql/sign-in-messages.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import type { PersonName } from '../../src/core/ids.ts';
import { messageOf } from '../../src/core/errors.ts';
import type { SignInMaterial, SignIns, TokenVerifier } from '../../src/core/sign-in.ts';

const token = 'the token of alice';
const hash = (name: string, ...parts: (Buffer | string)[]): Buffer =>
  parts.reduce((it, part) => it.update(part), createHash(name)).digest();
/** A verifier whose fast way is of another token: clients must go the full way. */
const onlyFull: TokenVerifier = {
  tokenId: 'only-full',
  scramStoredKey: Buffer.alloc(32),
  scramServerKey: Buffer.alloc(32),
  sha256Twice: hash('sha256', 'something else'),
  sha1Twice: hash('sha1', 'something else'),
  sha256: hash('sha256', token),
};

interface Front {
  readonly port: number;
  readonly signedIn: SignedIn[];
  readonly failed: string[];
  readonly faults: string[];
}

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const publicPem = keys.publicKey.export({ type: 'spki', format: 'pem' }).toString();

async function front(t: { teardown(undo: () => void): void }, verifiers: readonly TokenVerifier[]): Promise<Front> {
  const it = { signedIn: [] as SignedIn[], failed: [] as string[], faults: [] as string[] };
  const principal = { name: 'alice' as PersonName, displayName: 'Alice', kind: 'person', groups: [] } as const;
  const material: SignInMaterial = { principal, scramSalt: Buffer.alloc(16), scramIterations: 4096, verifiers };
  const signIns: SignIns = {
    material: () => material,
    failed: (name) => it.failed.push(name) > 100,
    blocked: () => false,
    succeeded: () => undefined,
    browser: () => {
      throw new Error('no browser in this test');
    },
  };
  const services = {
    signIns,
    tls: null,
    allowPlaintext: true,
    random: { bytes: (count: number) => randomBytes(count) },
  } as unknown as DriverServices;
  const options = {
    version: '5.5.5-10.11.0-MariaDB',
    connectionId: 7,
    rsaKeys: () => Promise.resolve({ privateKey: keys.privateKey, publicPem }),
  };
  const serve = async (socket: Socket): Promise<void> => {
    const line: Line = { socket, accepted: socket, fingerprint: null, sequence: 0 };
    socket.on('error', () => undefined);
    try {
      const client = await welcome(line, services, options, AbortSignal.timeout(5_000));
      it.signedIn.push(client);
      writePacket(socket, wire.ok(wire.status.autocommit), client.nextSequence);
      socket.resume();
    } catch (thrown) {
      it.faults.push(messageOf(thrown));
      if (thrown instanceof SignInRefused) writePacket(socket, thrown.payload, line.sequence);
      socket.destroySoon();
    }
  };
  const server = createServer((socket) => void serve(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, ...it };
}

t.test('the full way with the RSA key of the gateway', async (t) => {
  const it = await front(t, [onlyFull]);
  const connection = await createConnection({ host: '127.0.0.1', port: it.port, user: 'alice:shop', password: token });
  connection.destroy();
  t.match(it.signedIn, [{ tokenId: 'only-full', wanted: { person: 'alice', target: 'shop' } }]);
});

t.test('a certificate is vouched for as MariaDB 11.8.9 did it in an OK', (t) => {
  const fingerprint = Buffer.from('ea77f2c3934d6220da7cadfd03891371de79a9c7d2c437113f63efc4cbcc098c', 'hex');
  const nonce = Buffer.from('37333c734e6c543f7d7b71443e4a397d2c5f7966', 'hex');
  const sha1Twice = hash('sha1', hash('sha1', 'owner-of-the-test'));
  const told = '\x015448457972EE20C18DEB070D6CFE84F7BA8AA3F82065AC38E2073B5C7982D550';
  t.equal(vouchesFor(fingerprint, { ...onlyFull, sha1Twice }, nonce), told);
  t.end();
});

t.test('a wrong password by the full way', async (t) => {
  const it = await front(t, [onlyFull]);
  await t.rejects(createConnection({ host: '127.0.0.1', port: it.port, user: 'alice', password: 'wrong' }), { message: /access denied/ });
  t.strictSame(it.failed, ['alice']);
});

t.test('nobody gets in without verifiers', async (t) => {
  const it = await front(t, []);
  for (const password of ['', token]) {
    await t.rejects(createConnection({ host: '127.0.0.1', port: it.port, user: 'alice', password }), { message: /access denied/ });
  }
  t.equal(it.signedIn.length, 0);
});

t.test('bytes that are no sign-in end it', async (t) => {
  const it = await front(t, [onlyFull]);
  const cases: readonly (readonly [string, Buffer, RegExp])[] = [
    ['a packet out of order', Buffer.from([4, 0, 0, 9, 1, 2, 3, 4]), /out of order/],
    ['a packet that is too long', Buffer.from([0xff, 0xff, 0xff, 1]), /bytes during sign-in/],
    ['a packet that ends early', Buffer.from([8, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0]), /ends in the middle/],
    ['a client of before 4.1', Buffer.concat([Buffer.from([32, 0, 0, 1]), Buffer.alloc(32)]), /older than protocol 4\.1/],
    [
      'TLS asked for where there is none',
      Buffer.concat([Buffer.from([32, 0, 0, 1]), hello.responseHead({ standard: 0xa00, extended: 0 }, 45)]),
      /TLS is not configured/,
    ],
  ];
  for (const [name, bytes, words] of cases) {
    const socket = connect(it.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    socket.write(bytes);
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
    t.match(it.faults.at(-1), words, name);
  }
  t.equal(it.signedIn.length, 0);
});
