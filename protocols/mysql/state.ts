// Where the relay of one client stands: idle, waiting for a ruling, or waiting for the target.

import type { Classification } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import type { Masking } from '../../src/core/masking.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import type { Limit } from '../../src/core/words.ts';
import type { ErrPacket } from './messages.ts';
import type { ReplyShape } from './reply-sink.ts';
import type { WireStatement } from './statements.ts';

/** What a client asked, in the form that is judged, and how it goes to the target. */
export interface Asked {
  readonly submission: Submission;
  /** The prepared statement that is executed: its rows are binary. */
  readonly statement: WireStatement | null;
  /** Database that the session is in once the target has confirmed (COM_INIT_DB). */
  readonly database: string | null;
  readonly shape: ReplyShape;
  /** Its rows may be left at the target, to be fetched. */
  readonly asksCursor: boolean;
  /** The commands for the target; the same ones each time. */
  readonly packets: () => readonly Buffer[];
  /** The catalogue was read after it was asked: nothing more can be proved. */
  readonly proved: boolean;
}

/** The same for what most commands have: a text whose results are read as they come. */
export function askedOf(
  submission: Submission,
  packets: Asked['packets'],
  { statement = null, database = null, shape = 'results', asksCursor = false }: Partial<Asked> = {},
): Asked {
  return { submission, statement, database, shape, asksCursor, packets, proved: false };
}

/** One released action at the target: from its permit to its end. */
export interface Run {
  readonly asked: Asked;
  readonly permit: Permit;
  readonly classification: Classification;
  readonly obligations: Obligations;
  /** What is hidden in its results; null: nothing. */
  readonly masking: Masking | null;
  /** It runs in a read-only transaction of the gateway's. */
  fenced: boolean;
  /** Of a fenced run: what the client would have read by now, kept until no error can take it back; null: it has read some. */
  kept: Buffer[] | null;
  /** The fence's error, which the client has not read. */
  stopped: ErrPacket | null;
  /** The limit that was met; null while none was. */
  met: Limit | null;
}

export function runOf(asked: Asked, { permit, classification, obligations, masking }: Extract<Ruling, { kind: 'release' }>): Run {
  return { asked, permit, classification, obligations, masking: masking ?? null, fenced: false, kept: null, stopped: null, met: null };
}

export interface Preparing {
  readonly text: string;
  readonly textBytes: Buffer;
}

export type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'judging'; readonly then: (ruling: Ruling) => void }
  /** The catalogue is read anew before it may run. */
  | { readonly kind: 'proving'; readonly run: Run }
  /** The gateway's read-only transaction begins. */
  | { readonly kind: 'raising'; readonly run: Run }
  | { readonly kind: 'running'; readonly run: Run }
  | { readonly kind: 'quiet'; readonly command: number; readonly preparing: Preparing | null; readonly fetched: WireStatement | null }
  | { readonly kind: 'own' }
  /** A KILL that other threads are asked for. */
  | { readonly kind: 'killing' };

export const idle: State = { kind: 'idle' };
