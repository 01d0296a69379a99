// The policies as a thread has them: the version in force when it last asked. Nothing is decided by another version than the one that
// the main thread names.

import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { PolicySet } from '../core/policy.ts';
import type { Calls, Methods } from './calls.ts';
import type { SessionMethods } from './session-methods.ts';

export interface PolicyTexts {
  readonly version: string;
  readonly files: readonly { readonly path: string; readonly text: string }[];
}

export interface ThreadPoliciesParts {
  readonly calls: Pick<Calls<Pick<SessionMethods, 'policies'>, Methods>, 'ask'>;
  /** Compiles a version; null when it can't be, which the main thread would not have taken either. */
  readonly compile: (texts: PolicyTexts) => PolicySet | null;
  readonly log: Log;
}

export class ThreadPolicies {
  readonly #parts: ThreadPoliciesParts;
  #current: PolicySet | null = null;
  /** A version that can't be compiled here: it is not tried again at every statement. */
  #failed: string | null = null;
  #loading: Promise<void> | null = null;

  constructor(parts: ThreadPoliciesParts) {
    this.#parts = parts;
  }

  /** The newest version that was loaded, whichever is in force. */
  get newest(): PolicySet | null {
    return this.#current;
  }

  /** Is this the version that is loaded? If not, it is asked for, and the main thread decides until it is here. */
  has(version: string): boolean {
    if (this.#current?.version === version) return true;
    if (version !== this.#failed) void this.load();
    return false;
  }

  /** Resolves when this version is loaded, or can't be. */
  async ready(version: string): Promise<void> {
    if (!this.has(version)) await this.#loading;
  }

  /** Gets the version in force. Never rejects: without policies every action is asked of the main thread. */
  load(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    try {
      const texts = await this.#parts.calls.ask('policies', null);
      if (texts.version === this.#current?.version) return;
      const set = this.#parts.compile(texts);
      if (set !== null) this.#current = set;
      else {
        this.#failed = texts.version;
        this.#parts.log.error({ version: texts.version }, 'a relay thread could not load the policies in force: the main thread decides');
      }
    } catch (thrown) {
      this.#parts.log.warn({ err: messageOf(thrown) }, 'a relay thread could not get the policies in force');
    }
  }
}
