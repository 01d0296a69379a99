// A protocol's front: takes accepted client sockets and speaks the protocol on both sides.

import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { ChangeCount } from './change-count.ts';
import type { Clock, Random } from './clock.ts';
import type { CredentialDesk } from './credential.ts';
import type { ServerTls } from './server-tls.ts';
import type { Sessions } from './session.ts';
import type { LocalSignIns, SignIns } from './sign-in.ts';
import type { Target } from './target.ts';

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A client asks, on a connection of its own, that another one stops what it does. */
export type CancelWish =
  /** Proved by what only that connection's client was told. Compared in constant time; silence when it is wrong. */
  | { readonly kind: 'by-secret'; readonly connection: number; readonly secret: Buffer }
  /** By the person whose connection it has to be: by the gateway's number, or by the one that this target gave. */
  | {
      readonly kind: 'by-person';
      readonly person: string;
      readonly target: string | null;
      readonly connection: number;
      readonly ends: 'statement' | 'connection';
    };

export interface DriverServices {
  readonly signIns: SignIns;
  readonly sessions: Sessions;
  /** The target of that name if it speaks this protocol, else undefined. */
  readonly targetNamed: (name: string) => Target | undefined;
  /** All targets that speak this protocol. */
  readonly targets?: () => readonly Target[];
  /** A byte stream to the target: direct, or through an agent. Rejects with a Fault. */
  readonly dial: (target: Target, signal: AbortSignal) => Promise<Duplex>;
  /** Fills in what to sign in to the target with. Every sign-in to a target goes through it. */
  readonly credentials: CredentialDesk;
  /** Null when TLS is off. */
  readonly tls: ServerTls | null;
  /** Where that is null: one that nobody signed, for clients that know it for the gateway's by other means. Missing or null: none. */
  readonly unsignedTls?: ServerTls | null;
  /** False refuses sign-in over plain text from addresses that are not loopback. */
  readonly allowPlaintext: boolean;
  readonly clock: Clock;
  readonly random: Random;
  /** Counts what all threads change of a database's own objects; absent where there is one thread only. */
  readonly catalogueChanges?: (target: string, database: string) => ChangeCount;
  /** Asks the drivers of every other thread for it. False when none had it. Never rejects; absent where there is one thread only. */
  readonly cancelElsewhere?: (wish: CancelWish) => Promise<boolean>;
  readonly log: Log;
}

/** For a driver in the thread that keeps people and tokens. */
export interface LocalDriverServices extends DriverServices {
  readonly signIns: LocalSignIns;
}

export interface Driver {
  /** Takes over an accepted socket until it ends. Never throws. */
  serve(socket: Socket): void;
  /**
   * False when it is for none of this driver's own connections; true when who asked need not wait any more. Never rejects. Absent: its
   * connections can't be reached by others.
   */
  cancel?(wish: CancelWish): boolean | Promise<boolean>;
  /** Ends every connection in words and resolves when all are gone. */
  close(reason: string): Promise<void>;
}
