// The part of the contract about recordings: statement logs, terminals, transferred files. Read through contract.ts.

/** GET /sessions/{id}/terminals. Times are milliseconds since the terminal began. */
export interface TerminalView {
  readonly index: number;
  /** The recording itself, asciicast v3; takes byte ranges. */
  readonly url: string;
  readonly started_at: string;
  /** What ran in it; null for a shell. */
  readonly command: string | null;
  readonly duration_ms: number;
  /** Without what of each pause is longer than a second. */
  readonly busy_ms: number;
  readonly bytes: number;
  readonly commands: number;
  /** It still runs. */
  readonly live: boolean;
}

/** GET /sessions/{id}/terminals/{n}/index: what a player needs to begin anywhere. */
export interface TerminalIndexView {
  readonly terminal: TerminalView;
  /** Places (byte offsets of the recording) at which a line begins, and how the screen was there. */
  readonly points: readonly {
    readonly at_ms: number;
    readonly offset: number;
    readonly cols: number;
    readonly rows: number;
    /** The alternate screen (an editor, a pager) was shown. */
    readonly alternate: boolean;
  }[];
  readonly marks: readonly { readonly at_ms: number; readonly text: string }[];
  readonly marks_left_out: number;
}

/** GET /sessions/{id}/terminals/{n}/search */
export interface TerminalSearchView {
  readonly hits: readonly { readonly at_ms: number; readonly line: string }[];
  readonly more: boolean;
}

export interface RecordingEntry {
  readonly kind: 'statement';
  readonly action_id: string;
  readonly asked_ms: number;
  readonly released_ms: number | null;
  readonly finished_ms: number;
  readonly text: string;
  readonly parameters: readonly { readonly type: string | null; readonly text: string | null }[] | null;
  readonly statement_kinds: readonly string[];
  readonly effects: readonly string[];
  readonly decision: 'allow' | 'deny' | 'hold';
  readonly rule: string | null;
  readonly hold_id: string | null;
  readonly approved_by: readonly string[];
  readonly outcome: string;
  readonly rows: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly results: readonly (readonly (string | null)[])[] | null;
  /** What went through a file that was opened (SFTP). */
  readonly transfer?: TransferView | undefined;
}

export interface TransferView {
  readonly direction: 'read' | 'write' | 'both';
  readonly bytes: number;
  /** SHA-256 (hex) of what went through in order from the first byte; null when it was not one such run. */
  readonly sha256: string | null;
  /** False: it covers only part of the file. */
  readonly whole: boolean;
}
