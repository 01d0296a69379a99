// What the gateway keeps of the target's session: how texts are read there, what was prepared, whether tables are locked, what the
// session is for. It changes by what the target has confirmed and by nothing else. Knows no bytes of either side.

import type { Classification, SessionChange } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import { Fence, type FenceNeed } from './fence.ts';
import type { TrackedChange } from './messages.ts';
import { probeQuery, queriesAfter, trackQuery } from './own-texts.ts';
import type { PreparedOk, ReplyEnd } from './reply-sink.ts';
import { reasonAfter, type Settings } from './settings.ts';
import type { Asked, Preparing } from './state.ts';
import { preparedStatement, Statements } from './statements.ts';

export class SessionMirror {
  readonly settings: Settings;
  readonly statements = new Statements();
  readonly #fence = new Fence();
  readonly #tracks: boolean;
  #statusFlags: number;
  #reason: string | null = null;

  /** `tracks`: the target tells in OK packets what a statement has changed. */
  constructor(settings: Settings, statusFlags: number, tracks: boolean) {
    this.settings = settings;
    this.#statusFlags = statusFlags;
    this.#tracks = tracks;
  }

  /** Status flags as the target told them last. */
  get statusFlags(): number {
    return this.#statusFlags;
  }

  /** What the session says that it is for. */
  get reason(): string | null {
    return this.#reason;
  }

  fenceNeed(obligations: Obligations, classification: Classification): FenceNeed {
    return this.#fence.need(obligations, classification, this.#statusFlags);
  }

  // ---- what the target says ----

  flags(statusFlags: number): void {
    this.#statusFlags = statusFlags;
    this.settings.flags(statusFlags);
  }

  /** Session tracking in an OK. */
  tracked(changes: readonly TrackedChange[]): void {
    for (const change of changes) {
      if (change.kind === 'database') this.settings.database(change.name);
      else this.settings.reported(change.name, change.value);
    }
  }

  prepared({ id, parameters }: PreparedOk, { text, textBytes }: Preparing): void {
    const { mode } = this.settings;
    this.statements.confirmed(preparedStatement({ id, text, textBytes, mode, parameterCount: parameters }));
  }

  // ---- what has come to its end ----

  /** It ran, and changes nothing of what is followed here but locks. */
  plainly(classification: Classification): void {
    this.#fence.completed(classification);
  }

  /** It ran, or failed. Gives the gateway's own queries that must be asked before anything else is judged. */
  ran({ submission, database }: Asked, classification: Classification, changes: readonly SessionChange[], end: ReplyEnd): Buffer[] {
    if (end.error === null) {
      this.statements.changed(submission.text, changes, submission.mode);
      if (database !== null) this.settings.database(database);
      this.#reason = reasonAfter(changes, this.#reason);
      this.#fence.completed(classification);
    } else {
      this.statements.failed(changes);
    }
    return queriesAfter(classification, end, this.#tracks);
  }

  /** COM_RESET_CONNECTION: all is as after the sign-in, and prepared statements are gone. Gives queries as `ran` does. */
  reset(): Buffer[] {
    this.statements.clear();
    this.#fence.reset();
    this.#reason = null;
    return this.#tracks ? [trackQuery, probeQuery] : [probeQuery];
  }
}
