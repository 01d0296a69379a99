// Credentials kept by the gateway itself, encrypted (envelope.ts). A new value is a new version: sign-ins take the newest; the one
// before is kept, for a target that does not know the new one yet, until a sign-in with the new one succeeded.

import type { Clock, Random } from '../../core/clock.ts';
import type { Credential, CredentialProvider } from '../../core/credential.ts';
import { Fault } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Target } from '../../core/target.ts';
import type { StoredCredential, TargetCredentialStore } from '../../store/target-credentials.ts';
import { open, rewrap, seal } from './envelope.ts';
import type { KeyWrapper, Sealed } from './envelope.ts';

export interface StoredOptions {
  readonly store: TargetCredentialStore;
  /** The first one wraps; the others are former ones, which only unwrap. Empty: there is no master key. */
  readonly wrappers: readonly KeyWrapper[];
  readonly clock: Clock;
  readonly random: Random;
}

export interface CredentialValue {
  readonly password: Secret | null;
  readonly privateKey: Secret | null;
}

export interface StoredVersion extends Pick<StoredCredential, 'version' | 'keyId' | 'createdAtMs' | 'createdBy'> {
  /** False: none of the configured master keys is the one that wrapped it. */
  readonly isKeyKnown: boolean;
}

/** Versions of one target that are kept: the newest, and the one before it until the newest worked. */
const versionsKept = 2;
const rewrapMsMax = 60_000;

export class StoredCredentials implements CredentialProvider {
  readonly #options: StoredOptions;

  constructor(options: StoredOptions) {
    this.#options = options;
  }

  async read(target: Target, signal: AbortSignal): Promise<Credential> {
    const [newest] = this.#options.store.versions(keyOf(target.name));
    if (newest === undefined) throw failed(`none is stored: an operator sets it with \`sallyport credentials set ${target.name}\``);
    return this.#open(newest, signal);
  }

  async previous(target: Target, signal: AbortSignal): Promise<Credential | null> {
    const older = this.#options.store.versions(keyOf(target.name))[1];
    return older === undefined ? null : this.#open(older, signal);
  }

  accepted(target: Target, credential: Credential): void {
    const version = Number(credential.version.replace('version ', ''));
    const key = keyOf(target.name);
    if (this.#options.store.versions(key)[0]?.version === version) this.#options.store.removeBefore(key, version);
  }

  /** Keeps a new version and gives its number. Rejects with Fault. */
  async set(targetName: string, value: CredentialValue, by: string, signal: AbortSignal): Promise<number> {
    const { store, clock, random } = this.#options;
    const wrapper = this.#wrapper();
    const target = keyOf(targetName);
    const version = (store.versions(target)[0]?.version ?? 0) + 1;
    const text = JSON.stringify({ password: value.password?.reveal() ?? null, private_key: value.privateKey?.reveal() ?? null });
    const sealed = await seal(text, contextOf(target, version), wrapper, random, signal);
    if ((store.versions(target)[0]?.version ?? 0) !== version - 1)
      throw new Fault('conflict', `somebody else has just set the credential of "${targetName}": look again`);
    store.add({
      target,
      version,
      sealed: sealed.bytes,
      wrappedKey: sealed.wrappedKey,
      keyId: sealed.keyId,
      createdAtMs: clock.nowMs(),
      createdBy: by,
    });
    store.removeBefore(target, version - versionsKept + 1);
    return version;
  }

  /** Removes every version; how many there were. */
  remove(targetName: string): number {
    return this.#options.store.removeBefore(keyOf(targetName), Number.MAX_SAFE_INTEGER);
  }

  list(targetName: string): StoredVersion[] {
    const known = new Set(this.#options.wrappers.map(({ id }) => id));
    return this.#options.store.versions(keyOf(targetName)).map(({ version, keyId, createdAtMs, createdBy }) => ({
      version,
      keyId,
      createdAtMs,
      createdBy,
      isKeyKnown: known.has(keyId),
    }));
  }

  /** Puts everything under the present master key; how many versions were under another. Rejects with Fault at the first that does not open. */
  async rewrap(): Promise<number> {
    const wrapper = this.#wrapper();
    const signal = AbortSignal.timeout(rewrapMsMax);
    const old = this.#options.store.all().filter(({ keyId }) => keyId !== wrapper.id);
    for (const row of old) {
      const context = contextOf(row.target, row.version);
      const { wrappedKey, keyId } = await rewrap(sealedOf(row), context, this.#wrapperOf(row), wrapper, signal);
      this.#options.store.rewrapped(row.target, row.version, wrappedKey, keyId);
    }
    return old.length;
  }

  async #open(row: StoredCredential, signal: AbortSignal): Promise<Credential> {
    const text = await open(sealedOf(row), contextOf(row.target, row.version), this.#wrapperOf(row), signal);
    const value = JSON.parse(text) as { password: string | null; private_key: string | null };
    return {
      user: null,
      password: value.password === null ? null : new Secret(value.password),
      privateKey: value.private_key === null ? null : new Secret(value.private_key),
      version: `version ${row.version}`,
      lease: null,
    };
  }

  #wrapper(): KeyWrapper {
    const [wrapper] = this.#options.wrappers;
    if (wrapper === undefined)
      throw new Fault('invalid-request', 'there is no master key: set credentials.master_key_file (docs/credentials.md)');
    return wrapper;
  }

  #wrapperOf({ keyId, version }: StoredCredential): KeyWrapper {
    const found = this.#options.wrappers.find(({ id }) => id === keyId);
    if (found === undefined)
      throw failed(
        `version ${version} is under the master key ${keyId}, which is not configured: add it to credentials.former_master_keys`,
      );
    return found;
  }
}

/** Target names are the same in any case. */
function keyOf(targetName: string): string {
  return targetName.toLowerCase();
}

function contextOf(target: string, version: number): string {
  return `sallyport target credential\0${target}\0${version}`;
}

function sealedOf({ sealed, wrappedKey, keyId }: StoredCredential): Sealed {
  return { bytes: sealed, wrappedKey, keyId };
}

function failed(words: string): Fault {
  return new Fault('target-credential-failed', words);
}
