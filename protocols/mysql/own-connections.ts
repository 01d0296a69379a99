// The gateway's own connections to targets, apart from any session: what a target's objects are, and KILL QUERY.

import type { Catalogue } from '../../src/core/action.ts';
import { CatalogueEntry } from '../../src/core/catalogue-cache.ts';
import type { DriverServices } from '../../src/core/driver.ts';
import { messageOf } from '../../src/core/errors.ts';
import type { Target } from '../../src/core/target.ts';
import { catalogueQueries, loadedFunctionsQuery, readCatalogue } from './catalogue.ts';
import { ownQuery, type Row } from './own-query.ts';
import { ownWish, signIn, type Upstream } from './upstream.ts';

export class OwnConnections {
  readonly #services: DriverServices;
  readonly #timeoutMs: number;
  readonly #catalogues = new Map<string, CatalogueEntry>();

  constructor(services: DriverServices, timeoutMs: number) {
    this.#services = services;
    this.#timeoutMs = timeoutMs;
  }

  catalogue(target: Target): CatalogueEntry {
    let entry = this.#catalogues.get(target.name);
    if (entry === undefined) {
      const { clock, log, catalogueChanges } = this.#services;
      const load = (signal: AbortSignal) => this.#loadCatalogue(target, signal);
      entry = new CatalogueEntry(load, clock, log, catalogueChanges?.(target.name, ''));
      this.#catalogues.set(target.name, entry);
    }
    return entry;
  }

  /** KILL QUERY over a connection of its own, as the target's clients do. Resolves when the target has heard it, or can't; never rejects. */
  cancel(target: Target, upstream: Upstream): Promise<void> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const cancelled = async (): Promise<void> => {
      const killer = await signIn(this.#services, target, ownWish(null), signal);
      await ownQuery(killer, `KILL QUERY ${upstream.connectionId}`, signal).finally(() => killer.stream.destroy());
    };
    return cancelled().catch((thrown: unknown) => {
      this.#services.log.warn({ target: target.name, err: messageOf(thrown) }, 'a running statement could not be cancelled');
    });
  }

  async #loadCatalogue(target: Target, signal: AbortSignal): Promise<Catalogue> {
    const upstream = await signIn(this.#services, target, ownWish(null), signal);
    try {
      const routines = await ownQuery(upstream, catalogueQueries.routines, signal);
      const views = await ownQuery(upstream, catalogueQueries.views, signal);
      const triggers = await ownQuery(upstream, catalogueQueries.triggers, signal);
      const columns = await ownQuery(upstream, catalogueQueries.columns, signal);
      const references = await ownQuery(upstream, catalogueQueries.references, signal);
      const engines = await ownQuery(upstream, catalogueQueries.engines, signal);
      const loaded = await ownQuery(upstream, loadedFunctionsQuery, signal).catch((): Row[] | null => null);
      return readCatalogue({ routines, views, triggers, columns, references, engines, loaded }, target.user);
    } finally {
      upstream.stream.destroy();
    }
  }
}
