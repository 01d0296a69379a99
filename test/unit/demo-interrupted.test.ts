// Ctrl-C while the demo still installs. npm is deaf while it unpacks: told to end, it drops its signal handlers and goes on.

import { chmodSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { start } from '../support/processes.ts';

const checkout = join(import.meta.dirname, '../..');

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

t.test('an npm that does not listen is ended, and no other is begun', async (t) => {
  const clone = temporaryDirectory(t, 'clone');
  cpSync(join(checkout, 'scripts'), join(clone, 'scripts'), { recursive: true });
  const begun = join(clone, 'begun');
  const npm = join(clone, 'npm');
  writeFileSync(npm, `#!/bin/sh\ntrap 'exec 3>&1' TERM\necho "$$ $1" >> '${begun}'\nwhile :; do sleep 0.1; done\n`);
  chmodSync(npm, 0o755);
  const demo = start(t, process.execPath, [join(clone, 'scripts/demo.mjs')], {
    cwd: clone,
    env: { PATH: `${clone}:${process.env['PATH']}` },
  });
  const lines = () => readFileSync(begun, 'utf8').trim().split('\n');
  const [first = ''] = await eventually('npm installs', () => lines());
  demo.kill('SIGINT');
  const { code, stderr } = await demo.end();
  t.equal(code, 130, stderr);
  t.equal(lines().length, 1, 'npm install was not begun after npm ci');
  t.notOk(alive(Number.parseInt(first)), 'the first one is gone');
});
