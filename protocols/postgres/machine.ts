// The client's half of the relay: takes messages one by one, has them judged, and lets what was released go to the target in its
// order (which messages make an action: simple-query.ts, extended-query.ts). No socket, clock or policy in here: everything goes
// through the port, so transcripts can drive it. The target's half is replies.ts.
//
// Parse, Describe and Close run nothing; they are kept back until something that was released, Sync or Flush goes, so that
// a statement that waits holds no lock at the target and a refused one never gets there.

import type { TransactionState } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import { Fault } from '../../src/core/errors.ts';
import type { DeclaredCursors } from '../../src/core/masking.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import type { Frame } from './codec.ts';
import { ExpectedQueue, expectedMax } from './expected.ts';
import type { Expected } from './expected.ts';
import { ExtendedQuery } from './extended-query.ts';
import * as wire from './messages.ts';
import { duringCopy, isJudged } from './message-groups.ts';
import { abandonOwnBlock, wantsBlock } from './fence.ts';
import type { OwnMessages } from './fence.ts';
import { FastPath } from './fast-path.ts';
import { FenceRelay } from './fence-relay.ts';
import type { MachinePort } from './machine-port.ts';
import { Outbox } from './outbox.ts';
import type { Kept } from './outbox.ts';
import { Outcomes } from './outcomes.ts';
import type { FailingMessages } from './refusal.ts';
import { Refusing } from './refusing.ts';
import { Replies } from './replies.ts';
import { runOf } from './run.ts';
import { SecondTry } from './second-try.ts';
import { SessionState } from './session-state.ts';
import { Settings } from './settings.ts';
import { SimpleQuery } from './simple-query.ts';
import type { Portal, Run } from './statements.ts';
import { Statements } from './statements.ts';
import { SubmissionMaker } from './submission-maker.ts';

type Release = Extract<Ruling, { kind: 'release' }>;

export class Machine {
  readonly #port: MachinePort;
  readonly settings = new Settings();
  readonly statements = new Statements();
  readonly portals = new Map<string, Portal>();
  readonly expected = new ExpectedQueue();
  readonly outbox = new Outbox();
  readonly session: SessionState;
  readonly outcomes: Outcomes;
  readonly replies: Replies;
  readonly fence: FenceRelay;
  readonly secondTry: SecondTry;
  readonly refusing: Refusing;
  readonly fastPath: FastPath;
  readonly simple: SimpleQuery;
  readonly #extended: ExtendedQuery;
  readonly submissions: SubmissionMaker;
  /** What the session says it is for; null when it has said nothing. */
  reason: string | null = null;
  /** Masks of the cursors that this session has declared. */
  readonly #cursors: DeclaredCursors = new Map();
  /** A statement that may begin or end a transaction was sent in this batch: whether one is open is known when it has answered. */
  #transacting = false;
  /** Something was sent that changes how the next text is read: nothing is judged before it has answered. */
  #settling = false;
  #ruled: ((ruling: Ruling) => void) | null = null;
  /** What the fast path has submitted already: the ruling, or that it is still to come. */
  #judged: { readonly ruling: Ruling | null } | null = null;
  /** A Parse waits for its own classification: no other that comes is taken for it. */
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
    this.session = new SessionState(this, port);
    this.outcomes = new Outcomes(this, port);
    this.replies = new Replies(this, port);
    this.simple = new SimpleQuery(this, port);
    this.#extended = new ExtendedQuery(this, port);
    this.submissions = new SubmissionMaker({
      settings: this.settings,
      statements: this.statements,
      transaction: () => this.#transaction,
      reason: () => this.reason,
      classify: (submission) => port.classify(submission, () => undefined), // what comes later is for nobody
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
    return this.outbox.isEmpty && this.fence.isDown && this.secondTry.isUntouched && this.session.status !== 'E';
  }

  get isWaiting(): boolean {
    return this.#ruled !== null || this.#classified !== null;
  }

  /** One message of the client. Throws Fault for what ends the connection. */
  client(frame: Frame): void {
    if (frame.kind === 'copy-part') return this.#copyData(frame.bytes);
    if (frame.kind === 'oversize') return this.refusing.oversize(frame);
    const { type, bytes } = frame;
    if (this.absorbing && type !== wire.fromClient.sync && type !== wire.fromClient.terminate) return;
    try {
      this.#message(type, bytes);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== 'protocol-violation' || this.isWaiting) throw thrown;
      this.refusing.malformed(type, thrown);
    }
  }

  /** The same for a message that the client has cancelled before it was judged. */
  cancelled(frame: Frame): void {
    if (frame.kind === 'message' && !this.absorbing && isJudged(frame.type)) this.refusing.cancelled(frame.type);
    else this.client(frame);
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
        return this.simple.query(bytes);
      case fromClient.parse:
        return this.#extended.parse(bytes);
      case fromClient.bind:
        return this.#extended.bind(bytes);
      case fromClient.describe:
        return this.#extended.describe(bytes);
      case fromClient.execute:
        return this.#extended.execute(bytes);
      case fromClient.close:
        return this.#extended.close(bytes);
      case fromClient.functionCall:
        return this.simple.functionCall(bytes);
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

  #copyData(bytes: Buffer): void {
    if (this.copyIn === null) return; // left over after an error: the server ignores it too
    this.#port.toTarget(this.copyIn.permit, bytes);
  }

  // ---- what is judged ----

  get #transaction(): TransactionState {
    const { status } = this.session;
    return status === 'E' ? 'failed' : status === 'T' || this.dirty ? 'open' : 'none';
  }

  submit(submission: Submission, then: (ruling: Ruling) => void): void {
    const judged = this.#judged;
    this.#judged = null;
    const ruling = judged === null ? this.#port.submit(this.secondTry.known(submission)) : judged.ruling;
    if (ruling !== null) return then(ruling);
    this.sendOut(this.outbox.takeReleased());
    if (this.expected.length > 0) this.#port.toTargetQuietly(wire.flush); // earlier answers need not wait for people
    this.#ruled = then;
  }

  classify(submission: Submission, then: (classification: Classification) => void): void {
    const later = (classification: Classification) => {
      if (this.#classified !== later) return;
      this.#classified = null;
      if (!this.absorbing) then(classification);
    };
    const classification = this.#port.classify(submission, later);
    if (classification !== null) return then(classification);
    this.#classified = later;
  }

  /** The client has cancelled; a Parse that waits for its classification is answered at once, with the rest of its batch. */
  cancelParse(): void {
    if (this.#classified === null) return;
    this.#classified = null;
    if (!this.absorbing) this.refusing.cancelled(wire.fromClient.parse);
  }

  open(ruling: Release, text: string): Run {
    ruling.permit.open();
    return this.opened(ruling, text);
  }

  opened(ruling: Release, text: string): Run {
    return runOf(ruling, text, this.#cursors);
  }

  // ---- what goes to the target ----

  /** A released message of a batch: Bind, or the Execute behind it. */
  run(run: Run, bytes: Buffer, expected: Expected): void {
    this.begin(run);
    this.dirty = true;
    if (run.fenced) {
      this.#keep({ bytes, expected, run });
      if (this.#transacting) this.settle();
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
    if (this.session.status === 'I') this.settings.transactionBegan();
    this.session.doubtAfter(run); // what comes behind it in a batch is judged before it has answered
  }

  /** A message that runs nothing: it goes when something else has to. */
  keepBack(bytes: Buffer, expected: Expected): void {
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
      if (run !== null) this.fence.raise(this.session.block, syncFollows);
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
  settle(): void {
    this.#settling = true;
    this.#port.toTargetQuietly(wire.flush);
  }

  /** A Query or FunctionCall ends the implicit transaction of what came before it without a Sync. */
  endBatch(): void {
    this.sendOut(this.outbox.take());
    this.fence.endBatch();
  }

  // ---- what the target's half has found ----

  /** The target takes COPY data: all that was sent before has been answered. */
  copyBegan(run: Run): void {
    this.copyIn = run;
    this.#settling = false;
  }

  /** An error in a batch; unless its Sync has been sent, the server throws away what still comes up to it. */
  batchFailed(): void {
    if (this.expected.length > 0) return;
    this.busy = false;
    this.absorbing = true;
    if (this.isWaiting) this.#port.withdraw();
  }

  /** The server is ready. True when the gateway has more to do before the client may know. */
  cycleEnded(): boolean {
    this.dirty = false;
    this.copyIn = null;
    this.busy = true;
    if (this.fence.batchEnded(this.session.block)) {
      this.sendOwn(abandonOwnBlock);
      this.expected.push({ kind: 'own-query', by: 'sync' });
      this.#port.toTargetQuietly(wire.sync);
      return true;
    }
    if (this.secondTry.goesOn()) return true;
    this.busy = false;
    return false;
  }
}
