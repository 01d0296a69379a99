// Writes of the gateway's own rounds (counts, times, tidying), which nobody waits for. A store that takes nothing for a while (a full
// disk) must end neither the round nor the gateway: what is to be written is known still, and a later round writes it.

import Database from 'better-sqlite3';

/** Runs `write`. False when the store could not take it; whatever else is thrown is a bug, and passes through. */
export function written(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (thrown) {
    if (thrown instanceof Database.SqliteError) return false;
    throw thrown;
  }
}
