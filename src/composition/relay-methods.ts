// Everything that relay threads and the main thread ask of each other.

import type { SharedAudit } from '../audit/joined.ts';
import type { ListenAddress, LogLevel } from '../config/config.ts';
import type { CertificateAndKey } from '../core/server-tls.ts';
import type { SharedAcceptCounts } from '../relay/accept-counts.ts';
import type { CancellingMethods } from '../relay/cancelling.ts';
import type { SharedChanges } from '../relay/change-counts.ts';
import type { CredentialMethods } from '../relay/credentials.ts';
import type { DiallingMethods } from '../relay/dialling.ts';
import type { SentTarget } from '../relay/sent-target.ts';
import type { SessionMethods, ThreadSessionMethods } from '../relay/session-methods.ts';
import type { SignInMethods } from '../relay/sign-ins.ts';
import type { WatchMethods } from '../relay/watch.ts';
import type { SharedWorld } from '../relay/world.ts';
import type { DatabaseLimits, DatabaseProtocol } from './database-drivers.ts';

/** Asked of the main thread. */
export type MainMethods = SessionMethods &
  SignInMethods &
  CredentialMethods &
  DiallingMethods &
  CancellingMethods &
  WatchMethods & {
    /** The thread can work: it has the policies. */
    readonly ready: { readonly given: null; readonly answer: void };
  };

/** Asked of a thread. */
export type ThreadMethods = ThreadSessionMethods &
  CancellingMethods &
  WatchMethods & {
    /** Listens beside the other threads, and answers with the port. */
    readonly listen: { readonly given: { readonly protocol: DatabaseProtocol; readonly address: ListenAddress }; readonly answer: number };
    /** The gateway's own certificate is another one from now on. */
    readonly certificate: { readonly given: CertificateAndKey; readonly answer: void };
    /** Ends everything in words. */
    readonly stop: { readonly given: { readonly reason: string }; readonly answer: void };
  };

/** What a thread is started with. Never to be put into words: it holds the gateway's key. */
export interface RelayThreadData {
  readonly index: number;
  readonly recordingsDir: string;
  readonly world: SharedWorld;
  readonly audit: SharedAudit;
  readonly counts: Readonly<Record<DatabaseProtocol, SharedAcceptCounts>>;
  readonly catalogueChanges: SharedChanges;
  readonly targets: readonly SentTarget[];
  readonly tls: CertificateAndKey | null;
  readonly unsignedTls: CertificateAndKey | null;
  readonly allowPlaintext: boolean;
  readonly limits: DatabaseLimits;
  readonly dialTimeoutMs: number;
  readonly busyPollUs: number;
  /** Of hashes in masked results, one for all threads. */
  readonly maskKey: Uint8Array;
  readonly logLevel: LogLevel;
}
