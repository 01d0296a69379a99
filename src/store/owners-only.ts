// Files of SQLite that only their owner may read: they hold statements of people, and keys.

import { chmodSync, closeSync, openSync } from 'node:fs';

/**
 * Makes the file, or narrows its mode. Before SQLite opens it, because the journals beside it take over the file's mode. A file
 * that is there is not opened: closing it again would drop the locks that this process has on it (POSIX advisory locks).
 */
export function makeOwnersOnly(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
    chmodSync(path, 0o600);
  }
}
