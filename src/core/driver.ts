// A protocol's front: takes accepted client sockets and speaks the protocol on both sides.

import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { Clock, Random } from './clock.ts';
import type { CredentialDesk } from './credential.ts';
import type { Sessions } from './session.ts';
import type { SignIns } from './sign-in.ts';
import type { Target } from './target.ts';

/** PEM certificate chain and key of the gateway itself; null when TLS is off. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

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
  readonly tls: ServerTls | null;
  /** False refuses sign-in over plain text from addresses that are not loopback. */
  readonly allowPlaintext: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Driver {
  /** Takes over an accepted socket until it ends. Never throws. */
  serve(socket: Socket): void;
  /** Ends every connection in words and resolves when all are gone. */
  close(reason: string): Promise<void>;
}
