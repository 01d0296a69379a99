// A session that runs as a role of the database by an access grant stays that role. The server itself would let it go back to the
// gateway's own account (SET ROLE, RESET ROLE, DISCARD ALL, set_config in any clothes), so whatever might do so is refused here,
// whatever the policies allow: also code that nobody has read, and definitions that somebody else would run later.

import type { Classification } from '../core/classification.ts';
import type { Effect } from '../core/effect.ts';

/** Settings by which a session becomes somebody else. */
const whoSettings: ReadonlySet<string> = new Set(['role', 'session_authorization']);

/** Why the action might leave the role, as the end of a sentence; null when it surely does not. */
export function leavesRole({ understood, summary }: Classification): string | null {
  if (!understood) return 'what is not understood might leave it';
  for (const effect of summary.effects) {
    const why = whyOf(effect);
    if (why !== null) return why;
  }
  return null;
}

function whyOf({ verb, access, objectKind, object }: Effect): string | null {
  if (verb === 'guard' && (object === null || objectKind === 'role' || whoSettings.has(object))) return 'this would leave it, or might';
  if (verb === 'code') return 'code that is run or defined here might leave it';
  if (access !== 'unknown') return null;
  return object === null ? 'nobody knows whether this leaves it' : `nobody knows whether ${object} leaves it`;
}
