// The audit event of a change that was made already and can't be taken back (a token revoked, a person shut out): in the log before
// anybody is told of the change, so that a kill in between loses neither. While the log can't be written it follows as soon as it can.

import type { AuditEvent, AuditLog } from './audit.ts';

export function appendNow(audit: Pick<AuditLog, 'append' | 'appendSoon'>, event: AuditEvent): void {
  let durable: Promise<void> | undefined;
  try {
    durable = audit.append(event);
  } catch {
    audit.appendSoon(event); // what is wrong with the log, the log tells
  }
  durable?.catch(() => undefined); // a disk that fails breaks the log, which is told and refuses everything
}
