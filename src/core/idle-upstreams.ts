// Connections to targets that are used once more: when a session left nothing behind, its connection is reset and kept for some
// seconds, for the next session of the same person that signs in to the same target in the same way. What a session may have done
// for that, and how a server is made to forget it, the protocols say.

import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { canReadChunksAgain, readChunks } from './chunk-reader.ts';
import type { Classification } from './classification.ts';
import { leaveTarget } from './farewell.ts';
import { LentStream } from './lent-stream.ts';
import type { Target } from './target.ts';

/** A kept connection holds a place at the server, and was allowed by what was known when it signed in. */
const keptMs = 5_000;
const keptMax = 64;
const keptOfOneKeyMax = 8;
/** Servers and their extensions may grow with use. */
const usesMax = 100;
const resetTimeoutMs = 2_000;

/** What must be equal for a connection to be used again. */
export interface ReuseKey {
  readonly person: string;
  /** As it was signed in to: account and password filled in. */
  readonly target: Target;
  readonly database: string | null;
  /** What else the sign-in said. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** One request to a server to forget the session. */
export interface Forgetting {
  readonly request: Buffer;
  /** Takes what the server answers. True: all is as after the sign-in. False, or thrown: it is not. Null: more has to come. */
  answer(chunk: Buffer): boolean | null;
}

export interface KeeperOptions<U> {
  /** Null: this one can't be made to forget. */
  readonly forgetting: (upstream: U) => Forgetting | null;
  /** The message that ends a connection. */
  readonly farewell: Buffer;
}

interface Kept<U> {
  readonly key: string;
  readonly upstream: U;
  readonly stream: Duplex;
  readonly uses: number;
  readonly timer: NodeJS.Timeout;
}

/** True of what leaves nothing behind in most servers' sessions: plain reads, and transactions. */
export function onlyReads({ understood, summary }: Classification): boolean {
  return understood && summary.verbs.every((verb) => verb === 'read' || verb === 'transaction') && summary.access !== 'unknown';
}

export class IdleUpstreams<U extends { readonly stream: Duplex }> {
  readonly #options: KeeperOptions<U>;
  readonly #kept = new Set<Kept<U>>();
  readonly #uses = new WeakMap<U, { readonly key: string; readonly uses: number }>();
  #closed = false;

  constructor(options: KeeperOptions<U>) {
    this.#options = options;
  }

  /** A kept connection, ready for a command; null when there is none. */
  take(reuse: ReuseKey): U | null {
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
  fresh(signedIn: U, reuse: ReuseKey): U {
    if (reuse.target.credential?.kind === 'vault-database') return signedIn; // the account is its session's own, and ends with it
    const { stream } = signedIn;
    const upstream = stream instanceof TLSSocket ? { ...signedIn, stream: new LentStream(stream) } : signedIn;
    this.#uses.set(upstream, { key: keyOf(reuse), uses: 1 });
    return upstream;
  }

  /** Takes a connection back from a session that left nothing, on which nothing runs; `stream` is what its bytes came through last. */
  async giveBack(upstream: U, stream: Duplex): Promise<void> {
    const used = this.#uses.get(upstream);
    if (this.#closed || used === undefined || used.uses >= usesMax || !canReadChunksAgain(stream) || this.#isFull(used.key)) {
      this.#leave(stream);
      return;
    }
    const forgetting = this.#options.forgetting(upstream);
    if (forgetting === null) {
      this.#leave(stream);
      return;
    }
    let onChunk: (chunk: Buffer) => void = () => undefined;
    const again = readChunks(stream, (chunk) => onChunk(chunk));
    again.on('error', () => undefined); // ends in 'close'
    const isClean = await reset(again, forgetting, (hear) => (onChunk = hear));
    if (!isClean || this.#closed || this.#isFull(used.key)) {
      this.#leave(again);
      return;
    }
    const gone = () => {
      this.#drop(kept);
      again.destroy();
    };
    const timer = setTimeout(() => {
      this.#drop(kept);
      this.#leave(again);
    }, keptMs);
    timer.unref();
    const kept: Kept<U> = { key: used.key, upstream, stream: again, uses: used.uses, timer };
    again.once('end', gone).once('close', gone);
    this.#kept.add(kept);
  }

  close(): void {
    this.#closed = true;
    for (const kept of [...this.#kept]) {
      this.#drop(kept);
      this.#leave(kept.stream);
    }
  }

  #isFull(key: string): boolean {
    if (this.#kept.size >= keptMax) return true;
    let alike = 0;
    for (const kept of this.#kept) if (kept.key === key) alike += 1;
    return alike >= keptOfOneKeyMax;
  }

  #drop(kept: Kept<U>): void {
    this.#kept.delete(kept);
    clearTimeout(kept.timer);
    kept.stream.removeAllListeners('end');
  }

  #leave(stream: Duplex): void {
    leaveTarget(stream, this.#options.farewell);
  }
}

/** Asks the server to forget the session. True when it says that it did. */
function reset(stream: Duplex, forgetting: Forgetting, listen: (hear: (chunk: Buffer) => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isClean: boolean) => {
      clearTimeout(timer);
      listen(() => stream.destroy()); // a server that speaks to nobody ends the session or reports a change
      stream.off('close', lost);
      resolve(isClean);
    };
    const lost = () => settle(false);
    const timer = setTimeout(() => {
      settle(false);
      stream.destroy();
    }, resetTimeoutMs);
    listen((chunk) => {
      const isClean = answered(forgetting, chunk);
      if (isClean !== null) settle(isClean);
    });
    stream.once('close', lost);
    stream.resume();
    stream.write(forgetting.request);
  });
}

/** An answer that can't be read is none. */
function answered(forgetting: Forgetting, chunk: Buffer): boolean | null {
  try {
    return forgetting.answer(chunk);
  } catch {
    return false;
  }
}

function keyOf({ person, target, database, parameters }: ReuseKey): string {
  const { name, host, port, user, password, agent, tls } = target;
  const secrets = [password, tls.key].map((it) => digestOf(it?.reveal() ?? ''));
  const sorted = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  const towards = [tls.mode, tls.ca, tls.certificate, tls.serverName, agent ?? null];
  return JSON.stringify([person, name, host, port, user, secrets, ...towards, database, sorted]);
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
