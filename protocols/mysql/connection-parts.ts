// What a connection is made of when its client has signed in.

import type { Duplex } from 'node:stream';
import type { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { ReadingShare } from '../../src/core/reading.ts';
import type { Session } from '../../src/core/session.ts';
import type { TargetSideParts } from '../../src/core/target-side.ts';
import type { ClientStream } from './compression.ts';
import type { MachineOptions } from './port.ts';
import type { Settings } from './settings.ts';

export interface ConnectionParts extends TargetSideParts {
  readonly client: ClientStream;
  /** Packets of the client count from 0 in each command; inside compression clients don't keep to it. */
  readonly numbered: boolean;
  readonly target: Duplex;
  readonly targetConnectionId: number;
  readonly session: Session;
  readonly catalogue: CatalogueEntry;
  readonly clock: Clock;
  readonly payloadBytesMax: number;
  readonly heldBytesMax: number;
  /** Counts what has come of this client and was not taken yet. */
  readonly reading: ReadingShare;
  readonly settings: Settings;
  readonly statusFlags: number;
  readonly machine: MachineOptions;
  /** The client shows progress reports. */
  readonly showsProgress: boolean;
  /** KILL of a connection of the same person. */
  readonly kill: (connectionId: number, what: 'query' | 'connection') => boolean | Promise<boolean>;
  /** Told once, when both sides are gone. */
  readonly gone: () => void;
  /** The client wants to be somebody else: both sides of this connection are given up, but for the client, which is read by this stream then. */
  readonly changeUser: (argument: Buffer, client: ClientStream) => void;
}
