// Files that hold credentials: a change is noticed at the next look, and one that was left alone is not read again.

import { renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { FileContents } from '../../src/targets/credentials/file-content.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';

/** For which every file was written a while ago. */
const later = { nowMs: () => Date.now() + 60_000 };

t.test('a change of the same length is noticed, by writing and by another file in its place', async (t) => {
  const file = join(temporaryDirectory(t, 'content'), 'password');
  const contents = new FileContents(1000, later);
  const changedAtNs = () => statSync(file, { bigint: true }).ctimeNs;
  writeFileSync(file, 'first');
  t.equal(await contents.of(file), 'first');
  const before = changedAtNs();
  await eventually('the clock of the file system goes on', async () => {
    writeFileSync(file, 'other');
    return changedAtNs() !== before || undefined;
  });
  t.equal(await contents.of(file), 'other');
  t.equal(await contents.of(file), 'other');
  writeFileSync(`${file}.new`, 'third');
  renameSync(`${file}.new`, file);
  t.equal(await contents.of(file), 'third');
  writeFileSync(file, 'x'.repeat(1001));
  t.equal(await contents.of(file), null, 'larger than is read');
  await t.rejects(contents.of(`${file}.none`), { code: 'ENOENT' });
});

t.test('a file that was left alone is not read again, one that was written just now is', async (t) => {
  const otherEachTime = '/proc/sys/kernel/random/uuid';
  const contents = new FileContents(1000, later);
  t.equal(await contents.of(otherEachTime), await contents.of(otherEachTime));
  const atOnce = new FileContents(1000, { nowMs: () => 0 });
  t.not(await atOnce.of(otherEachTime), await atOnce.of(otherEachTime));
});
