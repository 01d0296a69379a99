// The target's half of the relay: walks its messages, matches them to what was asked, follows the transaction, names and
// settings, reports outcomes, and puts the gateway's own errors where they belong. Everything else is forwarded in whole chunks.

import type { SessionChange, StatementFacts } from '../../src/core/classification.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { classificationOf } from '../../src/core/summary.ts';
import type { BackendSink } from './codec.ts';
import { BackendWalker } from './codec.ts';
import { readOnlyState } from './attempt.ts';
import { endsCycle, isSync } from './expected.ts';
import type { Expected } from './expected.ts';
import type { Block } from './fence-relay.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import * as wire from './messages.ts';
import { isAscii } from './names.ts';
import { LimitWatch } from './limit-watch.ts';
import { MaskRelay } from './mask-relay.ts';
import { ownChars, ownCommands } from './fence-text.ts';
import { nothing, movedPosition } from './refusal.ts';
import { reasonSetting } from './startup-options.ts';
import { blockOf, statusOf } from './transaction-status.ts';
import type { TransactionStatus } from './transaction-status.ts';
import { rowCells, rowsOfTag } from './rows.ts';
import type { Portal, Run } from './statements.ts';

/** Longest message of the target that is gathered to be looked at (errors, command tags, row descriptions). */
const inspectedBytesMax = 16 * 1024 * 1024;

const { fromTarget } = wire;
/** query_canceled */
const canceledState = '57014';

/** Looked at because a Describe may be open; larger ones than are gathered answer none. */
const whenSmall = [fromTarget.rowDescription, fromTarget.parameterDescription];
/** Passed on unseen. Types on none of these lists are shown, and end the session: no server sends them. */
const passed = [
  fromTarget.dataRow,
  fromTarget.copyData,
  fromTarget.copyOut,
  fromTarget.copyDone,
  fromTarget.notice,
  fromTarget.notification,
  fromTarget.functionResult,
];

export class Replies implements BackendSink {
  readonly #machine: Machine;
  readonly #port: MachinePort;
  readonly limits: LimitWatch;
  readonly #masks: MaskRelay;
  readonly #inspected = new Uint8Array(256);
  readonly #walker = new BackendWalker(this.#inspected, inspectedBytesMax);
  status: TransactionStatus = 'I';
  /** As `status`, and within a cycle as the command tags say. */
  block: Block = 'none';
  /** RowDescription or CopyOutResponse of a fenced Query: kept back until it is sure that it need not be tried again. */
  #header: Buffer | null = null;
  /** Something behind it is on its way to the client, so it is too. */
  #goesOut = false;
  /** The target has said that it ends the connection. */
  isOver = false;
  /** An error since the last ReadyForQuery, or since the transaction that a text ended itself. */
  #failed = false;
  /** In the open transaction: others, and so the catalogue's reader, see it only when it is committed. */
  #schemaChanged = false;

  constructor(machine: Machine, port: MachinePort) {
    this.#machine = machine;
    this.#port = port;
    this.limits = new LimitWatch(port, machine.expected);
    this.#masks = new MaskRelay(machine);
    this.#inspected.fill(1);
    for (const type of whenSmall) this.#inspected[type] = 2;
    for (const type of passed) this.#inspected[type] = 0;
  }

  /** A chunk from the target. Throws Fault for what no target may send. */
  target(chunk: Buffer): void {
    this.#watchRows();
    this.#walker.walk(chunk, this);
  }

  get isMidMessage(): boolean {
    return this.#walker.isMidMessage;
  }

  /** The next byte of the target is the first of a message. */
  get isBetween(): boolean {
    return this.#walker.isBetween;
  }

  /** The last chunk was passed on as it came, and nobody here has a slice of it. */
  get passedAll(): boolean {
    return this.#walker.passedAll;
  }

  forward(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#header !== null) {
      this.#port.toClient(this.#header);
      this.#header = null;
    }
    this.#port.toClient(bytes);
  }

  message(type: number, bytes: Buffer): Buffer | null {
    const wasSilent = this.limits.isSilent;
    const instead = this.#machine.expected.isOwn ? this.#own(type, bytes) : undefined;
    const answer = instead === undefined ? this.#answered(type, bytes) : instead;
    this.#watchRows();
    this.#goesOut ||= answer !== nothing;
    if (!wasSilent) return answer;
    return type === fromTarget.ready || type === fromTarget.parameterStatus || this.isOver ? answer : nothing;
  }

  /** An answer to the gateway's own messages. Undefined: it is none, or nothing of theirs only (an error, ReadyForQuery). */
  #own(type: number, bytes: Buffer): Buffer | null | undefined {
    const { expected, secondTry } = this.#machine;
    const asked = expected.head;
    if (type === fromTarget.dataRow) {
      secondTry.answered(rowCells(bytes)[0] ?? null);
      return nothing;
    }
    if (asked?.kind === 'own' && type === asked.answer) {
      expected.shift();
      return nothing;
    }
    if (asked?.kind === 'own-fields' && this.#masks.described(asked.run, type, bytes)) {
      expected.shift();
      return nothing;
    }
    if (asked?.kind !== 'own-query') return undefined;
    if (type === fromTarget.commandComplete) return nothing;
    if (type === fromTarget.error && this.#failed && wire.readDiagnostic(bytes).severity === 'ERROR') return nothing; // the RELEASE behind what failed
    return undefined;
  }

  #answered(type: number, bytes: Buffer): Buffer | null {
    const { expected } = this.#machine;
    switch (type) {
      case fromTarget.parseComplete: {
        const asked = expected.shift();
        if (asked?.kind === 'parse') this.#machine.statements.confirmed(asked.name, asked.statement);
        break;
      }
      case fromTarget.bindComplete:
        expected.shift();
        break;
      case fromTarget.closeComplete: {
        const asked = expected.shift();
        if (asked?.kind === 'close-statement') this.#machine.statements.confirmed(asked.name, undefined);
        if (asked?.kind === 'close-portal') this.portalGone(asked.name);
        break;
      }
      case fromTarget.parameterDescription: {
        const asked = expected.head;
        if (asked?.kind === 'describe-statement' && asked.statement !== null) asked.statement.types = wire.readParameterTypes(bytes);
        break;
      }
      case fromTarget.copyOut:
        return this.#keepHeader(bytes);
      case fromTarget.copyData:
        if (this.limits.row(this.#runOfHead())) return nothing;
        this.#shown();
        break;
      case fromTarget.notice: // only while a header is kept back, or words are looked at
        if (this.#header === null || this.#goesOut) return this.#masks.instead(bytes);
        this.#port.toClient(this.#masks.instead(bytes) ?? bytes);
        return nothing;
      case fromTarget.rowDescription:
      case fromTarget.noData:
        if (expected.head?.kind === 'query') {
          this.#masks.described(expected.head.run, type, bytes);
          return this.#keepHeader(bytes);
        }
        if (expected.head?.kind === 'describe-portal' || expected.head?.kind === 'describe-statement') expected.shift();
        break;
      case fromTarget.dataRow:
        if (this.limits.row(this.#runOfHead())) return nothing;
        this.#shown();
        return this.#row(bytes);
      case fromTarget.commandComplete:
      case fromTarget.emptyQuery:
        return this.#completed(type === fromTarget.emptyQuery ? '' : new wire.BodyReader(bytes).cstring());
      case fromTarget.portalSuspended: {
        const asked = expected.shift();
        if (asked?.kind !== 'execute') break;
        asked.portal.executing -= 1;
        if (asked.portal.gone && asked.portal.executing === 0) this.#ended(asked.portal, 'completed');
        break;
      }
      case fromTarget.copyIn:
        this.#copyIn();
        break;
      case fromTarget.error: {
        const instead = this.#masks.instead(bytes);
        return this.#error(instead ?? bytes) ?? instead;
      }
      case fromTarget.ready:
        return this.#ready(bytes);
      case fromTarget.parameterStatus: {
        const reader = new wire.BodyReader(bytes);
        this.#machine.settings.reported(reader.cstring(), reader.cstring());
        break;
      }
      default:
        throw new Fault('protocol-violation', `the target sent an unexpected message of type 0x${type.toString(16)}`);
    }
    return null;
  }

  /** A portal is closed or replaced: what ran in it has ended, or ends with the answer that is still to come. */
  portalGone(name: string): void {
    const portal = this.#machine.portals.get(name);
    if (portal === undefined) return;
    this.#machine.portals.delete(name);
    portal.gone = true;
    if (portal.executing === 0) this.#ended(portal, 'completed');
  }

  #ended(portal: Portal, kind: Outcome['kind']): void {
    if (portal.run !== null) this.#finish(portal.run, kind);
    portal.run = null;
  }

  /** The link to the target is lost: whatever ran has an unknown outcome. */
  lost(): void {
    for (;;) {
      const asked = this.#machine.expected.shift();
      if (asked === undefined) break;
      if (asked.kind === 'query' || asked.kind === 'function-call') this.#finish(asked.run, 'unknown');
      if (asked.kind === 'execute') this.#ended(asked.portal, 'unknown');
    }
    for (const portal of this.#machine.portals.values()) this.#ended(portal, 'unknown');
    this.#machine.portals.clear();
  }

  /** The target is working on something. */
  get isRunning(): boolean {
    return this.#machine.expected.length > 0;
  }

  #completed(tag: string): null | Buffer {
    const asked = this.#machine.expected.head;
    if (asked?.kind === 'execute') {
      this.#machine.expected.shift();
      asked.portal.executing -= 1;
      const { run } = asked.portal;
      if (run === null) return null; // completed before: the same portal was executed twice in one batch
      const cut = this.limits.cut(run);
      run.rows = rowsOfTag(tag);
      this.#apply(run, run.classification.statements[0], asked.portal.text, tag);
      this.#ended(asked.portal, cut === null ? 'completed' : 'failed');
      return cut;
    } else if (asked?.kind === 'query') {
      if (asked.fence !== null && asked.fence.answered < ownCommands(asked.fence.placed, asked.run.completed)) {
        asked.fence.answered += 1;
        return nothing;
      }
      const rows = rowsOfTag(tag);
      if (rows !== null) asked.run.rows = (asked.run.rows ?? 0) + rows;
      this.#apply(asked.run, asked.run.classification.statements[asked.run.completed], asked.text, tag);
      asked.run.completed += 1;
      return this.limits.cut(asked.run);
    }
    return null;
  }

  /** What a completed statement changes in the session, by its facts and by the server's own word for what it did. */
  #apply(run: Run, facts: StatementFacts | undefined, text: string, tag: string): void {
    const { settings } = this.#machine;
    for (const change of facts?.changes ?? []) this.#change(change, text.slice(facts?.span.start, facts?.span.end));
    this.#machine.doubtAfter(run);
    switch (tag) {
      case 'BEGIN':
      case 'START TRANSACTION':
        this.#machine.fence.clientTook();
        this.block = 'open';
        return;
      case 'COMMIT':
      case 'PREPARE TRANSACTION':
        this.#machine.fence.clientTook();
        this.block = /\bchain\b/i.test(text) ? 'open' : 'none';
        return this.#transactionEnded(true);
      case 'COMMIT PREPARED':
        this.#schemaChanged = true; // whatever was prepared, perhaps by another session
        return;
      case 'ROLLBACK':
        if (facts?.kind !== 'rollback to savepoint') this.#machine.fence.clientTook();
        this.block = facts?.kind === 'rollback to savepoint' || /\bchain\b/i.test(text) ? 'open' : 'none';
        // Also what COMMIT of a failed transaction says, and ROLLBACK TO
        return facts?.kind === 'rollback to savepoint' ? settings.rolledBackToSavepoint() : this.#transactionEnded(false);
      default:
        return;
    }
  }

  /** A text or a batch may go on after its COMMIT, in a new transaction. */
  #transactionEnded(committed: boolean): void {
    this.#machine.settings.transactionEnded(committed);
    this.#machine.settings.transactionBegan();
    if (committed && this.#schemaChanged) this.#port.schemaChanged(); // what follows in the batch is read by what others see now
    this.#failed = false;
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

  #copyIn(): void {
    const asked = this.#machine.expected.head;
    const run = asked?.kind === 'query' ? asked.run : asked?.kind === 'execute' ? asked.portal.run : null;
    if (run === null) throw new Fault('protocol-violation', 'the target wants COPY data that nobody offered');
    this.#machine.copyIn = run;
    if (asked?.kind !== 'execute') return;
    this.#machine.expected.dropSyncs();
    this.#machine.busy = false;
  }

  #error(bytes: Buffer): Buffer | null {
    const { expected, statements } = this.#machine;
    const error = wire.readDiagnostic(bytes);
    const asked = expected.head;
    this.#machine.copyIn = null;
    this.#failed = true;
    if (this.block === 'open') this.block = 'failed';
    if (error.severity === 'FATAL' || error.severity === 'PANIC') {
      this.isOver = true;
      return null;
    }
    if (asked === undefined || asked.kind === 'sync') return null; // idle (shutdown), or at commit
    if (asked.kind === 'query' || asked.kind === 'function-call') {
      asked.run.error = { code: error.code, message: error.message };
      const cut = error.code === canceledState ? this.limits.cut(asked.run) : null;
      if (cut !== null) return cut;
      if (asked.kind === 'function-call' || asked.fence === null) return null;
      const { placed } = asked.fence;
      if (error.code !== readOnlyState) return movedPosition(bytes, (position) => ownChars(placed, position));
      const answer = this.#machine.secondTry.query(asked.run, asked.text, asked.fence, bytes);
      if (answer.length === 0) this.#header = null;
      return answer;
    }
    if (asked.kind === 'own-query') return null;
    if (asked.kind === 'refused') {
      if (!asked.endsCycle) expected.shift();
      return asked.reply;
    }
    statements.failed(asked.kind === 'parse' && asked.name === '');
    const cut =
      asked.kind === 'execute' && asked.portal.run !== null && error.code === canceledState ? this.limits.cut(asked.portal.run) : null;
    const answer = error.code === readOnlyState ? this.#triedToWrite(asked, bytes) : cut;
    this.#dropBatch(cut === null ? { code: error.code, message: error.message } : wire.readDiagnostic(cut));
    return answer;
  }

  /** What is said instead, when it met the fence of a portal. */
  #triedToWrite(asked: Expected, error: Buffer): Buffer | null {
    if (asked.kind !== 'bind' && asked.kind !== 'execute') return null;
    const { portal } = asked;
    if (portal.run === null || !portal.run.fenced) return null;
    return this.#machine.secondTry.batch(portal, portal.run, this.#machine.expected.toSync(), error);
  }

  /** The server throws away everything up to Sync, queries too; so does the gateway. */
  #dropBatch(error: { code: string; message: string }): void {
    const { expected } = this.#machine;
    let first = true;
    for (let asked = expected.head; asked !== undefined && !isSync(asked); asked = expected.head) {
      expected.shift();
      if (asked.kind === 'query' || asked.kind === 'function-call') this.#finish(asked.run, 'cancelled');
      if (asked.kind !== 'bind' && asked.kind !== 'execute') continue;
      const { portal } = asked;
      if (asked.kind === 'execute') portal.executing -= 1;
      if (first && portal.run !== null) portal.run.error = error;
      this.#ended(portal, first ? 'failed' : 'cancelled');
      first = false;
    }
    if (expected.length > 0) return;
    this.#machine.busy = false;
    this.#machine.absorbing = true;
    if (this.#machine.isWaiting) this.#port.withdraw();
  }

  #ready(bytes: Buffer): Buffer | null {
    const { expected, settings } = this.#machine;
    // A Sync that was thought to be swallowed by COPY (which had failed before it read on) is answered after all.
    if (expected.length === 0) this.#machine.absorbing = false;
    for (let asked = expected.shift(); asked !== undefined; asked = expected.shift()) {
      if (asked.kind === 'query' || asked.kind === 'function-call')
        this.#finish(asked.run, asked.run.error === null ? 'completed' : 'failed');
      if (endsCycle(asked)) break;
    }
    this.status = statusOf(bytes[5]);
    this.block = blockOf[this.status];
    if (expected.head?.kind === 'own-query') return nothing; // the fence of a Query is still to be lowered
    if (this.status === 'I') {
      settings.transactionEnded(!this.#failed);
      for (const name of [...this.#machine.portals.keys()]) this.portalGone(name);
      if (this.#schemaChanged) this.#port.schemaChanged();
      this.#schemaChanged = false;
    }
    settings.ready();
    this.#failed = false;
    this.#machine.busy = false;
    this.#machine.dirty = false;
    this.#machine.copyIn = null;
    this.limits.cycleEnded();
    this.#masks.cycleEnded();
    return this.#machine.goesOn() ? nothing : null;
  }

  #finish(run: Run, kind: Outcome['kind']): void {
    if (kind !== 'completed') this.#machine.doubtAfter(run); // what it prepared stays, though its settings are undone
    this.#port.finish(run.permit, { kind, rows: run.rows, error: run.error });
  }

  /** A message that was kept back and is thrown away: a later error of the batch came first. */
  dropped(expected: Expected): void {
    if (expected.kind !== 'bind' && expected.kind !== 'execute') return;
    if (expected.kind === 'execute') expected.portal.executing -= 1;
    this.#ended(expected.portal, 'cancelled');
  }

  #keepHeader(bytes: Buffer): Buffer | null {
    const asked = this.#machine.expected.head;
    if (asked?.kind !== 'query' || asked.fence === null || asked.run.shown || asked.run.completed > 0) return null;
    this.#header = Buffer.from(bytes); // the chunk it lies in may be used again
    this.#goesOut = false;
    return nothing;
  }

  #shown(): void {
    const run = this.#runOfHead();
    if (run !== null) run.shown = true;
  }

  /** Rows are looked at where they are recorded, and the first of what may have to be tried again. */
  #watchRows(): void {
    const run = this.#runOfHead();
    const first = run !== null && run.fenced && !run.shown;
    const own = this.#machine.expected.isOwn;
    this.limits.look();
    const counted = run?.obligations.rowsMax !== undefined || this.limits.isSilent;
    const masked = this.#masks.look();
    this.#inspected[fromTarget.dataRow] =
      masked && run?.masks != null ? 1 : first || own || counted || run?.obligations.recordResults === true ? 2 : 0;
    this.#inspected[fromTarget.copyData] = first || counted ? 2 : 0;
    this.#inspected[fromTarget.copyOut] = first ? 1 : 0;
    this.#inspected[fromTarget.notice] = masked ? 1 : this.#header === null ? 0 : 2;
  }

  #runOfHead(): Run | null {
    const asked = this.#machine.expected.head;
    return asked?.kind === 'query' ? asked.run : asked?.kind === 'execute' ? asked.portal.run : null;
  }

  #recordingRun(): Run | null {
    const run = this.#runOfHead();
    return run?.obligations.recordResults === true ? run : null;
  }

  /** What is recorded is what the client sees. */
  #row(bytes: Buffer): Buffer | null {
    const shown = this.#masks.row(this.#runOfHead(), bytes);
    const run = this.#recordingRun();
    if (run !== null) this.#port.recordRows(run.permit, [rowCells(shown)]);
    return shown === bytes ? null : shown;
  }
}
