// Packets in memory that is used again: what comes out is what went in, however the stream was cut, and nothing of it is read after its
// memory was used for something else.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import t from 'tap';
import { giveBackMemory, isReused, takeMemory } from '../../protocols/ssh/packet-memory.ts';
import { hasNativeCrypto } from '../../protocols/ssh/ssh2-internals.ts';
import { installPacketReuse } from '../../protocols/ssh/ssh2-packets.ts';

const require = createRequire(import.meta.url);

interface Cipher {
  allocPacket(count: number): Buffer;
  encrypt(packet: Buffer): void;
}

interface Decipher {
  decrypt(data: Buffer, at: number, end: number): number | undefined;
}

const crypto = require('ssh2/lib/protocol/crypto.js') as {
  readonly CIPHER_INFO: Readonly<Record<string, { readonly keyLen: number; readonly ivLen: number }>>;
  readonly MAC_INFO: Readonly<Record<string, { readonly len: number; readonly isETM: boolean }>>;
  createCipher(config: object): Cipher;
  createDecipher(config: object): Decipher;
};

/** Both ends of one direction. `reuses`: as for a plain socket that has written at once. */
function pair(name: string, mac: string, reuses: boolean, onPayload: (payload: Buffer) => void) {
  const info = crypto.CIPHER_INFO[name];
  const macInfo = crypto.MAC_INFO[mac];
  if (info === undefined || macInfo === undefined) throw new Error(name);
  const [key, iv, macKey] = [randomBytes(info.keyLen), randomBytes(info.ivLen), randomBytes(macInfo.len)];
  const sent: Buffer[] = [];
  const write = (packet: Buffer) => {
    sent.push(Buffer.from(packet));
    giveBackMemory(packet);
  };
  const onWrite = Object.assign(write, { reuses });
  const outbound = { seqno: 3, onWrite, cipherInfo: info, cipherKey: Buffer.from(key), cipherIV: Buffer.from(iv), macInfo, macKey };
  const inbound = { seqno: 3, onPayload, decipherInfo: info, decipherKey: Buffer.from(key), decipherIV: Buffer.from(iv), macInfo, macKey };
  const cipher = crypto.createCipher({ outbound });
  const send = (payload: Buffer) => {
    const packet = cipher.allocPacket(payload.length);
    packet.set(payload, 5);
    cipher.encrypt(packet);
  };
  return { sent, send, decipher: crypto.createDecipher({ inbound }) };
}

/** Of channel data (94), which stays where it is, and of another message, which is copied. */
const payloads = [1, 5, 15, 16, 100, 4000, 17_000, 32_777, 34_900, 35_100, 200_000].flatMap((count) =>
  [94, 80].map((type) => Buffer.concat([Buffer.from([type]), randomBytes(count - 1)])),
);

if (!hasNativeCrypto()) t.bailout('ssh2 has no C++ part here');
installPacketReuse();

for (const [name, mac] of [
  ['aes128-gcm@openssh.com', 'hmac-sha2-256'],
  ['aes256-gcm@openssh.com', 'hmac-sha2-256'],
  ['chacha20-poly1305@openssh.com', 'hmac-sha2-256'],
  ['aes128-ctr', 'hmac-sha2-256-etm@openssh.com'],
  ['aes192-ctr', 'hmac-sha2-256'],
  ['aes256-ctr', 'hmac-sha2-512'],
] as const) {
  t.test(`${name}: however the stream was cut`, async (t) => {
    for (const reuses of [true, false]) {
      for (const size of [1, 3, 4, 17, 35, 4096, 33_000, 65_536]) {
        const kept: Buffer[] = [];
        const opened: Buffer[] = [];
        const ends = pair(name, mac, reuses, (payload) => {
          opened.push(Buffer.from(payload));
          if (payload[0] !== 94) kept.push(payload);
        });
        for (const payload of payloads) ends.send(payload);
        const stream = Buffer.concat(ends.sent);
        const memory = Buffer.alloc(size);
        for (let at = 0; at < stream.length; at += size) {
          ends.decipher.decrypt(memory, 0, stream.copy(memory, 0, at, at + size));
          memory.fill(0xff);
        }
        t.ok(Buffer.concat(opened).equals(Buffer.concat(payloads)), `pieces of ${size}`);
        const others = payloads.filter((payload) => payload[0] !== 94);
        t.ok(Buffer.concat(kept).equals(Buffer.concat(others)), 'what handlers may keep was not read over');
      }
    }
  });

  t.test(`${name}: a changed bit ends it, whole and in pieces`, async (t) => {
    for (const size of [100, 5000]) {
      const opened: Buffer[] = [];
      const ends = pair(name, mac, true, (payload) => void opened.push(payload));
      ends.send(Buffer.alloc(1000, 94));
      const stream = Buffer.concat(ends.sent);
      stream.writeUInt8(stream.readUInt8(500) ^ 1, 500);
      t.throws(() => {
        for (let at = 0; at < stream.length; at += size)
          ends.decipher.decrypt(Buffer.from(stream.subarray(at, at + size)), 0, Math.min(size, stream.length - at));
      });
      t.same(opened, []);
    }
  });
}

t.test('lengths that cannot be end it', async (t) => {
  const ends = pair('aes128-gcm@openssh.com', 'hmac-sha2-256', true, () => t.fail('opened'));
  for (const length of [0, 15, 17, 262_160, 0x8000_0000, 0xffff_fff0]) {
    const field = Buffer.alloc(4);
    field.writeUInt32BE(length);
    const { decipher } = pair('aes128-gcm@openssh.com', 'hmac-sha2-256', true, () => t.fail('opened'));
    t.throws(() => decipher.decrypt(field, 0, 4), /Bad packet length/, String(length));
  }
  t.equal(ends.sent.length, 0);
});

t.test('lengths of the counter ciphers that cannot be end it', async (t) => {
  for (const length of [0, 4, 15, 17, 20, 262_160, 0x8000_0000, 0xffff_fff0]) {
    const field = Buffer.alloc(4);
    field.writeUInt32BE(length);
    const { decipher } = pair('aes128-ctr', 'hmac-sha2-256-etm@openssh.com', true, () => t.fail('opened'));
    t.throws(() => decipher.decrypt(field, 0, 4), /Bad packet length/, String(length));
  }
});

t.test('memory: short and very long pieces are their own, and the pool is bounded', async (t) => {
  t.notOk(isReused(takeMemory(100)));
  t.notOk(isReused(takeMemory(1_000_000)));
  const taken = Array.from({ length: 300 }, () => takeMemory(32_800));
  t.ok(taken.every((it) => isReused(it) && it.length === 32_800));
  t.equal(new Set(taken.map(({ buffer }) => buffer)).size, 300, 'nobody shares');
  for (const it of taken) giveBackMemory(it);
  const again = new Set(Array.from({ length: 300 }, () => takeMemory(32_800).buffer));
  t.equal(taken.filter(({ buffer }) => again.has(buffer)).length, 128);
});

t.test('the library still has these names', async (t) => {
  const source = (module: string) => readFileSync(require.resolve(module), 'utf8');
  for (const words of ['this._onWrite = ', '_parse(chunk, i, len)', 'this._decipher = ', 'parse(chunk, i, len)'])
    t.ok(source('ssh2/lib/protocol/Protocol.js').includes(words), words);
  t.ok(source('ssh2/lib/protocol/kex.js').includes('onWrite: this._protocol._onWrite'));
  for (const words of [
    'this._instance.decrypt(this._packet, this._len, this._tag)',
    'this._instance.decryptLen(this._lenBuf, this.inSeqno)',
    'this._instance.decryptBlock(this._block)',
    'this._macActualLen = dec.macInfo.actualLen',
    'this._macETM = dec.macInfo.isETM',
  ])
    t.ok(source('ssh2/lib/protocol/crypto.js').includes(words), words);
  for (const module of ['ssh2/lib/client.js', 'ssh2/lib/server.js'])
    t.ok(source(module).includes('if (channel.push(data) === false)'), module);
  t.ok(source('ssh2/lib/Channel.js').includes('_waitChanDrain'));
});
