// Failed sign-ins in the audit log, without letting whoever fails fill the disk: of a pair of name and address the first five
// are written and then the 8th, 16th, 32nd, …; of everybody together not more than 300 a minute, and how many were left out
// stands in the next one.

import { eventWithoutSession, type AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';

export const failuresLoggedPerMinuteMax = 300;
const nameCharactersMax = 128;

export class FailureLog {
  readonly #audit: AuditLog;
  readonly #clock: Clock;
  #minuteStartMs = -Infinity;
  #written = 0;
  #leftOut = 0;

  constructor(audit: AuditLog, clock: Clock) {
    this.#audit = audit;
    this.#clock = clock;
  }

  /** `inARow` counts the failures of this pair. The name is what was claimed, so it is a detail, not the event's principal. */
  note(name: string, clientAddress: string, inARow: number, detail: Readonly<Record<string, unknown>> = {}): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#minuteStartMs >= 60_000) {
      this.#minuteStartMs = nowMs;
      this.#written = 0;
    }
    const telling = inARow <= 5 || (inARow & (inARow - 1)) === 0;
    if (!telling || this.#written >= failuresLoggedPerMinuteMax) {
      this.#leftOut += 1;
      return;
    }
    this.#written += 1;
    const leftOut = this.#leftOut;
    this.#leftOut = 0;
    const whole = {
      name: name.slice(0, nameCharactersMax),
      client_address: clientAddress,
      in_a_row: inARow,
      left_out_before: leftOut,
      ...detail,
    };
    this.#audit.appendSoon(eventWithoutSession('sign-in.failed', this.#clock.nowMs(), null, whole));
  }
}
