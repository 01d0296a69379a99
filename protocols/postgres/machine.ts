// The client's half of the relay: takes messages one by one and decides what to submit and what to forward. No socket, clock
// or policy in here: everything goes through the port, so transcripts can drive it. The target's half is replies.ts.
//
// Parse, Describe and Close run nothing; they are kept back until something that was released, Sync or Flush goes, so that
// a statement that waits holds no lock at the target and a refused one never gets there.

import type { Parameter, TransactionState } from '../../src/core/action.ts';
import { mayDefineAnything } from '../../src/core/own-changes.ts';
import type { Classification } from '../../src/core/classification.ts';
import { Fault } from '../../src/core/errors.ts';
import type { DeclaredCursors } from '../../src/core/masking.ts';
import { withParameterTypes } from '../../src/core/parameter-types.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import type { Frame } from './codec.ts';
import { ExpectedQueue, expectedMax } from './expected.ts';
import type { Expected } from './expected.ts';
import * as wire from './messages.ts';
import { duringCopy } from './message-groups.ts';
import { wireName } from './names.ts';
import { abandonOwnBlock, lowerFenceQuery, wantsBlock } from './fence.ts';
import type { OwnMessages } from './fence.ts';
import { FastPath } from './fast-path.ts';
import { FenceRelay } from './fence-relay.ts';
import { placeFence, withInsertions } from './fence-text.ts';
import type { MachinePort } from './machine-port.ts';
import { describePortal } from './masking.ts';
import { Outbox } from './outbox.ts';
import type { Kept } from './outbox.ts';
import { noPlaceForFence, refusalError } from './refusal.ts';
import type { FailingMessages } from './refusal.ts';
import { Refusing } from './refusing.ts';
import { Replies } from './replies.ts';
import { runOf } from './run.ts';
import { SecondTry } from './second-try.ts';
import { Settings } from './settings.ts';
import type { Portal, Run, Statement } from './statements.ts';
import { portalsMax, Statements } from './statements.ts';
import { SubmissionMaker } from './submission-maker.ts';
import { boundPortal, cursorPortal, digestOf, functionCallFacts, noPortal, noStatement, tooMany } from './submissions.ts';

type Release = Extract<Ruling, { kind: 'release' }>;

export class Machine {
  readonly settings = new Settings();
  readonly statements = new Statements();
  readonly portals = new Map<string, Portal>();
  readonly expected = new ExpectedQueue();
  readonly replies: Replies;
  readonly #port: MachinePort;
  /** What the session says it is for; null when it has said nothing. */
  reason: string | null = null;
  readonly fence: FenceRelay;
  readonly secondTry: SecondTry;
  readonly refusing: Refusing;
  readonly fastPath: FastPath;
  readonly submissions: SubmissionMaker;
  readonly outbox = new Outbox();
  /** Masks of the cursors that this session has declared. */
  readonly #cursors: DeclaredCursors = new Map();
  /** A statement that may begin or end a transaction was sent in this batch: whether one is open is known when it has answered. */
  #transacting = false;
  /** Something was sent that changes how the next text is read: nothing is judged before it has answered. */
  #settling = false;
  #ruled: ((ruling: Ruling) => void) | null = null;
  /** What the fast path has submitted already: the ruling, or that it is still to come. */
  #judged: { readonly ruling: Ruling | null } | null = null;
  #classified: ((classification: Classification) => void) | null = null;
  /** Waiting for ReadyForQuery: nothing but COPY data is taken. */
  busy = false;
  /** After an error or refusal in a batch: everything up to Sync is thrown away, as the server does. */
  absorbing = false;
  /** Something of this batch ran or was bound: its implicit transaction is open. */
  dirty = false;
  copyIn: Run | null = null;

  constructor(port: MachinePort, failing: FailingMessages) {
    this.#port = port;
    this.replies = new Replies(this, port);
    this.submissions = new SubmissionMaker({
      settings: this.settings,
      statements: this.statements,
      transaction: () => this.#transaction,
      reason: () => this.reason,
      classify: (submission) => port.classify(submission),
    });
    this.fence = new FenceRelay((own) => this.sendOwn(own));
    this.secondTry = new SecondTry(this, port, failing);
    this.refusing = new Refusing(this, port, failing);
    this.fastPath = new FastPath(this, port);
  }

  /** False while the next message must wait: for a ruling, for the end of a cycle, or for answers. */
  get takes(): boolean {
    if (this.isWaiting) return false;
    if (this.copyIn !== null) return true;
    if (this.#settling && this.expected.length > 0) return false;
    if (this.#settling) this.#transacting = false;
    this.#settling = false;
    return !this.busy && this.expected.length < expectedMax;
  }

  /** Nothing is under way on either side, and nothing has to be watched: the fast path can be taken. */
  get isAtRest(): boolean {
    if (!this.takes || this.expected.length > 0 || this.copyIn !== null || this.absorbing || this.dirty) return false;
    return this.outbox.isEmpty && this.fence.isDown && this.secondTry.isUntouched && this.replies.status !== 'E';
  }

  get isWaiting(): boolean {
    return this.#ruled !== null || this.#classified !== null;
  }

  /** One message of the client. Throws Fault for what ends the connection. */
  client(frame: Frame): void {
    if (frame.kind === 'copy-part') return this.#copyData(frame.bytes);
    if (frame.kind === 'oversize') return this.refusing.oversize(frame.type, frame.lengthBytes);
    const { type, bytes } = frame;
    if (this.absorbing && type !== wire.fromClient.sync && type !== wire.fromClient.terminate) return;
    try {
      this.#message(type, bytes);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== 'protocol-violation' || this.isWaiting) throw thrown;
      this.refusing.malformed(type, thrown);
    }
  }

  /** The same for a message that the fast path has submitted; null: `ruled` follows. */
  judged(frame: Frame, ruling: Ruling | null): void {
    this.#judged = { ruling };
    this.client(frame);
    if (this.#judged !== null) throw new Error('a message was judged and not taken');
  }

  ruled(ruling: Ruling): void {
    const then = this.#ruled;
    this.#ruled = null;
    if (this.absorbing) this.#lateFor(ruling);
    else then?.(ruling);
  }

  classified(classification: Classification): void {
    const then = this.#classified;
    this.#classified = null;
    if (!this.absorbing) then?.(classification);
  }

  /** While it waited an earlier message of its batch failed: the server throws it away, and has told why. */
  #lateFor(ruling: Ruling): void {
    if (ruling.kind === 'refuse') return;
    ruling.permit.open();
    this.#port.finish(ruling.permit, { kind: 'cancelled', rows: null, error: null });
  }

  #message(type: number, bytes: Buffer): void {
    const { fromClient } = wire;
    if (this.copyIn !== null && !duringCopy.includes(type)) {
      throw new Fault('protocol-violation', `unexpected message type 0x${type.toString(16)} during COPY from stdin`, { hint: 'fatal' });
    }
    switch (type) {
      case fromClient.query:
        return this.#query(bytes);
      case fromClient.parse:
        return this.#parse(bytes);
      case fromClient.bind:
        return this.#bind(bytes);
      case fromClient.describe:
        return this.#describe(bytes);
      case fromClient.execute:
        return this.#execute(bytes);
      case fromClient.close:
        return this.#close(bytes);
      case fromClient.functionCall:
        return this.#functionCall(bytes);
      case fromClient.flush:
        this.sendOut(this.outbox.take());
        return this.#port.toTargetQuietly(bytes);
      case fromClient.sync:
        return this.#sync(bytes);
      case fromClient.copyDone:
      case fromClient.copyFail:
        this.#copyData(bytes);
        this.copyIn = null;
        return;
      case fromClient.terminate:
        return this.#port.clientQuit();
      default:
        throw new Fault('protocol-violation', `invalid frontend message type ${type}`, { hint: 'fatal' });
    }
  }

  // ---- simple query ----

  #query(bytes: Buffer): void {
    if (bytes.indexOf(0, 5) !== bytes.length - 1)
      throw new Fault('protocol-violation', 'invalid message format: bytes after the end of the text');
    const submission = this.submissions.ofQuery(bytes);
    const { text } = submission;
    this.#submit(submission, (ruling) => {
      if (ruling.kind === 'refuse') return this.refusing.cycle(refusalError(ruling.refusal, text));
      this.#endBatch();
      this.statements.confirmed('', undefined); // a simple query drops the unnamed statement before it is parsed
      this.runQuery(this.open(ruling, text), text, bytes);
    });
  }

  /** Sends a released Query, behind the fence when it has one: in the same message, so that it can't run without. */
  runQuery(run: Run, text: string, bytes: Buffer): void {
    const placed = run.fenced ? placeFence(run.classification, text, this.replies.block) : null;
    if (run.fenced && placed === null) {
      const { code, message } = wire.readDiagnostic(noPlaceForFence);
      this.#port.finish(run.permit, { kind: 'failed', rows: null, error: { code, message } });
      return this.refusing.cycle(noPlaceForFence);
    }
    this.begin(run);
    this.busy = true;
    this.expected.push({ kind: 'query', run, text, fence: placed === null ? null : { placed, answered: 0, bytes } });
    this.#port.toTarget(run.permit, placed === null ? bytes : withInsertions(placed, text, bytes));
    if (run.limits !== null) this.replies.limits.look();
    if (placed?.lowers !== true) return;
    this.expected.push({ kind: 'own-query', by: 'query' });
    this.#port.toTargetQuietly(lowerFenceQuery);
  }

  #functionCall(bytes: Buffer): void {
    const oid = new wire.BodyReader(bytes).int32();
    const text = `function call of oid ${oid} by protocol message`;
    const submission = {
      ...this.submissions.of({ text, parameters: null, digest: digestOf(bytes) }),
      classified: functionCallFacts(text),
    };
    this.#submit({ ...submission, kind: 'function-call' }, (ruling) => {
      if (ruling.kind === 'refuse') return this.refusing.cycle(refusalError(ruling.refusal, text));
      const run = this.open(ruling, text);
      this.#endBatch();
      this.begin(run);
      this.busy = true;
      this.expected.push({ kind: 'function-call', run });
      this.#port.toTarget(run.permit, bytes);
    });
  }

  // ---- extended query ----

  #parse(bytes: Buffer): void {
    const { name: rawName, text: raw, types } = wire.readParse(bytes);
    const name = wireName(rawName);
    if (this.statements.isFull(name, raw.length)) return this.refusing.batch(tooMany('prepared statements'), false);
    const { text, mode } = this.submissions.read(raw);
    const submission = this.submissions.of({ text, mode: withParameterTypes(mode, types), parameters: null, digest: digestOf(bytes) });
    this.#classify(submission, (classification) => {
      const statement: Statement = { text, classification, modeKey: mode.key, bySql: false, types };
      const go = () => {
        this.statements.sent(name, statement);
        this.#later(bytes, { kind: 'parse', name, statement });
      };
      if (classification.understood) return go();
      this.#submit(submission, (ruling) => {
        if (ruling.kind === 'refuse') return this.refusing.batch(refusalError(ruling.refusal, text), name === '');
        ruling.permit.open();
        this.#port.finish(ruling.permit, { kind: 'completed', rows: null, error: null }); // judged again with its parameters at Bind
        go();
      });
    });
  }

  #bind(bytes: Buffer): void {
    const bind = wire.readBind(bytes);
    const [name, statementName] = [wireName(bind.portal), wireName(bind.statement)];
    const statement = this.statements.get(statementName);
    if (statement === undefined) return this.refusing.batch(noStatement(statementName), false);
    if (this.portals.size >= portalsMax && !this.portals.has(name)) return this.refusing.batch(tooMany('portals'), false);
    const portal = boundPortal(name, statement, bind, bytes);
    this.#submit(this.submissions.ofPortal(portal), (ruling) => {
      if (ruling.kind === 'refuse') return this.refusing.batch(refusalError(ruling.refusal, statement.text), false);
      portal.run = this.open(ruling, statement.text);
      if (portal.run.fenced) portal.bind = bytes;
      this.replies.portalGone(name); // Bind replaces a portal of the same name
      this.portals.set(name, portal);
      this.#run(portal.run, bytes, { kind: 'bind', portal });
    });
  }

  #execute(bytes: Buffer): void {
    const { portal: rawName, rowsMax } = wire.readExecute(bytes);
    const name = wireName(rawName);
    const known = this.portals.get(name);
    if (known?.run != null) return this.#runPortal(known, known.run, bytes);
    if (known === undefined && name === '') return this.refusing.batch(noPortal(name), false);
    const portal = known ?? cursorPortal(name, rowsMax, bytes);
    this.#submit(this.submissions.ofPortal(portal), (ruling) => {
      if (ruling.kind === 'refuse') return this.refusing.batch(refusalError(ruling.refusal, portal.text), false);
      portal.run = this.open(ruling, portal.text);
      this.portals.set(name, portal);
      this.#runPortal(portal, portal.run, bytes);
    });
  }

  #runPortal(portal: Portal, run: Run, bytes: Buffer): void {
    if (run.masks?.asks() === true) this.#later(describePortal(portal.name), { kind: 'own-fields', run });
    portal.executing += 1;
    this.#run(run, bytes, { kind: 'execute', portal });
    if (run.limits !== null && !run.fenced) this.replies.limits.look();
    if (this.#changesReading(run.classification)) this.#settle();
  }

  #describe(bytes: Buffer): void {
    const { what, name: rawName } = wire.readNamed(bytes);
    const name = wireName(rawName);
    if (what === 'portal') return this.#later(bytes, { kind: 'describe-portal' });
    this.#later(bytes, { kind: 'describe-statement', statement: this.statements.get(name) ?? null });
  }

  #close(bytes: Buffer): void {
    const { what, name: rawName } = wire.readNamed(bytes);
    const name = wireName(rawName);
    if (what === 'portal') return this.#later(bytes, { kind: 'close-portal', name });
    this.statements.sent(name, undefined);
    this.#later(bytes, { kind: 'close-statement', name });
  }

  #sync(bytes: Buffer): void {
    if (this.copyIn !== null) return; // the server ignores Sync while it reads COPY data
    if (this.absorbing) this.refusing.drop(false);
    else {
      const kept = this.outbox.take();
      this.sendOut(kept, true);
      this.secondTry.sent(kept);
      this.fence.endBatch();
    }
    this.absorbing = false;
    this.#transacting = false;
    this.busy = true;
    this.expected.push({ kind: 'sync' });
    this.#port.toTargetQuietly(bytes);
  }

  // ---- COPY ----

  #copyData(bytes: Buffer): void {
    if (this.copyIn === null) return; // left over after an error: the server ignores it too
    this.#port.toTarget(this.copyIn.permit, bytes);
  }

  // ---- parts ----

  get #transaction(): TransactionState {
    const { status } = this.replies;
    return status === 'E' ? 'failed' : status === 'T' || this.dirty ? 'open' : 'none';
  }

  #submit(submission: Submission, then: (ruling: Ruling) => void): void {
    const judged = this.#judged;
    this.#judged = null;
    const ruling = judged === null ? this.#port.submit(this.secondTry.known(submission)) : judged.ruling;
    if (ruling !== null) return then(ruling);
    this.sendOut(this.outbox.takeReleased());
    if (this.expected.length > 0) this.#port.toTargetQuietly(wire.flush); // earlier answers need not wait for people
    this.#ruled = then;
  }

  #classify(submission: Submission, then: (classification: Classification) => void): void {
    const classification = this.#port.classify(submission);
    if (classification !== null) return then(classification);
    this.#classified = then;
  }

  open(ruling: Release, text: string): Run {
    ruling.permit.open();
    return this.opened(ruling, text);
  }

  opened(ruling: Release, text: string): Run {
    return runOf(ruling, text, this.#cursors);
  }

  #run(run: Run, bytes: Buffer, expected: Expected): void {
    this.begin(run);
    this.dirty = true;
    if (run.fenced) {
      this.#keep({ bytes, expected, run });
      if (this.#transacting) this.#settle();
      return;
    }
    this.sendOut(this.outbox.take());
    this.fence.lower();
    const isTransaction = run.classification.summary.verbs.includes('transaction');
    if (isTransaction || run.classification.summary.kinds.some(wantsBlock)) this.fence.leaveBlock();
    if (isTransaction) this.#transacting = true;
    const { access } = run.classification.summary;
    if (access === 'write' || access === 'unknown') this.fence.hasWritten = true;
    this.expected.push(expected);
    this.#port.toTarget(run.permit, bytes);
  }

  begin(run: Run): void {
    if (this.replies.status === 'I') this.settings.transactionBegan();
    this.doubtAfter(run); // what comes behind it in a batch is judged before it has answered
  }

  /** SET, PREPARE and the like; and the end of a transaction that holds SETs. */
  #changesReading({ statements, summary }: Classification): boolean {
    if (summary.verbs.includes('transaction') && this.settings.changedInTransaction) return true;
    return statements.some(({ changes }) => changes.length > 0);
  }

  /** Something whose effects nobody knows may have changed settings and prepared statements. */
  doubtAfter(run: Run): void {
    if (run.classification.summary.access !== 'unknown') return;
    this.settings.doubt();
    if (mayDefineAnything(run.classification)) this.settings.changedSchema(undefined);
    this.statements.doubtAll();
  }

  #later(bytes: Buffer, expected: Expected): void {
    this.#keep({ bytes, expected, run: null });
  }

  #keep(kept: Kept): void {
    this.outbox.add(kept);
    if (!this.outbox.isFull) return;
    this.sendOut(this.outbox.take());
    this.#port.toTargetQuietly(wire.flush);
  }

  sendOut(kept: readonly Kept[], syncFollows = false): void {
    for (const { bytes, expected, run } of kept) {
      if (run !== null) this.fence.raise(this.replies.block, syncFollows);
      this.expected.push(expected);
      if (run === null) this.#port.toTargetQuietly(bytes);
      else this.#port.toTarget(run.permit, bytes);
      if (run !== null && run.limits !== null) this.replies.limits.look();
    }
  }

  /** Messages of the gateway's own; each answer is waited for and swallowed. */
  sendOwn({ bytes, answers }: OwnMessages): void {
    for (const answer of answers) this.expected.push({ kind: 'own', answer });
    this.#port.toTargetQuietly(bytes);
  }

  /** The next message is taken when everything sent has answered. */
  #settle(): void {
    this.#settling = true;
    this.#port.toTargetQuietly(wire.flush);
  }

  /** A Query or FunctionCall ends the implicit transaction of what came before it without a Sync. */
  #endBatch(): void {
    this.sendOut(this.outbox.take());
    this.fence.endBatch();
  }

  /** Waits for the ruling on what a second try submits. */
  submitAgain(submission: Submission, then: (ruling: Ruling) => void): void {
    this.#submit(submission, then);
  }

  /** The server is ready. True when the gateway has more to do before the client may know. */
  goesOn(): boolean {
    this.busy = true;
    if (this.fence.batchEnded(this.replies.block)) {
      this.sendOwn(abandonOwnBlock);
      this.expected.push({ kind: 'own-query', by: 'sync' });
      this.#port.toTargetQuietly(wire.sync);
      return true;
    }
    if (this.secondTry.goesOn()) return true;
    this.busy = false;
    return false;
  }

  submission(given: { text: string; parameters: readonly Parameter[] | null; digest: () => string }): Submission {
    return this.submissions.of(given);
  }
}
