// What a connection is made of when its client has signed in.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { ReadingShare } from '../../src/core/reading.ts';
import type { Session } from '../../src/core/session.ts';
import type { TargetSideParts } from '../../src/core/target-side.ts';
import type { FrameLimits } from './codec.ts';
import type { FailingMessages } from './refusal.ts';

export interface ConnectionParts extends TargetSideParts {
  readonly client: Socket;
  readonly target: Duplex;
  readonly session: Session;
  readonly catalogue: CatalogueEntry;
  readonly clock: Clock;
  readonly limits: FrameLimits;
  readonly failing: FailingMessages;
  /** A message that tells the client nothing new, for asking whether it is still there. */
  readonly heartbeat: Buffer;
  /** Bytes of the client that wait while its action waits; more is left in the kernel. */
  readonly heldBytesMax: number;
  /** Counts what has come of this client and was not taken yet. */
  readonly reading: ReadingShare;
  /** Told once, when both sides are gone. */
  readonly gone: () => void;
}
