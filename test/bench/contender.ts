// Who takes part: the direct connection and the proxies in front of the same server, each with where a client connects.

import type { Teardown } from '../support/directories.ts';

/** "before" is another checkout of this project, to measure a change side by side. */
export type ContenderName = 'direct' | 'haproxy' | 'pgbouncer' | 'before' | 'sallyport';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface Contender {
  readonly name: ContenderName;
  readonly endpoint: Endpoint;
  /** The proxy's process, whose CPU time and memory are counted; null for the direct connection. */
  readonly pid: number | null;
}

/** Servers of one protocol with everything that is measured in front of them. */
export interface Stage {
  readonly contenders: readonly Contender[];
  /** Versions of what was measured. */
  readonly versions: Readonly<Record<string, string>>;
  /** Between runs: what the last one left at the server goes away. */
  reset(): Promise<unknown>;
}

/** Undoes in reverse order what was started. */
export class Cleanup implements Teardown {
  #steps: (() => unknown)[] = [];

  teardown(undo: () => unknown): void {
    this.#steps.push(undo);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (thrown) {
        process.stderr.write(`bench: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
      }
    }
  }
}
