// Makes ciphers of ssh2 and drops them, beside work that makes garbage in code that V8 has optimized. A process of its own: what is
// looked for ends it.

import { createRequire } from 'node:module';
import { installPacketReuse } from '../../protocols/ssh/ssh2-packets.ts';

const require = createRequire(import.meta.url);
const crypto = require('ssh2/lib/protocol/crypto.js') as {
  readonly CIPHER_INFO: Readonly<Record<string, object>>;
  createDecipher(config: object): object;
};
if (process.argv[2] === 'kept') installPacketReuse();

function makeGarbage(): number {
  let sum = 0;
  for (let i = 0; i < 20_000; i++) {
    const it = { i, list: [i, { i }] };
    sum += it.list.length;
  }
  return sum;
}

const parts = { decipherKey: Buffer.alloc(16), decipherIV: Buffer.alloc(12), macInfo: undefined, macKey: Buffer.alloc(0) };
const inbound = { seqno: 0, onPayload: () => undefined, decipherInfo: crypto.CIPHER_INFO['aes128-gcm@openssh.com'], ...parts };
let sum = 0;
for (let made = 0; made < 10_000; made += 50) {
  for (let i = 0; i < 50; i++) {
    crypto.createDecipher({ inbound });
    sum += makeGarbage();
  }
  await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write(`alive after ${sum}\n`);
