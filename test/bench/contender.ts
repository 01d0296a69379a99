// Who takes part: the direct connection and the proxies in front of the same server, each with where a client connects.

import type { Teardown } from '../support/directories.ts';

/** "jump" is ssh -J; "before" another checkout of this project, to measure a change side by side; "threads" the gateway with relay
 * threads; "agent" the gateway with an agent between it and the server. */
export type ContenderName = 'direct' | 'haproxy' | 'pgbouncer' | 'jump' | 'before' | 'threads' | 'sallyport' | 'agent';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Clients encrypt; false when it is missing. */
  readonly tls?: boolean;
  /** What it is trusted by, for clients that need files to encrypt. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

export interface Contender<Where = Endpoint> {
  readonly name: ContenderName;
  readonly endpoint: Where;
  /** The proxy's processes, whose CPU time and memory are counted; none where they are not the proxy's own. */
  readonly pids: readonly number[];
}

/** Servers of one protocol with everything that is measured in front of them. */
export interface Stage<Where = Endpoint> {
  readonly contenders: readonly Contender<Where>[];
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
