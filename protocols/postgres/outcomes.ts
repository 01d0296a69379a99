// How what ran at the target came to its end, and that each run comes to one: completed, failed, thrown away with its batch, or
// unknown because the target is gone.

import type { Outcome } from '../../src/core/outcome.ts';
import { isSync } from './expected.ts';
import type { Expected } from './expected.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import type { Portal, Run } from './statements.ts';

export class Outcomes {
  readonly #machine: Machine;
  readonly #port: MachinePort;

  constructor(machine: Machine, port: MachinePort) {
    this.#machine = machine;
    this.#port = port;
  }

  finish(run: Run, kind: Outcome['kind']): void {
    if (kind !== 'completed') this.#machine.session.doubtAfter(run); // what it prepared stays, though its settings are undone
    this.#port.finish(run.permit, { kind, rows: run.rows, error: run.error });
  }

  /** What ran in the portal, if that has not ended before. */
  portalEnded(portal: Portal, kind: Outcome['kind']): void {
    if (portal.run !== null) this.finish(portal.run, kind);
    portal.run = null;
  }

  /** A portal is closed or replaced: what ran in it has ended, or ends with the answer that is still to come. */
  portalGone(name: string): void {
    const { portals } = this.#machine;
    const portal = portals.get(name);
    if (portal === undefined) return;
    portals.delete(name);
    portal.gone = true;
    if (portal.executing === 0) this.portalEnded(portal, portal.run === null || portal.run.error === null ? 'completed' : 'failed');
  }

  /** The transaction is over, and its portals with it. */
  transactionEnded(): void {
    for (const name of [...this.#machine.portals.keys()]) this.portalGone(name);
  }

  /** A message that was kept back and is thrown away: a later error of the batch came first. */
  dropped(expected: Expected): void {
    if (expected.kind !== 'bind' && expected.kind !== 'execute') return;
    if (expected.kind === 'execute') expected.portal.executing -= 1;
    this.portalEnded(expected.portal, 'cancelled');
  }

  /** An error, and the server throws away everything up to Sync, queries too; so does the gateway. */
  batchFailed(error: { readonly code: string; readonly message: string }): void {
    const { expected } = this.#machine;
    let isFirst = true;
    for (let asked = expected.head; asked !== undefined && !isSync(asked); asked = expected.head) {
      expected.shift();
      if (asked.kind === 'query' || asked.kind === 'function-call') this.finish(asked.run, 'cancelled');
      if (asked.kind !== 'bind' && asked.kind !== 'execute') continue;
      const { portal } = asked;
      if (asked.kind === 'execute') portal.executing -= 1;
      if (isFirst && portal.run !== null) portal.run.error = error;
      this.portalEnded(portal, isFirst ? 'failed' : 'cancelled');
      isFirst = false;
    }
  }

  /** The link to the target is lost: whatever ran has an unknown outcome. */
  lost(): void {
    const { expected, portals } = this.#machine;
    for (let asked = expected.shift(); asked !== undefined; asked = expected.shift()) {
      if (asked.kind === 'query' || asked.kind === 'function-call') this.finish(asked.run, 'unknown');
      if (asked.kind === 'execute') this.portalEnded(asked.portal, 'unknown');
    }
    for (const portal of portals.values()) this.portalEnded(portal, 'unknown');
    portals.clear();
  }
}
