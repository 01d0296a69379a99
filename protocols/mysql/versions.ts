// The server version that clients are shown, which is before they say which target they want. With one target it is that
// target's own, learnt once; with several whose servers are the same, theirs; else one that this file names. The
// operator can write it down for each target.

import type { DriverServices } from '../../src/core/driver.ts';
import { messageOf } from '../../src/core/errors.ts';
import { ownWish, signIn } from './upstream.ts';
import { quitPacket } from './own-texts.ts';

/** A MariaDB, because only its clients can show that a statement waits. */
const defaultVersion = '5.5.5-10.11.0-MariaDB-sallyport';
/** The first client waits this long for a target that was never reached; later ones are shown the default until it was. */
const learningTimeoutMs = 2_000;
/** Before a target that could not be reached is asked again. */
const retryAfterMs = 60_000;

export class Versions {
  readonly #services: DriverServices;
  readonly #seen = new Map<string, string>();
  #learning: Promise<void> | null = null;
  #learntMs = -Infinity;

  constructor(services: DriverServices) {
    this.#services = services;
  }

  /** A target greeted with this version. */
  saw(targetName: string, version: string): void {
    this.#seen.set(targetName, version);
  }

  /** Never rejects. */
  async shown(): Promise<string> {
    const targets = this.#services.targets?.() ?? [];
    const known = (): string[] => targets.map((it) => it.serverVersion ?? this.#seen.get(it.name)).filter((it) => it !== undefined);
    if (known().length === 0) await this.#learn();
    const [only, another] = new Set(known());
    return only !== undefined && another === undefined ? only : defaultVersion;
  }

  /** Signs in to the only target there is, once for all clients that come meanwhile. */
  #learn(): Promise<void> {
    const [target, second] = this.#services.targets?.() ?? [];
    if (target === undefined || second !== undefined) return Promise.resolve();
    if (this.#learning !== null) return this.#learning;
    if (this.#services.clock.monotonicMs() - this.#learntMs < retryAfterMs) return Promise.resolve();
    this.#learning = signIn(this.#services, target, ownWish(null), AbortSignal.timeout(learningTimeoutMs))
      .then((upstream) => {
        this.saw(target.name, upstream.version);
        upstream.stream.end(quitPacket);
      })
      .catch((thrown: unknown) => {
        this.#services.log.debug({ target: target.name, err: messageOf(thrown) }, 'the version of a target is not known yet');
      })
      .finally(() => {
        this.#learntMs = this.#services.clock.monotonicMs();
        this.#learning = null;
      });
    return this.#learning;
  }
}
