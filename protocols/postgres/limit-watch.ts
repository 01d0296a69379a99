// Watches the limits of what runs: counts rows as they pass, runs the clock, has the target stopped, and says what the client
// reads in the end. After a limit was met the client hears nothing more of the cycle, since the server may go on with it.

import type { Limit } from '../../src/core/words.ts';
import type { ExpectedQueue } from './expected.ts';
import { limitError } from './limits.ts';
import type { MachinePort } from './machine-port.ts';
import type { Run } from './statements.ts';

export class LimitWatch {
  readonly #port: MachinePort;
  readonly #expected: ExpectedQueue;
  /** The client has read which limit was met, and nothing more is for it until ReadyForQuery. */
  isSilent = false;
  /** The statement whose time is limited and running. */
  #timed: Run | null = null;

  constructor(port: MachinePort, expected: ExpectedQueue) {
    this.#port = port;
    this.#expected = expected;
  }

  /** Counts a row. True for one too many, which the client does not see. */
  row(run: Run | null): boolean {
    const rowsMax = run?.obligations.rowsMax;
    if (run?.limits == null || rowsMax === undefined) return false;
    run.limits.rows += 1;
    if (run.limits.rows <= rowsMax) return false;
    this.#met(run, 'rows');
    return true;
  }

  /** The statement has ended. The error in place of its own end, when it met a limit. */
  cut(run: Run): Buffer | null {
    if (run.limits === null || run.limits.met === null) return null;
    const { code, message, bytes } = limitError(run.limits.met, run.obligations);
    run.error = { code, message };
    this.isSilent = true;
    return bytes;
  }

  /** After every message of either side: whose clock runs now? That of the first statement that the target has not answered. */
  look(): void {
    const run = this.#expected.running;
    const ms = run?.obligations.statementTimeoutMs;
    const timed = ms === undefined || run?.error !== null ? null : run;
    if (timed === this.#timed) return;
    this.#timed = timed;
    this.#port.limitTime(timed === null || ms === undefined ? null : { ms, met: () => this.#met(timed, 'time') });
  }

  cycleEnded(): void {
    this.isSilent = false;
  }

  #met(run: Run, met: Limit): void {
    if (run.limits === null || run.limits.met !== null) return;
    run.limits.met = met;
    this.#port.stopTarget();
  }
}
