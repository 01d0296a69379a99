// What the API needs of recordings: statements, and terminals as asciicast.

import type { StatementEntry } from '../core/recording.ts';

export interface ApiRecordings {
  /** Null when there is no recording of that session. Without a part: all of it, as far as its limit. */
  read(
    sessionId: string,
    part?: { readonly from: number; readonly entriesMax: number; readonly text?: string | undefined },
  ): Promise<{ readonly entries: readonly StatementEntry[]; readonly complete: boolean; readonly next: number } | null>;
  readonly terminals: ApiTerminals;
  /** Writes down that somebody looks; rejects when it can't be written, and then nothing may be shown. */
  noteLook(look: RecordingLook): Promise<void>;
}

export interface RecordingLook {
  readonly sessionId: string;
  readonly target: string;
  readonly by: string;
  /** Null: the statements. */
  readonly terminal: number | null;
  /** While it runs, as it is typed. */
  readonly live: boolean;
}

export interface TerminalIndex {
  readonly startedAtMs: number;
  readonly command: string | null;
  readonly durationMs: number;
  readonly busyMs: number;
  readonly bytes: number;
  readonly live: boolean;
  readonly points: readonly {
    readonly atMs: number;
    readonly offset: number;
    readonly cols: number;
    readonly rows: number;
    readonly alternate: boolean;
  }[];
  readonly marks: readonly { readonly atMs: number; readonly text: string }[];
  readonly marksLeftOut: number;
}

/** The recorded terminals of sessions, as asciicast v3. Undefined: there is none of that number. */
export interface ApiTerminals {
  count(sessionId: string): number;
  index(sessionId: string, terminal: number): Promise<TerminalIndex | undefined>;
  /** Bytes from `from` up to, not including, `to`, as many as are given at once, and how many there are in all. */
  read(
    sessionId: string,
    terminal: number,
    from: number,
    to: number,
  ): Promise<{ readonly bytes: Buffer; readonly size: number } | undefined>;
  search(
    sessionId: string,
    terminal: number,
    text: string,
  ): Promise<{ readonly hits: readonly { readonly atMs: number; readonly line: string }[]; readonly more: boolean } | undefined>;
  /** Calls back when there is more to read, and with true when it ended. Undefined when it does not run. */
  follow(sessionId: string, terminal: number, listener: (ended: boolean) => void): (() => void) | undefined;
}
