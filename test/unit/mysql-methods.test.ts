// The arithmetic of MariaDB's methods on Ed25519, against node:crypto and the rules of RFC 8032. The exchanges themselves:
// test/e2e/mysql-methods.test.ts.

import { createHash, createPrivateKey, createPublicKey, pbkdf2Sync, sign, verify } from 'node:crypto';
import t from 'tap';
import { ed25519Answer, parsecAnswer } from '../../protocols/mysql/ed25519.ts';

const nonce = createHash('sha256').update('a nonce').digest();
const keyOf = (secret: Buffer) =>
  createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), secret]), format: 'der', type: 'pkcs8' });

t.test('client_ed25519 with a password of 32 bytes is plain Ed25519', (t) => {
  for (let round = 0; round < 20; round++) {
    const password = createHash('md5').update(String(round)).digest('hex');
    t.strictSame(ed25519Answer(password, nonce), sign(null, nonce, keyOf(Buffer.from(password))));
  }
  t.equal(ed25519Answer('', nonce).length, 64, 'any other length is a secret, too');
  t.end();
});

t.test('parsec: the own nonce, and a signature over both', (t) => {
  const settings = Buffer.concat([Buffer.from('P'), Buffer.from([1]), Buffer.from('eighteen bytes, so')]);
  const own = createHash('sha256').update('own').digest();
  const answer = parsecAnswer('secret', settings, nonce, own);
  t.strictSame(answer.subarray(0, 32), own);
  const key = keyOf(pbkdf2Sync('secret', 'eighteen bytes, so', 2048, 32, 'sha512'));
  t.ok(verify(null, Buffer.concat([nonce, own]), createPublicKey(key), answer.subarray(32)));
  t.end();
});

t.test('parsec: settings that would keep the gateway busy, or are none, are refused', (t) => {
  for (const settings of ['Q\x00salt', 'P\x09salt', 'P\x00', '', `P\x00${'s'.repeat(100)}`]) {
    t.throws(() => parsecAnswer('secret', Buffer.from(settings, 'latin1'), nonce, nonce), { code: 'protocol-violation' });
  }
  t.end();
});
