// Key pairs that the gateway makes: all whole, also the one in 256 whose public key begins with a zero byte.

import { createPrivateKey, sign } from 'node:crypto';
import ssh2 from 'ssh2';
import t from 'tap';
import { isWhole, newKeyPair } from '../../protocols/ssh/key-pair.ts';

t.test('a thousand pairs are whole and belong together', async (t) => {
  const text = Buffer.from('signed');
  let wrong = 0;
  for (let count = 0; count < 1000; count++) {
    const pair = newKeyPair('a comment');
    const [own, others] = [ssh2.utils.parseKey(pair.private), ssh2.utils.parseKey(pair.public)];
    if (own instanceof Error || others instanceof Error) throw new Error(`no key: ${pair.public}`);
    if (others.getPublicSSH().length !== 51 || !others.getPublicSSH().equals(own.getPublicSSH())) wrong++;
    if (!others.verify(text, sign(null, text, createPrivateKey(own.getPrivatePEM())))) wrong++;
  }
  t.equal(wrong, 0);
});

t.test('a key that lost its first byte is seen', async (t) => {
  const [type = '', data = ''] = newKeyPair().public.split(' ');
  const whole = Buffer.from(data, 'base64');
  const cut = Buffer.concat([whole.subarray(0, 15), Buffer.from([0, 0, 0, 31]), whole.subarray(20)]);
  t.ok(isWhole(`${type} ${data}`));
  t.notOk(isWhole(`${type} ${cut.toString('base64')} a comment`));
  t.notOk(isWhole(''));
});
