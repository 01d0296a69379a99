// What an answer of the target changes in the session: its transaction, its settings and prepared names, and what is known of the
// schema. By what statements say that they change, and by the server's own word for what it did.

import type { Classification, SessionChange, StatementFacts } from '../../src/core/classification.ts';
import { mayDefineAnything } from '../../src/core/own-changes.ts';
import { classificationOf } from '../../src/core/summary.ts';
import type { Block } from './fence-relay.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import { isAscii } from './names.ts';
import { reasonSetting } from './startup-options.ts';
import type { Run } from './statements.ts';
import { blockOf, statusOf } from './transaction-status.ts';
import type { TransactionStatus } from './transaction-status.ts';

export class SessionState {
  readonly #machine: Machine;
  readonly #port: MachinePort;
  /** As the last ReadyForQuery said. */
  status: TransactionStatus = 'I';
  /** As `status`, and within a cycle as the command tags say. */
  block: Block = 'none';
  /** The target has said that it ends the connection. */
  isOver = false;
  /** An error since the last ReadyForQuery, or since the transaction that a text ended itself. */
  hasFailed = false;
  /** In the open transaction: others, and so the catalogue's reader, see it only when it is committed. */
  #schemaChanged = false;

  constructor(machine: Machine, port: MachinePort) {
    this.#machine = machine;
    this.#port = port;
  }

  /** A statement has completed; `text` is the whole that it stands in. */
  completed(run: Run, facts: StatementFacts | undefined, text: string, tag: string): void {
    for (const change of facts?.changes ?? []) this.#change(change, text.slice(facts?.span.start, facts?.span.end));
    this.doubtAfter(run);
    const { fence, settings } = this.#machine;
    switch (tag) {
      case 'BEGIN':
      case 'START TRANSACTION':
        fence.clientTook();
        this.block = 'open';
        return;
      case 'COMMIT':
      case 'PREPARE TRANSACTION':
        fence.clientTook();
        this.block = /\bchain\b/i.test(text) ? 'open' : 'none';
        return this.#transactionEnded(true);
      case 'COMMIT PREPARED':
        this.#schemaChanged = true; // whatever was prepared, perhaps by another session
        return;
      case 'ROLLBACK': // also what COMMIT of a failed transaction says, and ROLLBACK TO
        if (facts?.kind === 'rollback to savepoint') {
          this.block = 'open';
          return settings.rolledBackToSavepoint();
        }
        fence.clientTook();
        this.block = /\bchain\b/i.test(text) ? 'open' : 'none';
        return this.#transactionEnded(false);
      default:
        return;
    }
  }

  /** Something whose effects nobody knows may have changed settings and prepared statements. */
  doubtAfter(run: Run): void {
    if (run.classification.summary.access !== 'unknown') return;
    const { settings, statements } = this.#machine;
    settings.doubt();
    if (mayDefineAnything(run.classification)) settings.changedSchema(undefined);
    statements.doubtAll();
  }

  /** SET, PREPARE and the like; and the end of a transaction that holds SETs: what comes behind is read by what they leave. */
  changesReading({ statements, summary }: Classification): boolean {
    if (summary.verbs.includes('transaction') && this.#machine.settings.changedInTransaction) return true;
    return statements.some(({ changes }) => changes.length > 0);
  }

  /** An error, of whatever severity. */
  failed(): void {
    this.hasFailed = true;
    if (this.block === 'open') this.block = 'failed';
  }

  /** ReadyForQuery, with the server's word for the transaction. Throws Fault for a word that there is not. */
  ready(status: number | undefined): void {
    this.status = statusOf(status);
    this.block = blockOf[this.status];
  }

  /** The cycle that ReadyForQuery has ended was the client's. */
  cycleEnded(): void {
    const { settings } = this.#machine;
    if (this.status === 'I') {
      settings.transactionEnded(!this.hasFailed);
      if (this.#schemaChanged) this.#port.schemaChanged();
      this.#schemaChanged = false;
    }
    settings.ready();
    this.hasFailed = false;
  }

  /** A text or a batch may go on after its COMMIT, in a new transaction. */
  #transactionEnded(committed: boolean): void {
    const { settings } = this.#machine;
    settings.transactionEnded(committed);
    settings.transactionBegan();
    if (committed && this.#schemaChanged) this.#port.schemaChanged(); // what follows in the batch is read by what others see now
    this.hasFailed = false;
  }

  #change(change: SessionChange, text: string): void {
    const { settings, statements } = this.#machine;
    switch (change.kind) {
      case 'prepare':
        if (!isAscii(change.name)) return; // stays unknown (names.ts)
        return statements.confirmed(change.name, {
          text,
          classification: classificationOf([change.inner]),
          modeKey: settings.mode.key,
          bySql: true,
          types: [],
        });
      case 'deallocate':
        return change.name === null ? statements.clear() : statements.confirmed(change.name, undefined);
      case 'set':
        if (change.setting === reasonSetting) this.#machine.reason = change.value;
        return settings.set(change.setting, change.value, change.local);
      case 'discard-all':
        statements.clear();
        return settings.discardAll();
      case 'schema-changed':
        this.#schemaChanged = true;
        return settings.changedSchema(change.names);
    }
  }
}
