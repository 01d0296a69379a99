// Temporary directories that end with their test.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What of a tap test the support code uses. */
export interface Teardown {
  teardown(undo: () => unknown): unknown;
}

/** A new directory. Other users may pass through it, because a database server may have to. */
export function temporaryDirectory(t: Teardown, name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `sallyport-${name}-`));
  chmodSync(directory, 0o711);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
