// What the audit log says of holds of an earlier run, for the desk of holds at the start.

import type { ReadLog } from '../approvals/log-agreement.ts';
import type { OpenedAuditLog } from '../audit/log.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';

/** An index that can't be asked (it is built anew, the disk is full) must not stop the start: then the store alone says how it stands. */
export function logOfHolds(audit: Pick<OpenedAuditLog, 'endsOfHolds'>, log: Pick<Log, 'error'>): ReadLog {
  return async (holds) => {
    try {
      return await audit.endsOfHolds(holds);
    } catch (thrown) {
      log.error({ err: messageOf(thrown) }, 'what the audit log says of holds that were left could not be read');
      return [];
    }
  };
}
