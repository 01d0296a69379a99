// ssh2's native ciphers end the process when they die in a collection that optimized code began; kept, they die in one that is asked for.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { hasNativeCrypto } from '../../protocols/ssh/ssh2-internals.ts';

if (!hasNativeCrypto()) t.bailout('ssh2 has no C++ part here');

const churn = fileURLToPath(new URL('../support/cipher-churn.ts', import.meta.url));
const run = (how: string) => spawnSync(process.execPath, [churn, how], { encoding: 'utf8', timeout: 60_000 });

t.test('ten thousand ciphers live and die while the process works', async (t) => {
  const { status, stdout, stderr } = run('kept');
  t.equal(status, 0, stderr.slice(0, 1000));
  t.match(stdout, /^alive after/);
});

t.test('the library alone ends the process: as soon as this fails, nothing has to be kept any more', async (t) => {
  const { signal, stderr } = run('dropped');
  t.equal(signal, 'SIGABRT');
  t.match(stderr, /RemoveEnvironmentCleanupHook/);
});
