// Public keys as ssh2 reads them: the pinned keys of targets, and the registered keys of people.

import ssh2 from 'ssh2';
import type { ParsedKey } from 'ssh2';

/** A key as it stands in a .pub file; null when it is not one. */
export function parsePublicKey(line: string): ParsedKey | null {
  const parsed = ssh2.utils.parseKey(line);
  return parsed instanceof Error ? null : parsed;
}
