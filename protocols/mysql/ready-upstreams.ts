// Connections to targets, ready for a session: one that the same person's last session left as it was at the sign-in, else a fresh one
// (core/idle-upstreams.ts).

import type { Duplex } from 'node:stream';
import type { DriverServices } from '../../src/core/driver.ts';
import { IdleUpstreams, type Forgetting, type ReuseKey } from '../../src/core/idle-upstreams.ts';
import type { Target } from '../../src/core/target.ts';
import { becomeRole, beginningOf, type Beginning } from './beginning.ts';
import { forgettingOf } from './forgetting.ts';
import { quitPacket } from './own-texts.ts';
import { signInWith, type Upstream, type UpstreamWish } from './upstream.ts';

export interface ReadyUpstream extends Upstream {
  readonly beginning: Beginning;
}

export interface UpstreamUse {
  /** What the session runs as, if not the account itself. */
  readonly role: string | undefined;
  /** The gateway asks more before it relays: only a connection that no relay has had can be read packet by packet. */
  readonly ownQueriesFollow: boolean;
}

export class ReadyUpstreams {
  readonly #services: DriverServices;
  readonly #idle = new IdleUpstreams<ReadyUpstream>({
    forgetting: (upstream): Forgetting | null => forgettingOf(upstream, upstream.beginning),
    farewell: quitPacket,
  });

  constructor(services: DriverServices) {
    this.#services = services;
  }

  /** Throws Fault target-*, and SignInRefused for a role that may not be had. */
  async reach(target: Target, wish: UpstreamWish, use: UpstreamUse, signal: AbortSignal): Promise<ReadyUpstream> {
    const { role, ownQueriesFollow } = use;
    let reuse: ReuseKey | null = null;
    const signedIn = await this.#services.credentials.signingIn<Upstream | ReadyUpstream>(target, signal, async (filled) => {
      // A reset would leave the session in the role, or take it out of it: that depends on the server.
      reuse = role === undefined && !ownQueriesFollow ? reuseKey(filled, wish) : null;
      return (reuse === null ? null : this.#idle.take(reuse)) ?? (await signInWith(this.#services, filled, wish, signal));
    });
    if ('beginning' in signedIn) return signedIn;
    try {
      if (role !== undefined) await becomeRole(signedIn, role, signal);
      const ready = { ...signedIn, beginning: await beginningOf(signedIn, signal) };
      return reuse === null ? ready : this.#idle.fresh(ready, reuse);
    } catch (thrown) {
      signedIn.stream.destroy();
      throw thrown;
    }
  }

  /** Takes a connection back from a session that left nothing; `stream` is what its bytes came through last. Never rejects. */
  giveBack(upstream: ReadyUpstream, stream: Duplex): Promise<void> {
    return this.#idle.giveBack(upstream, stream);
  }

  close(): void {
    this.#idle.close();
  }
}

/** All that the sign-in says of the client: results must look as this one asked for. */
function reuseKey(target: Target, { person, database, charset, client }: UpstreamWish): ReuseKey {
  const parameters = { charset: String(charset), standard: String(client.standard), extended: String(client.extended) };
  return { person, target, database, parameters };
}
