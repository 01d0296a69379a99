// How a released action ended at the target.

import type { FileTransfer } from './recording.ts';

export interface Outcome {
  readonly kind: 'completed' | 'failed' | 'cancelled' | 'unknown';
  /** Rows returned or changed as the target counted them; null when it did not say. */
  readonly rows: number | null;
  /** The target's own error, or null. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** What else is worth writing down: exit status, bytes, SHA-256 of a file. Small and without secrets. */
  readonly detail?: Readonly<Record<string, string | number>>;
  /** What went through a file that the action opened. */
  readonly transfer?: FileTransfer;
}
