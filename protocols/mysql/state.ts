// Where the relay of one client stands: idle, waiting for a ruling, or waiting for the target.

import type { Classification } from '../../src/core/classification.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { WireStatement } from './statements.ts';

/** One released action at the target: from its permit to its end. */
export interface Run {
  readonly permit: Permit;
  readonly classification: Classification;
  readonly recordsResults: boolean;
  readonly text: string;
  /** The prepared statement that is executed: its rows are binary. */
  readonly statement: WireStatement | null;
  /** Database that the session is in once the target has confirmed (COM_INIT_DB). */
  readonly database: string | null;
}

/** What every run takes from its ruling. */
export function runOf(ruling: Extract<Ruling, { kind: 'release' }>): Pick<Run, 'permit' | 'classification' | 'recordsResults'> {
  return { permit: ruling.permit, classification: ruling.classification, recordsResults: ruling.obligations.recordResults };
}

export interface Preparing {
  readonly text: string;
  readonly textBytes: Buffer;
}

export type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'judging'; readonly then: (ruling: Ruling) => void }
  | { readonly kind: 'running'; readonly run: Run }
  | { readonly kind: 'quiet'; readonly command: number; readonly preparing: Preparing | null }
  | { readonly kind: 'own' };

export const idle: State = { kind: 'idle' };
