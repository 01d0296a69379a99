// Connections to targets that are used once more: when a session only read, its connection is reset and kept for some seconds, for
// the next session of the same person that signs in to the same target in the same way. Starting a server process and proving a
// password cost more than everything else that a short session does.
//
// Only reading sessions, because what others leave behind is not all known: DISCARD ALL resets settings, names, cursors, locks
// and temporary objects, and knows nothing of what extensions and procedural languages keep for themselves.

import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Classification } from '../../src/core/classification.ts';
import type { Target } from '../../src/core/target.ts';
import { canReadChunksAgain, readChunks } from '../../src/core/chunk-reader.ts';
import { LentStream } from '../../src/core/lent-stream.ts';
import { BackendWalker } from './codec.ts';
import * as wire from './messages.ts';
import type { Upstream } from './upstream.ts';

/** A kept connection holds a place at the server, and was allowed by what was known when it signed in. */
const keptMs = 5_000;
const keptMax = 64;
const keptOfOneKeyMax = 8;
/** Servers and their extensions may grow with use. */
const usesMax = 100;
const resetTimeoutMs = 2_000;
/** Time for the target to take the Terminate message. */
const leaveTimeoutMs = 2_000;
const answerBytesMax = 64 * 1024;

/** What must be equal for a connection to be used again. */
export interface ReuseKey {
  readonly person: string;
  /** As it was signed in to: account and password filled in. */
  readonly target: Target;
  readonly database: string;
  readonly parameters: Readonly<Record<string, string>>;
}

interface Kept {
  readonly key: string;
  readonly upstream: Upstream;
  readonly stream: Duplex;
  readonly uses: number;
  readonly timer: NodeJS.Timeout;
}

/** True of what leaves nothing behind in the server's session. */
export function onlyReads({ understood, summary }: Classification): boolean {
  return understood && summary.verbs.every((verb) => verb === 'read' || verb === 'transaction') && summary.access !== 'unknown';
}

export class IdleUpstreams {
  readonly #kept = new Set<Kept>();
  readonly #uses = new WeakMap<Upstream, { readonly key: string; readonly uses: number }>();
  #closed = false;

  /** A kept connection, ready for a query; null when there is none. */
  take(reuse: ReuseKey): Upstream | null {
    const key = keyOf(reuse);
    for (const kept of this.#kept) {
      if (kept.key !== key) continue;
      this.#drop(kept);
      if (kept.stream.destroyed) continue;
      const upstream = { ...kept.upstream, stream: kept.stream };
      this.#uses.set(upstream, { key, uses: kept.uses + 1 });
      return upstream;
    }
    return null;
  }

  /** A fresh connection, as one that may be kept when its session is over. */
  fresh(signedIn: Upstream, reuse: ReuseKey): Upstream {
    if (reuse.target.credential?.kind === 'vault-database') return signedIn; // the account is its session's own, and ends with it
    const { stream } = signedIn;
    const upstream = stream instanceof TLSSocket ? { ...signedIn, stream: new LentStream(stream) } : signedIn;
    this.#uses.set(upstream, { key: keyOf(reuse), uses: 1 });
    return upstream;
  }

  /** Takes a connection back from a session that only read, on which nothing runs; `stream` is what its bytes came through last. */
  async giveBack(upstream: Upstream, stream: Duplex): Promise<void> {
    const used = this.#uses.get(upstream);
    if (this.#closed || used === undefined || used.uses >= usesMax || !canReadChunksAgain(stream) || this.#isFull(used.key)) {
      leave(stream);
      return;
    }
    let onChunk: (chunk: Buffer) => void = () => undefined;
    const again = readChunks(stream, (chunk) => onChunk(chunk));
    again.on('error', () => undefined); // ends in 'close'
    const isClean = await reset(again, upstream, (hear) => (onChunk = hear));
    if (!isClean || this.#closed || this.#isFull(used.key)) {
      leave(again);
      return;
    }
    const gone = () => {
      this.#drop(kept);
      again.destroy();
    };
    onChunk = gone; // a server that speaks to nobody ends the session or reports a change
    const timer = setTimeout(() => {
      this.#drop(kept);
      leave(again);
    }, keptMs);
    timer.unref();
    const kept: Kept = { key: used.key, upstream, stream: again, uses: used.uses, timer };
    again.once('end', gone).once('close', gone);
    this.#kept.add(kept);
  }

  close(): void {
    this.#closed = true;
    for (const kept of [...this.#kept]) {
      this.#drop(kept);
      leave(kept.stream);
    }
  }

  #isFull(key: string): boolean {
    if (this.#kept.size >= keptMax) return true;
    let alike = 0;
    for (const kept of this.#kept) if (kept.key === key) alike += 1;
    return alike >= keptOfOneKeyMax;
  }

  #drop(kept: Kept): void {
    this.#kept.delete(kept);
    clearTimeout(kept.timer);
    kept.stream.removeAllListeners('end');
  }
}

/** Asks the server to forget the session. True when it did, and reports the same settings as at the sign-in. */
function reset(stream: Duplex, upstream: Upstream, listen: (hear: (chunk: Buffer) => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const walker = new BackendWalker(new Uint8Array(256).fill(1), answerBytesMax);
    let forgot = false;
    const settle = (isClean: boolean) => {
      clearTimeout(timer);
      listen(() => undefined);
      stream.off('close', lost);
      resolve(isClean);
    };
    const lost = () => settle(false);
    const timer = setTimeout(() => {
      settle(false);
      stream.destroy();
    }, resetTimeoutMs);
    const message = (type: number, bytes: Buffer): null => {
      const reader = new wire.BodyReader(bytes);
      if (type === wire.fromTarget.commandComplete) forgot = reader.cstring() === 'DISCARD ALL';
      else if (type === wire.fromTarget.parameterStatus) {
        if (upstream.parameters.get(reader.cstring()) !== reader.cstring()) settle(false);
      } else if (type === wire.fromTarget.ready) settle(forgot && bytes[5] === 0x49);
      else if (type !== wire.fromTarget.notice) settle(false);
      return null;
    };
    listen((chunk) => {
      try {
        walker.walk(chunk, { forward: () => undefined, message });
      } catch {
        settle(false);
      }
    });
    stream.once('close', lost);
    stream.resume();
    stream.write(wire.query('DISCARD ALL'));
  });
}

function leave(stream: Duplex): void {
  if (!stream.destroyed) stream.end(wire.terminate);
  setTimeout(() => stream.destroy(), leaveTimeoutMs).unref();
}

function keyOf({ person, target, database, parameters }: ReuseKey): string {
  const { name, host, port, user, password, tls, agent } = target;
  const secrets = [password, tls.key].map((it) => digestOf(it?.reveal() ?? ''));
  const sorted = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    person,
    name,
    host,
    port,
    user,
    secrets,
    tls.mode,
    tls.ca,
    tls.certificate,
    tls.serverName,
    agent ?? null,
    database,
    sorted,
  ]);
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
