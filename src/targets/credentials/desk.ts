// Reads a target's credential when a session signs in: from its source, or from memory for a short time. A target that refuses
// one is tried once more with what the source has now and had before: a password that is being rotated costs nobody a session.
// Leased ones are renewed while their connection lives and revoked when it ends.

import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import type { Credential, CredentialDesk, CredentialProvider } from '../../core/credential.ts';
import type { CredentialSource } from '../../core/credential-source.ts';
import type { Log } from '../../core/driver.ts';
import { within } from '../../core/deadline.ts';
import { Fault, messageOf } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';
import type { Target } from '../../core/target.ts';
import { keepLease } from './lease.ts';
import type { KeptLease } from './lease.ts';

export type Providers = Readonly<Record<CredentialSource['kind'], CredentialProvider>>;

export interface DeskOptions {
  readonly providers: Providers;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a value that was read may be used again, in milliseconds. */
  readonly cacheMs: number;
}

/** A provider that does not answer must not take a person's whole sign-in. */
const readMsMax = 10_000;
/** Leases that end at the same time are revoked within this when the gateway stops; what is left runs out by itself. */
const closeMsMax = 3_000;

interface Cached {
  readonly credential: Credential;
  readonly readAtMs: number;
}

export class TargetCredentials implements CredentialDesk {
  readonly #options: DeskOptions;
  readonly #cached = new Map<string, Cached>();
  readonly #reading = new Map<string, Promise<Credential>>();
  /** Live leases by the target they were filled into. */
  readonly #leases = new Map<Target, KeptLease>();
  readonly #used = new WeakMap<Target, string>();
  readonly #uses = new Map<string, Map<string, number>>();
  #stops = false;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  async signingIn<T>(target: Target, signal: AbortSignal, attempt: (target: Target) => Promise<T>): Promise<T> {
    const source = target.credential;
    if (source === undefined || source === null) return attempt(target);
    const first = await this.#take(target, source, signal);
    try {
      return await this.#try(target, source, first, attempt);
    } catch (thrown) {
      if (!wasRefused(thrown) || first.lease !== null) throw thrown;
      for (const other of await this.#others(target, source, first, signal)) {
        try {
          return await this.#try(target, source, other, attempt);
        } catch (again) {
          if (!wasRefused(again)) throw again;
        }
      }
      throw thrown;
    }
  }

  /** Reads it now, for an operator who wants to know whether that works. A lease is given back at once. Rejects with a Fault. */
  async check(target: Target, signal: AbortSignal): Promise<{ readonly version: string; readonly user: string }> {
    const source = target.credential;
    if (source === undefined || source === null) throw new Fault('invalid-request', `target "${target.name}" is signed in to without one`);
    const credential = await this.#read(target, source, signal);
    await credential.lease?.revoke(signal);
    return { version: credential.version, user: credential.user ?? target.user };
  }

  /** Told of every stream that was dialled: what was made for it ends with it. */
  dialled(target: Target, stream: Duplex): void {
    const version = this.#used.get(target);
    if (version === undefined) return;
    const count = this.#countsOf(target.name);
    count.set(version, (count.get(version) ?? 0) + 1);
    stream.once('close', () => {
      const left = (count.get(version) ?? 1) - 1;
      if (left === 0) count.delete(version);
      else count.set(version, left);
      this.#giveBack(target);
    });
  }

  /** Connections open now that were signed in with each version of this target's credential. */
  uses(targetName: string): ReadonlyMap<string, number> {
    return this.#uses.get(targetName) ?? new Map();
  }

  /** The value was changed: the next sign-in reads it again. */
  changed(targetName: string): void {
    this.#cached.delete(targetName);
    this.#reading.delete(targetName);
  }

  /** Revokes what is still leased, within a few seconds. */
  async close(): Promise<void> {
    this.#stops = true;
    const ending = [...this.#leases.keys()].map((target) => this.#giveBack(target));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, closeMsMax)));
    await Promise.race([Promise.all(ending), late]);
    clearTimeout(timer);
  }

  async #try<T>(target: Target, source: CredentialSource, credential: Credential, attempt: (target: Target) => Promise<T>): Promise<T> {
    const filled = fill(target, credential);
    this.#used.set(filled, credential.version);
    if (credential.lease !== null) this.#leases.set(filled, keepLease(credential.lease, target.name, this.#options.log));
    try {
      const result = await attempt(filled);
      this.#options.providers[source.kind].accepted(target, credential);
      return result;
    } catch (thrown) {
      void this.#giveBack(filled); // never rejects
      throw thrown;
    }
  }

  async #giveBack(filled: Target): Promise<void> {
    const lease = this.#leases.get(filled);
    if (lease === undefined) return;
    this.#leases.delete(filled);
    await lease.end();
  }

  async #take(target: Target, source: CredentialSource, signal: AbortSignal): Promise<Credential> {
    if (source.kind === 'local' || source.kind === 'vault-database') return this.#read(target, source, signal);
    const cached = this.#cached.get(target.name);
    if (cached !== undefined && this.#options.clock.monotonicMs() - cached.readAtMs < this.#options.cacheMs) return cached.credential;
    // One question for all who sign in at the same time. It is nobody's in particular, so no client that leaves ends it.
    const known = this.#reading.get(target.name);
    if (known !== undefined) return known;
    const reading = this.#read(target, source, new AbortController().signal);
    this.#reading.set(target.name, reading);
    try {
      const credential = await reading;
      if (this.#reading.get(target.name) === reading)
        this.#cached.set(target.name, { credential, readAtMs: this.#options.clock.monotonicMs() });
      return credential;
    } finally {
      if (this.#reading.get(target.name) === reading) this.#reading.delete(target.name);
    }
  }

  async #read(target: Target, source: CredentialSource, signal: AbortSignal): Promise<Credential> {
    if (this.#stops) throw new Fault('target-credential-failed', 'the gateway stops');
    const { log, providers } = this.#options;
    try {
      return await within(readMsMax, [signal], (limited) => providers[source.kind].read(target, limited));
    } catch (thrown) {
      const words = thrown instanceof Fault ? messageOf(thrown) : 'its source failed';
      log.warn({ target: target.name, source: source.kind, why: words }, 'the credential of a target could not be read');
      throw new Fault('target-credential-failed', `target "${target.name}": its credential could not be read: ${words}`, {
        hint: 'see `sallyport credentials check TARGET` and docs/credentials.md',
      });
    }
  }

  /** What else the target may know: the value that the source has by now, and the one before. */
  async #others(target: Target, source: CredentialSource, tried: Credential, signal: AbortSignal): Promise<Credential[]> {
    this.changed(target.name);
    const others: Credential[] = [];
    const provider = this.#options.providers[source.kind];
    for (const other of [await this.#take(target, source, signal), await provider.previous(target, signal).catch(() => null)]) {
      if (other !== null && [tried, ...others].every((it) => !isSame(it, other))) others.push(other);
    }
    return others;
  }

  #countsOf(name: string): Map<string, number> {
    const known = this.#uses.get(name) ?? new Map<string, number>();
    this.#uses.set(name, known);
    return known;
  }
}

function wasRefused(thrown: unknown): boolean {
  return thrown instanceof Fault && thrown.code === 'target-sign-in-failed';
}

function fill(target: Target, { user, password, privateKey }: Credential): Target {
  return {
    ...target,
    user: user ?? target.user,
    password,
    ...(target.ssh === undefined ? {} : { ssh: { ...target.ssh, privateKey } }),
  };
}

function isSame(a: Credential, b: Credential): boolean {
  const same = (one: Secret | null, other: Secret | null): boolean => one?.reveal() === other?.reveal();
  return a.user === b.user && same(a.password, b.password) && same(a.privateKey, b.privateKey);
}
