// A worker thread's side of the log that the main thread has opened: it appends to the same chain and the same files by itself, so
// a release is in the log before it is forwarded without asking another thread. Events of one thread are in the log in the order of
// its calls. Checkpoints, search and verification are the main thread's.

import type { AuditLog } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import type { Fault } from '../core/errors.ts';
import { Appender, type AppenderOptions, type Durability } from './appender.ts';
import { SharedChain } from './shared-chain.ts';

/** What a thread needs to join; it can be sent to one (workerData, postMessage). */
export interface SharedAudit {
  readonly memory: SharedArrayBuffer;
  readonly dir: string;
  readonly durability: Durability;
  readonly logId: string;
  readonly segmentBytes: number;
}

export interface JoinOptions {
  readonly clock: Clock;
  /** Told once for each lasting failure, as that of the main thread, which hears of a log that is broken by itself. */
  readonly onFailed: (fault: Fault) => void;
  readonly onRefusing?: AppenderOptions['onRefusing'];
  /** For tests, which let it fail. */
  readonly write?: AppenderOptions['write'];
}

export interface JoinedAuditLog extends AuditLog {
  /** Writes what is buffered now. Throws Fault audit-write-failed. */
  flush(): void;
  /** Writes what is buffered and closes this thread's side; idempotent. Later appends throw. A thread does it before it ends. */
  close(): Promise<void>;
}

/** Throws Fault audit-write-failed when the end of the chain can't be had. */
export function joinAuditLog(shared: SharedAudit, { clock, onFailed, onRefusing, write }: JoinOptions): JoinedAuditLog {
  const { dir, durability, segmentBytes, memory } = shared;
  const options = {
    dir,
    durability,
    segmentBytes,
    clock,
    onFailed,
    ...(onRefusing && { onRefusing }),
    ...(write === undefined ? {} : { write }),
  };
  const appender = new Appender(options, new SharedChain(memory, clock), () => undefined);
  let closed: Promise<void> | null = null;
  return {
    append: (event) => appender.append(event),
    appendSoon: (event) => appender.appendSoon(event),
    appendInTurn: (event, then) => appender.appendInTurn(event, then),
    flush: () => appender.flush(),
    close: () => (closed ??= close(appender)),
  };
}

async function close(appender: Appender): Promise<void> {
  appender.end();
  await appender.file.close();
}
