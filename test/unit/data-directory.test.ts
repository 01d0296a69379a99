// A data folder that can't be used ends the start in words, not in a stack.

import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { inWords, openDataDirectory } from '../../src/composition/data-directory.ts';
import { Fault } from '../../src/core/errors.ts';

const dir = mkdtempSync(join(tmpdir(), 'sallyport-data-'));
t.teardown(() => rmSync(dir, { recursive: true, force: true }));

t.test('it is made for its owner only', async (t) => {
  const made = join(dir, 'a', 'b');
  openDataDirectory(made);
  openDataDirectory(made);
  t.equal(statSync(made).mode & 0o777, 0o700);
});

t.test('a file in its place, or on the way to it', async (t) => {
  writeFileSync(join(dir, 'file'), '');
  for (const path of ['file', 'file/data'])
    t.throws(() => openDataDirectory(join(dir, path)), { code: 'store-failed', message: /data_dir: .*it is not a folder/ });
});

t.test('a file system that takes none', async (t) => {
  for (const path of ['/proc/x', '/proc/x/y'])
    t.throws(() => openDataDirectory(path), { code: 'store-failed', message: /can't be made: the file system there takes no folders/ });
});

t.test('what the system refuses inside of it', async (t) => {
  const refused = (code: string, path?: string) => Object.assign(new Error(`${code}: no`), { code, path });
  for (const [code, words] of [
    ['EACCES', /audit can't be used: permission denied/],
    ['EROFS', /read-only/],
    ['ENOSPC', /no space left/],
    ['SQLITE_FULL', /no space left/], // SQLite names no file
  ] as const) {
    const told = inWords(refused(code, code.startsWith('SQLITE') ? undefined : join(dir, 'audit')), dir);
    t.ok(told instanceof Fault);
    t.match(told, { code: 'store-failed', message: words, hint: /./ });
  }
  for (const other of [refused('EACCES', '/elsewhere/tls.pem'), refused('EMFILE', dir), new TypeError('ours'), 'text'])
    t.equal(inWords(other, dir), other, 'anything else is given on as it is');
});
