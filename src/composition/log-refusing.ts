// What is said while the audit log takes nothing: to the gateway's own log once at the beginning and once when it is over, and to the
// meter, which readiness is read from.

import type { Log } from '../core/driver.ts';
import type { Fault } from '../core/errors.ts';
import type { Meter } from './meter.ts';

/** For `onRefusing` of an audit log. Threads have no meter. */
export function noteRefusing(log: Log, meter: Meter | null): (fault: Fault | null) => void {
  return (fault) => {
    meter?.auditRefuses(fault?.message ?? null);
    if (fault === null) log.warn({}, 'the audit log can be written again');
    else log.error({ err: fault.message }, 'the audit log cannot be written: what has to be in it before it runs is refused');
  };
}
