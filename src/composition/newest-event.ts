// How late it is at least when the gateway starts. Nothing measures time while it is stopped, and the wall clock may have been set back
// meanwhile: what the audit log's newest events say had come by then, and what ends by time counts from there.

import { clockBackToleranceMs } from '../approvals/lifetime.ts';
import type { OpenedAuditLog } from '../audit/log.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { duration } from '../core/words.ts';

/** Events looked at for the newest time: at a start the last ones may be of a clock that was set back. */
const eventsLookedAt = 50;

export interface StartTime {
  readonly audit: Pick<OpenedAuditLog, 'head' | 'since'>;
  readonly clock: Clock;
  readonly log: Pick<Log, 'warn'>;
}

/** The latest time that the log's last events name; 0 when it has none. Ask before anything of this start is written. */
export async function newestEventMs({ audit, clock, log }: StartTime): Promise<number> {
  const events = await audit.since(Math.max(0, audit.head().seq - eventsLookedAt), eventsLookedAt);
  const newestMs = Math.max(0, ...events.map(({ at }) => Date.parse(at)));
  const behindMs = newestMs - clock.nowMs();
  if (behindMs > clockBackToleranceMs)
    log.warn(
      { newest: new Date(newestMs).toISOString() },
      `the clock of this machine is ${duration(behindMs)} behind the audit log: grants, lent rights and holds end, and tokens count from the log's time`,
    );
  return newestMs;
}
