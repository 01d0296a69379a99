// What the machine asks of the world around it: bytes to either side, rulings, and somebody to tell how things ended.

import type { Classification } from '../../src/core/classification.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';

export interface MachinePort {
  /** Bytes of the target, passed on as they come. */
  toClient(bytes: Buffer): void;
  /** The same, a whole chunk that nobody looks at afterwards, and it leaves at once, or with others at the end of the turn. */
  toClientNow(chunk: Buffer): void;
  /** A whole message of the gateway's own, put between the target's. */
  reply(bytes: Buffer): void;
  /** Bytes of a released action. */
  toTarget(permit: Permit, bytes: Buffer): void;
  /** Messages that run nothing: Parse, Describe, Close, Flush, Sync, Terminate. */
  toTargetQuietly(bytes: Buffer): void;
  /** The ruling, or null when it comes later by `ruled`. */
  submit(submission: Submission): Ruling | null;
  /** The same, told by a call: before this returns, at the end of this turn of the event loop, or later. */
  submitSoon(submission: Submission, then: (ruling: Ruling) => void): void;
  /** A ruling of `submitSoon` for a message that the machine waits with by now. */
  ruledLate(ruling: Ruling): void;
  /** Bytes of a released action that leave at once. */
  toTargetNow(permit: Permit, bytes: Buffer): void;
  /** A chunk that goes the ordinary way after all; its first message is judged already (null: it waits for its ruling). */
  takeJudged(chunk: Buffer, ruling: Ruling | null): void;
  /** The classification, or null when it can't be had at once: `later` is told it then. */
  classify(submission: Submission, later: (classification: Classification) => void): Classification | null;
  finish(permit: Permit, outcome: Outcome): void;
  /** Cancels what runs at the target. No message of the client is taken before the target has passed it on. */
  stopTarget(): void;
  /** Calls back when that much time has passed; null ends the last such wait. */
  limitTime(limit: { readonly ms: number; readonly met: () => void } | null): void;
  recordRows(permit: Permit, rows: (string | null)[][]): void;
  /** Withdraws what waits for a ruling: `ruled` follows. */
  withdraw(): void;
  /** Objects of the target changed: what is known of its catalogue is old. */
  schemaChanged(): void;
  clientQuit(): void;
}
