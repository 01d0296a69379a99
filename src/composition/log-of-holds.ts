// What the audit log says of a hold of an earlier run, for the desk of holds at the start.

import type { LoggedEvent, ReadLog } from '../approvals/log-agreement.ts';
import type { OpenedAuditLog } from '../audit/log.ts';
import { auditPageMax } from '../audit/search.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';

/** An index that can't be asked (it is built anew, the disk is full) must not stop the start: then the store alone says how it stands. */
export function logOfHolds(audit: Pick<OpenedAuditLog, 'search'>, log: Pick<Log, 'error'>): ReadLog {
  return async (id): Promise<readonly LoggedEvent[]> => {
    try {
      const { items } = await audit.search({ hold: id, limit: auditPageMax });
      return items.map(({ type, at, principal, detail }) => ({ type, atMs: Date.parse(at), by: principal, detail }));
    } catch (thrown) {
      log.error({ hold: id, err: messageOf(thrown) }, 'what the audit log says of a hold could not be read');
      return [];
    }
  };
}
