// What the gateway's own log says while the audit log takes nothing: once at the beginning, and once when it is over.

import type { Fault } from '../core/errors.ts';
import type { Log } from '../core/driver.ts';

export function logRefusing(log: Log, fault: Fault | null): void {
  if (fault === null) log.warn({}, 'the audit log can be written again');
  else log.error({ err: fault.message }, 'the audit log cannot be written: what has to be in it before it runs is refused');
}
