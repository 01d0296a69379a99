// The real classifiers, made when the first text needs them: a parser takes longer to start than most checks to run.

import type { Action } from '../core/action.ts';
import type { Classification } from '../core/classification.ts';
import type { Classifier } from '../core/policy.ts';
import type { Protocol } from '../core/target.ts';
import { classifySshAction } from './policy-ssh-actions.ts';
import { withTables } from './policy-tables.ts';
import type { Tables } from './policy-tables.ts';

export class Classifiers {
  readonly #made = new Map<Protocol, Classifier & { close?(): Promise<void> }>();

  /** What the gateway would read in it, knowing these tables of the target only; undefined when nothing here reads that protocol. */
  async classify(protocol: Protocol, action: Action, tables: Tables = {}): Promise<Classification | undefined> {
    const known = protocol === 'ssh' ? classifySshAction(action) : null;
    return known ?? (await this.#of(protocol))?.classify(withTables(protocol, action, tables));
  }

  async close(): Promise<void> {
    for (const classifier of this.#made.values()) await classifier.close?.();
  }

  async #of(protocol: Protocol): Promise<Classifier | undefined> {
    if (!this.#made.has(protocol)) {
      switch (protocol) {
        case 'postgres': {
          const { createPostgresClassifier } = await import('../../policies/classify/postgres/classifier.ts');
          this.#made.set(protocol, await createPostgresClassifier());
          break;
        }
        case 'mysql': {
          const { createMysqlClassifier } = await import('../../policies/classify/mysql/classifier.ts');
          this.#made.set(protocol, createMysqlClassifier());
          break;
        }
        case 'ssh': {
          const { createShellClassifier } = await import('../../policies/classify/shell/classifier.ts');
          this.#made.set(protocol, createShellClassifier());
          break;
        }
      }
    }
    return this.#made.get(protocol);
  }
}
