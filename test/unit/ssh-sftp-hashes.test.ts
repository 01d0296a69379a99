// What is said of a transferred file: a hash only of what came in one run, "whole" only when nothing can be missing.

import { createHash } from 'node:crypto';
import t from 'tap';
import { FileHashes } from '../../protocols/ssh/sftp-hashes.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const read = (...parts: readonly [number, string][]) => {
  const file = new FileHashes();
  for (const [offset, text] of parts) file.read(BigInt(offset), Buffer.from(text));
  return file;
};

t.test('read to its end, in order: whole', async (t) => {
  const file = read([0, 'abc'], [3, 'def']);
  file.readEnd(100n);
  file.readEnd(6n);
  t.same(file.result(true), { direction: 'read', bytes: 6, sha256: sha256('abcdef'), whole: true });
});

t.test('not to its end, or the end asked for elsewhere: partial', async (t) => {
  t.same(read([0, 'abc']).result(true), { direction: 'read', bytes: 3, sha256: sha256('abc'), whole: false });
  const looked = read([0, 'abc']);
  looked.readEnd(1_000_000n);
  t.match(looked.result(true), { whole: false });
});

t.test('out of order, twice, or from the middle: no hash', async (t) => {
  for (const file of [read([3, 'def'], [0, 'abc']), read([0, 'abc'], [0, 'abc']), read([3, 'def'])]) {
    file.readEnd(6n);
    t.match(file.result(true), { sha256: null, whole: false });
  }
});

t.test('written: whole when it was closed by the client', async (t) => {
  for (const closed of [true, false]) {
    const file = new FileHashes();
    file.write(0n, Buffer.from('abc'));
    t.same(file.result(closed), { direction: 'write', bytes: 3, sha256: sha256('abc'), whole: closed });
  }
});

t.test('both ways, nothing, and an empty file', async (t) => {
  const both = read([0, 'abc']);
  both.write(0n, Buffer.from('x'));
  t.same(both.result(true), { direction: 'both', bytes: 4, sha256: null, whole: false });
  t.equal(new FileHashes().result(true), null);
  const empty = new FileHashes();
  empty.readEnd(0n);
  t.same(empty.result(true), { direction: 'read', bytes: 0, sha256: sha256(''), whole: true });
});
