// What the machine needs of whoever drives it, and what it is told once. Declared apart, because tests implement it too.

import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import type { AttributeUse } from './query-attributes.ts';
import type { ReplyOptions } from './reply-sink.ts';

export interface MachinePort {
  toClient(bytes: Buffer): void;
  toTarget(permit: Permit, bytes: Buffer): void;
  /** One whole command that runs nothing judged. */
  toTargetQuietly(bytes: Buffer): void;
  /** The ruling comes through `ruled`: before this returns, at the end of this turn of the event loop, or later. */
  submit(submission: Submission): void;
  /** The same for the fast path, told by a call. */
  submitSoon(submission: Submission, then: (ruling: Ruling) => void): void;
  /** A ruling of `submitSoon` for the machine, which waits for it by now. */
  ruledLate(ruling: Ruling): void;
  /** Bytes of a released action that leave at once. */
  toTargetNow(permit: Permit, bytes: Buffer): void;
  /** A chunk of the target that leaves at once, as it came. */
  toClientNow(chunk: Buffer): void;
  /** Whether policy could only deny this; null when it can't be said at once. */
  foreseesDenial(submission: Submission): boolean | null;
  finish(permit: Permit, outcome: Outcome): void;
  recordRows(permit: Permit, rows: (string | null)[][]): void;
  /** KILL of one of the person's own connections through the gateway; `then` hears whether it was one, at once or later. */
  killOwn(connectionId: number, what: 'query' | 'connection', then: (killed: boolean) => void): void;
  schemaChanged(): void;
  /** Reads the catalogue, however new it is. `renewed` is called later. */
  renewCatalogue(renewed: () => void): void;
  /** Time for what runs, from now; null: it has ended. `met` is called once, when it is over. */
  limitTime(limit: { readonly ms: number; readonly met: () => void } | null): void;
  /** Cancels what runs at the target; its answer still comes. */
  stopTarget(): void;
  clientQuit(): void;
  /** COM_CHANGE_USER, without its first byte: nothing comes back to this machine. */
  changeUser(argument: Buffer): void;
}

export interface MachineOptions extends ReplyOptions {
  /** The client speaks session tracking; else changes are taken out of OK packets. */
  readonly clientTracks: boolean;
  /** The target knows COM_STMT_BULK_EXECUTE. */
  readonly takesBulk: boolean;
  readonly attributes: AttributeUse;
  readonly statementBytesMax: number;
  /** Name and default database of the target: USE with the target's name means this database. */
  readonly targetName: string;
  readonly targetDatabase: string | null;
  /** The session runs as this role of the target and stays it; null: as the account. */
  readonly role: string | null;
}
