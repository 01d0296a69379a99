// Makes a folder with the folders above it. Node's own way spins for ever where the system says of a folder whose parent is there that
// there is no such one, as Linux does below /proc.

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** For this user only, as far as it is made here. Throws the system's error. */
export function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true) return;
    const above = dirname(dir);
    if (code !== 'ENOENT' || above === dir || existsSync(above)) throw thrown;
    makeFolder(above);
    mkdirSync(dir, { mode: 0o700 });
  }
}
