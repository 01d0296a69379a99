// What was seen in a session. Databases: a statement log, one entry for each action, with times relative to the session's start.

import type { Decision } from './decision.ts';

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
}

export interface Recorder {
  /** Buffered; on disk within a second. Throws Fault recorder-failed once the recorder is broken. */
  write(entry: StatementEntry): void;
  /** Flushes and closes; idempotent. */
  close(): Promise<void>;
}

export interface Recordings {
  open(sessionId: string, header: RecordingHeader): Recorder;
}

export interface RecordingHeader {
  readonly sessionId: string;
  readonly principal: string;
  readonly target: string;
  readonly protocol: string;
  readonly clientAddress: string;
  readonly startedAtMs: number;
}
