// What was seen in a session. Databases: a statement log, one entry for each action, with times relative to the session's start.

import type { ActionKind, TransactionState } from './action.ts';
import type { ColumnsTouched, Problem } from './classification.ts';
import type { Decision } from './decision.ts';
import type { Access, Effect } from './effect.ts';
import type { PrincipalKind } from './principal.ts';

/**
 * What policies judged, besides the text: enough to judge the action again by other policies, without its target
 * (`sallyport policy rehearse`). It holds names and no values.
 */
export interface JudgedFacts {
  readonly actionKind: ActionKind;
  readonly transaction: TransactionState;
  /** Why the text was not understood, or null when it was. */
  readonly problem: Problem['kind'] | null;
  readonly access: Access;
  readonly statementCount: number;
  readonly missingWhere: boolean;
  readonly effects: readonly Effect[];
  /** Missing: there were too many to write them with every statement, or nobody could tell. */
  readonly columns?: ColumnsTouched;
  /** Rows as they were estimated for the rules that asked; null: it could not be known. Missing: none asked. */
  readonly estimatedRows?: number | null;
  /** What the session said that it is for; missing: nothing. */
  readonly reason?: string;
}

export interface StatementEntry {
  readonly kind: 'statement';
  readonly actionId: string;
  /** Milliseconds since the session opened: asked, released (null when it never was), finished. */
  readonly askedMs: number;
  readonly releasedMs: number | null;
  readonly finishedMs: number;
  readonly text: string;
  /** Null unless policy says that parameters are recorded. */
  readonly parameters: readonly { readonly type: string | null; readonly text: string | null }[] | null;
  readonly statementKinds: readonly string[];
  /** "delete public.orders", … for people. */
  readonly effects: readonly string[];
  readonly decision: Decision['kind'];
  readonly rule: string | null;
  readonly holdId: string | null;
  /** Who approved, denied. */
  readonly approvedBy: readonly string[];
  /** "completed", "failed", "cancelled", "unknown", or the refusal's reason. */
  readonly outcome: string;
  readonly rows: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Result rows, only where policy records results; bounded. */
  readonly results: readonly (string | null)[][] | null;
  /** What went through a file operation; missing for everything else. */
  readonly transfer?: FileTransfer;
  /** Missing when nothing was classified, when there are too many effects to keep, and in recordings of earlier versions. */
  readonly judged?: JudgedFacts;
}

/** An entry within all limits, like many others: what differs between them, and the rest. */
export interface JsonEntry {
  readonly actionId: string;
  readonly askedMs: number;
  readonly releasedMs: number;
  readonly finishedMs: number;
  readonly rows: number | null;
  /** The text, quoted; the bytes of that where the writer has them. */
  readonly text: string | Uint8Array;
  /** Its other members, as `"name":value,…`. */
  readonly rest: Uint8Array;
}

/** The bytes of one open file, as they went through the gateway. */
export interface FileTransfer {
  readonly direction: 'read' | 'write' | 'both';
  readonly bytes: number;
  /** SHA-256 in hex of what went through in order from the first byte; null when it was not one such run. */
  readonly sha256: string | null;
  /** False when the hash (or the count) covers only part of the file: read without reaching its end, written in pieces or left open. */
  readonly whole: boolean;
}

export interface Recorder {
  /** Buffered; on disk within a second. Throws Fault recorder-failed once the recorder is broken. */
  write(entry: StatementEntry): void;
  /** The same for an entry of which most is JSON already. */
  writeJson?(entry: JsonEntry): void;
  /** Flushes and closes; idempotent. */
  close(): Promise<void>;
}

/** What a terminal showed, with its times. Never throws; a failure ends the session by other means. */
export interface TerminalRecorder {
  output(bytes: Buffer): void;
  resize(cols: number, rows: number): void;
  /** A command that begins here, for the index of the replay: a marker of the cast, cut at 500 characters. */
  mark(command: string): void;
  /** Idempotent. */
  close(): void;
}

export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
  /** What ran in it; null for a shell. */
  readonly command: string | null;
}

/** What a file held when it was closed. */
export interface FileSeal {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/** Stands in the session's last audit event: a recording that is changed later does not fit it. */
export interface RecordingSeal extends FileSeal {
  /** Of all terminals: how many, and the SHA-256 of their own in order, in hex, put together. Null when one of them is not whole; missing when there was none. */
  readonly terminals?: (FileSeal & { readonly count: number }) | null;
}

export interface Recordings {
  open(sessionId: string, header: RecordingHeader): Recorder;
  /** A terminal of that session, beside its statement log; a session may have several. Throws Fault recorder-failed. */
  openTerminal?(sessionId: string, size: TerminalSize): TerminalRecorder;
  /** Closes all that is recorded of a session, which is over. Null when it could not be written whole. */
  seal(sessionId: string): RecordingSeal | null;
}

export interface RecordingHeader {
  readonly sessionId: string;
  readonly principal: string;
  readonly target: string;
  readonly protocol: string;
  readonly clientAddress: string;
  readonly startedAtMs: number;
  /** Who and where as policies saw them; missing in recordings of earlier versions. */
  readonly facts?: SessionRecordFacts;
}

export interface SessionRecordFacts {
  readonly principalKind: PrincipalKind;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly tls: boolean;
  readonly method: string;
  readonly database: string | null;
}
