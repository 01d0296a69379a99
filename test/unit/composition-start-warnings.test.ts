// What a gateway says of itself when it starts.

import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { certificateWarning, openFilesMax, openFilesWarning } from '../../src/composition/start-warnings.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { tool } from '../support/tools.ts';

t.test('few open files are told with the connections that they are enough for', (t) => {
  t.match(openFilesWarning(256, 20_000), /256 files, enough for about 85 connections; limits.connections is 20000/);
  for (const [files, connections] of [
    [256, 85],
    [4096, 20_000],
    [null, 20_000],
  ] as const)
    t.equal(openFilesWarning(files, connections), null, `${files} ${connections}`);
  const own = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }));
  t.equal(openFilesMax(), own, 'of this very process, and so of what it starts');
  t.end();
});

t.test('a certificate that ends soon, has ended, or has not begun is told', (t) => {
  const dir = temporaryDirectory(t, 'certificate');
  const [key, file] = [join(dir, 'key'), join(dir, 'pem')];
  const subject = ['-subj', '/CN=gateway', '-days', '30'];
  execFileSync(tool('openssl', 'openssl'), ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', key, '-out', file, ...subject], {
    stdio: 'pipe',
  });
  const certificate = new X509Certificate(readFileSync(file, 'utf8'));
  const after = (days: number) => certificateWarning(certificate, Date.now() + days * 86_400_000);
  t.equal(after(0), null);
  t.equal(after(15), null);
  t.match(after(17), /certificate ends on \d{4}-\d\d-\d\d; replace the files of tls/);
  t.match(after(31), /certificate ended on \d{4}/);
  t.match(after(-1), /begins on \d{4}-\d\d-\d\d only/);
  t.end();
});
