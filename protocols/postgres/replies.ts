// The target's half of the relay: walks its messages and matches them to what was asked. What an answer means is followed elsewhere:
// the session (session-state.ts), what ran (outcomes.ts), errors (error-answers.ts). All that nobody has to look at is forwarded in
// whole chunks.

import { Fault } from '../../src/core/errors.ts';
import type { BackendSink } from './codec.ts';
import { BackendWalker } from './codec.ts';
import { ErrorAnswers } from './error-answers.ts';
import { endsCycle, runAsked } from './expected.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import * as wire from './messages.ts';
import { LimitWatch } from './limit-watch.ts';
import { MaskRelay } from './mask-relay.ts';
import { ownCommands } from './fence-text.ts';
import { nothing } from './refusal.ts';
import { rowCells, rowsOfTag } from './rows.ts';

/** Longest message of the target that is gathered to be looked at (errors, command tags, row descriptions). */
const inspectedBytesMax = 16 * 1024 * 1024;

const { fromTarget } = wire;

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
  readonly #errors: ErrorAnswers;
  readonly #inspected = new Uint8Array(256);
  readonly #walker = new BackendWalker(this.#inspected, inspectedBytesMax);
  /** RowDescription or CopyOutResponse of a fenced Query: kept back until it is sure that it need not be tried again. */
  #header: Buffer | null = null;
  /** Something behind it is on its way to the client, so it is too. */
  #goesOut = false;

  constructor(machine: Machine, port: MachinePort) {
    this.#machine = machine;
    this.#port = port;
    this.limits = new LimitWatch(port, machine.expected);
    this.#masks = new MaskRelay(machine);
    this.#errors = new ErrorAnswers(machine, this.limits);
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

  /** The target is working on something. */
  get isRunning(): boolean {
    return this.#machine.expected.length > 0;
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
    return type === fromTarget.ready || type === fromTarget.parameterStatus || this.#machine.session.isOver ? answer : nothing;
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
    const isError = type === fromTarget.error && wire.readDiagnostic(bytes).severity === 'ERROR';
    return isError && this.#machine.session.hasFailed ? nothing : undefined; // the RELEASE behind what failed
  }

  #answered(type: number, bytes: Buffer): Buffer | null {
    const { expected, outcomes, settings, statements } = this.#machine;
    switch (type) {
      case fromTarget.parseComplete: {
        const asked = expected.shift();
        if (asked?.kind === 'parse') statements.confirmed(asked.name, asked.statement);
        break;
      }
      case fromTarget.bindComplete:
        expected.shift();
        break;
      case fromTarget.closeComplete: {
        const asked = expected.shift();
        if (asked?.kind === 'close-statement') statements.confirmed(asked.name, undefined);
        if (asked?.kind === 'close-portal') outcomes.portalGone(asked.name);
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
        if (this.limits.row(runAsked(expected.head))) return nothing;
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
        if (this.limits.row(runAsked(expected.head))) return nothing;
        this.#shown();
        return this.#row(bytes);
      case fromTarget.commandComplete:
      case fromTarget.emptyQuery:
        return this.#completed(type === fromTarget.emptyQuery ? '' : new wire.BodyReader(bytes).cstring());
      case fromTarget.portalSuspended: {
        const asked = expected.shift();
        if (asked?.kind !== 'execute') break;
        asked.portal.executing -= 1;
        // The client asked for some rows at a time, and took fewer of them for the end.
        const cut = asked.portal.run === null ? null : this.limits.cut(asked.portal.run);
        if (asked.portal.gone && asked.portal.executing === 0) outcomes.portalEnded(asked.portal, cut === null ? 'completed' : 'failed');
        return cut;
      }
      case fromTarget.copyIn:
        this.#copyIn();
        break;
      case fromTarget.error: {
        const instead = this.#masks.instead(bytes);
        const answer = this.#errors.answer(instead ?? bytes) ?? instead;
        if (answer === nothing) this.#header = null; // it is tried again
        return answer;
      }
      case fromTarget.ready:
        return this.#ready(bytes);
      case fromTarget.parameterStatus: {
        const reader = new wire.BodyReader(bytes);
        settings.reported(reader.cstring(), reader.cstring());
        break;
      }
      default:
        throw new Fault('protocol-violation', `the target sent an unexpected message of type 0x${type.toString(16)}`);
    }
    return null;
  }

  #completed(tag: string): null | Buffer {
    const { expected, outcomes, session } = this.#machine;
    const asked = expected.head;
    if (asked?.kind === 'execute') {
      expected.shift();
      asked.portal.executing -= 1;
      const { run } = asked.portal;
      if (run === null) return null; // completed before: the same portal was executed twice in one batch
      const cut = this.limits.cut(run);
      run.rows = rowsOfTag(tag);
      session.completed(run, run.classification.statements[0], asked.portal.text, tag);
      outcomes.portalEnded(asked.portal, cut === null ? 'completed' : 'failed');
      return cut;
    }
    if (asked?.kind !== 'query') return null;
    const { run, fence } = asked;
    if (fence !== null && fence.answered < ownCommands(fence.placed, run.completed)) {
      fence.answered += 1;
      return nothing;
    }
    const rows = rowsOfTag(tag);
    if (rows !== null) run.rows = (run.rows ?? 0) + rows;
    session.completed(run, run.classification.statements[run.completed], asked.text, tag);
    run.completed += 1;
    return this.limits.cut(run);
  }

  #copyIn(): void {
    const asked = this.#machine.expected.head;
    const run = runAsked(asked);
    if (run === null) throw new Fault('protocol-violation', 'the target wants COPY data that nobody offered');
    this.#machine.copyBegan(run);
    if (asked?.kind !== 'execute') return;
    this.#machine.expected.dropSyncs();
    this.#machine.busy = false;
  }

  #ready(bytes: Buffer): Buffer | null {
    const machine = this.#machine;
    const { expected, outcomes, session } = machine;
    // A Sync that was thought to be swallowed by COPY (which had failed before it read on) is answered after all.
    if (expected.length === 0) machine.absorbing = false;
    for (let asked = expected.shift(); asked !== undefined; asked = expected.shift()) {
      if (asked.kind === 'query' || asked.kind === 'function-call')
        outcomes.finish(asked.run, asked.run.error === null ? 'completed' : 'failed');
      if (endsCycle(asked)) break;
    }
    session.ready(bytes[5]);
    if (expected.head?.kind === 'own-query') return nothing; // the fence of a Query is still to be lowered
    if (session.status === 'I') outcomes.transactionEnded();
    session.cycleEnded();
    this.limits.cycleEnded();
    this.#masks.cycleEnded();
    return machine.cycleEnded() ? nothing : null;
  }

  #keepHeader(bytes: Buffer): Buffer | null {
    const asked = this.#machine.expected.head;
    if (asked?.kind !== 'query' || asked.fence === null || asked.run.shown || asked.run.completed > 0) return null;
    this.#header = Buffer.from(bytes); // the chunk it lies in may be used again
    this.#goesOut = false;
    return nothing;
  }

  #shown(): void {
    const run = runAsked(this.#machine.expected.head);
    if (run !== null) run.shown = true;
  }

  /** Rows are looked at where they are recorded, and the first of what may have to be tried again. */
  #watchRows(): void {
    const run = runAsked(this.#machine.expected.head);
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

  /** What is recorded is what the client sees. */
  #row(bytes: Buffer): Buffer | null {
    const run = runAsked(this.#machine.expected.head);
    const shown = this.#masks.row(run, bytes);
    if (run?.obligations.recordResults === true) this.#port.recordRows(run.permit, [rowCells(shown)]);
    return shown === bytes ? null : shown;
  }
}
