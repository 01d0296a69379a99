// The relay of one signed-in client: commands in, rulings in, the target's answers in; bytes, submissions and outcomes out
// through the port. One command at a time, as the protocol has it: this file knows where it stands, from the command to the end of
// its answer. No sockets, no policies, no clock.

import type { Parameter, PreparedStatement, ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import type { Limit } from '../../src/core/words.ts';
import { AnswerSink, type Relay } from './answer-sink.ts';
import { framed, type Packet } from './codec.ts';
import { ClientCommands } from './client-commands.ts';
import { runsText } from './commands.ts';
import { FastPath } from './fast-path.ts';
import { hiddenFlags, lowerQuery, raiseQuery, readOnlyError } from './fence.ts';
import { limitError } from './limits.ts';
import * as wire from './messages.ts';
import { SessionMirror } from './mirror.ts';
import { completed, outcomeOf } from './outcomes.ts';
import { OwnAsking } from './own-asking.ts';
import type { MachineOptions, MachinePort } from './port.ts';
import { interruptedError, refusalError } from './refusal.ts';
import { valuesOf, variablesQuery, type VariableValues } from './put-back.ts';
import { Replies } from './replies.ts';
import { plainTerms, type ReplyEnd, type ReplyShape, type ReplyTerms } from './reply-sink.ts';
import type { Settings } from './settings.ts';
import { idle, runOf, type Asked, type Preparing, type Run, type State } from './state.ts';
import { cursorOpened, type Statements, type WireStatement } from './statements.ts';
import { stoppedWrite, unproved } from './stopped-write.ts';

export class Machine implements Relay {
  readonly settings: Settings;
  readonly statements: Statements;
  readonly replies: Replies;
  readonly fastPath: FastPath;
  readonly #port: MachinePort;
  readonly #commands: ClientCommands;
  readonly #mirror: SessionMirror;
  readonly #sink: AnswerSink;
  readonly #own: OwnAsking;
  #state: State = idle;
  /** Packets of the gateway's own in front of the answer to the command under way. */
  #inFront = 0;
  /** Number of the first packet of the answer: a command of more than 16 MB has used several. */
  #answersFrom = 1;
  /** What goes on when the gateway's own queries are answered. */
  #afterOwn: (() => void) | null = null;

  constructor(port: MachinePort, settings: Settings, statusFlags: number, options: MachineOptions) {
    this.#port = port;
    this.settings = settings;
    this.#mirror = new SessionMirror(settings, statusFlags, options.tracks);
    this.statements = this.#mirror.statements;
    this.replies = new Replies(options);
    this.#sink = new AnswerSink(this, this.#mirror, port, options);
    this.#own = new OwnAsking(settings);
    this.#commands = new ClientCommands(this, port, options);
    this.fastPath = new FastPath(this, port, options);
  }

  get state(): State {
    return this.#state;
  }

  /** Status flags as the target told them last. */
  get statusFlags(): number {
    return this.#mirror.statusFlags;
  }

  /** True when the next packet of the client may be given to `client`. */
  get takes(): boolean {
    return this.#state.kind === 'idle' || this.#sink.takesFile;
  }

  /** Nothing is under way on either side, and nothing has to be watched: the fast path can be taken. */
  get isAtRest(): boolean {
    return this.#state === idle && this.#afterOwn === null && this.#sink.triedBefore.isEmpty;
  }

  /** Sequence number that the client's next packet must have. */
  get expectedSequence(): number {
    return this.#sink.takesFile ? this.#sink.fileSequence : 0;
  }

  get isWaiting(): boolean {
    return this.#state.kind === 'judging';
  }

  get isRunning(): boolean {
    const { kind } = this.#state;
    return kind === 'running' || kind === 'raising' || (kind === 'quiet' && this.replies.isOpen);
  }

  /** Sequence number for a packet of the gateway's own to the client now. */
  get nextSequence(): number {
    if (this.#state.kind === 'idle' || (this.#state.kind === 'own' && this.#afterOwn === null)) return 1;
    return (
      (this.replies.isOpen && (this.#state.kind === 'running' || this.#state.kind === 'quiet')
        ? this.replies.nextSequence
        : this.#answersFrom + this.#inFront) & 0xff
    );
  }

  /** A packet in front of the answer: a progress report while the action waits. */
  inFront(payload: Buffer): void {
    if (this.#state.kind !== 'judging') return;
    this.#port.toClient(framed(payload, this.#answersFrom + this.#inFront));
    this.#inFront += 1;
  }

  // ---- inputs ----

  client(packet: Packet): void {
    if (this.#sink.takesFile) return this.#sink.filePart(packet);
    this.#inFront = 0;
    this.#answersFrom = packet.sequence + 1;
    this.#commands.take(packet.payload);
  }

  /** The ruling on what was submitted. */
  ruled(ruling: Ruling): void {
    const state = this.#state;
    if (state.kind !== 'judging') return; // the connection ended while people thought
    this.#state = idle;
    state.then(ruling);
  }

  target(chunk: Buffer): void {
    this.replies.walk(chunk, this.#sink);
    // Rows that came with nothing behind them: the client need not wait for the end to read them.
    if (this.#state.kind === 'running' && this.replies.rows > 0) this.#sink.show(this.#state.run);
  }

  /** KILL QUERY: a command that is not judged yet, because the catalogue is read, is not run. False: there is nothing to stop in it. */
  interrupts({ payload, sequence }: Packet): boolean {
    if (!runsText.has(payload[0] ?? 0)) return false;
    this.#inFront = 0;
    this.#answersFrom = sequence + 1;
    this.reply(interruptedError);
    return true;
  }

  /** KILL QUERY while the catalogue is read anew for what was released: it is not run. */
  interruptProof(): void {
    const state = this.#state;
    if (state.kind !== 'proving') return;
    this.#state = idle;
    this.#port.finish(state.run.permit, outcomeOf(wire.readErr(interruptedError), null));
    this.reply(interruptedError);
  }

  /** The catalogue was read after the statement was judged: does it still say that the statement reads? */
  #catalogueRenewed(run: Run): void {
    const state = this.#state;
    if (state.kind !== 'proving' || state.run !== run) return; // the connection ended meanwhile, or the statement was killed
    const { asked, permit, classification } = run;
    const mode = this.settings.renewed(asked.submission.mode);
    this.#state = idle;
    if (mode.catalogue !== null && mode.key === asked.submission.mode.key) return this.#run(run);
    const error = { code: `${readOnlyError} (25006)`, message: 'not run: what it reads has changed since it was judged' };
    this.#port.finish(permit, { kind: 'failed', rows: null, error });
    const classified = mode.catalogue === null ? unproved(classification) : null;
    this.ask({ ...asked, proved: true, submission: { ...asked.submission, mode, classified } });
  }

  // ---- to the target ----

  submission(text: string, parameters: readonly Parameter[] | null, mode: ReadingMode, digest: () => string): Submission {
    return {
      kind: 'statement',
      text,
      parameters,
      digest,
      mode,
      transaction: (this.statusFlags & wire.status.inTransaction) === 0 ? 'none' : 'open',
      classified: null,
      reason: this.#mirror.reason,
      prepared: this.#prepared,
    };
  }

  /** How a prepared text is read now. */
  modeOf(statement: WireStatement): ReadingMode {
    statement.mode = this.settings.renewed(statement.mode);
    return statement.mode;
  }

  readonly #prepared = (name: string): PreparedStatement | undefined => this.statements.named(name, this.settings.mode);

  submit(submission: Submission, released: (ruling: Extract<Ruling, { kind: 'release' }>) => void): void {
    this.#waitFor(released);
    this.#port.submit(submission);
  }

  #waitFor(released: (ruling: Extract<Ruling, { kind: 'release' }>) => void): void {
    const then = (ruling: Ruling): void => {
      if (ruling.kind === 'refuse') return this.reply(refusalError(ruling.refusal));
      ruling.permit.open();
      released(ruling);
    };
    this.#state = { kind: 'judging', then };
  }

  ask(asked: Asked): void {
    this.submit(this.#sink.triedBefore.known(asked.submission), (ruling) => this.#start(runOf(asked, ruling)));
  }

  // ---- for the fast path ----

  /** It was submitted, and the ruling comes through `ruled`. */
  waits(asked: Asked): void {
    this.#inFront = 0;
    this.#answersFrom = 1;
    this.#waitFor((ruling) => this.#start(runOf(asked, ruling)));
  }

  /** It was released, and is at the target. */
  runs(run: Run): void {
    this.#inFront = 0;
    this.#answersFrom = 1;
    this.#begin(run);
  }

  isFenced(obligations: Obligations, classification: Classification): boolean {
    return this.#mirror.fenceNeed(obligations, classification) !== 'none';
  }

  /** It ran, and came to its end with these. */
  completed(permit: Run['permit'], classification: Classification, rows: number, statusFlags: number): void {
    this.#mirror.flags(statusFlags);
    this.#mirror.plainly(classification);
    this.#port.finish(permit, completed(rows));
  }

  #start(run: Run): void {
    switch (this.#mirror.fenceNeed(run.obligations, run.classification)) {
      case 'none':
        return this.#run(run);
      case 'transaction':
        this.#state = { kind: 'raising', run };
        this.replies.begin('ok', { ...plainTerms, hides: hiddenFlags });
        return this.#port.toTargetQuietly(raiseQuery);
      case 'proof':
        if (run.asked.proved) return this.#run(run);
        this.#state = { kind: 'proving', run };
        return this.#port.renewCatalogue(() => this.#catalogueRenewed(run));
    }
  }

  #run(run: Run): void {
    const { statementTimeoutMs: ms } = run.obligations;
    this.#begin(run);
    if (ms !== undefined) this.#port.limitTime({ ms, met: () => this.met(run, 'time') });
    for (const packet of run.asked.packets()) this.#port.toTarget(run.permit, packet);
  }

  #begin(run: Run): void {
    const { asked, obligations, fenced } = run;
    const { rowsMax = null } = obligations;
    this.#state = { kind: 'running', run };
    this.#sink.begin(run);
    this.replies.begin(asked.shape, { ...this.#terms, rowsMax, hides: fenced ? hiddenFlags : 0, asksCursor: asked.asksCursor });
  }

  get #terms(): ReplyTerms {
    return { ...plainTerms, shift: this.#inFront, from: this.#answersFrom & 0xff };
  }

  quiet(payload: Buffer, shape: ReplyShape, preparing: Preparing | null = null, fetched: WireStatement | null = null): void {
    this.#state = { kind: 'quiet', command: payload[0] as number, preparing, fetched };
    if (fetched !== null) this.#sink.beginFetch(fetched);
    this.replies.begin(shape, { ...this.#terms, shift: 0, rowsMax: fetched?.cursor?.rowsLeft ?? null });
    this.#port.toTargetQuietly(framed(payload, 0));
  }

  /** Nothing more of its answer is shown, and the target is told to stop. */
  met(run: Run, limit: Limit): void {
    if (run.met !== null) return;
    run.met = limit;
    this.replies.silence();
    this.#port.stopTarget();
  }

  /** The gateway's own queries, before the client's next command. */
  #runOwn(): void {
    const next = this.#own.next();
    if (next === undefined) {
      const goesOn = this.#afterOwn;
      this.#afterOwn = null;
      return goesOn?.();
    }
    this.#state = { kind: 'own' };
    this.replies.begin('results');
    this.#port.toTargetQuietly(next);
  }

  /** What user variables are now, before a command is judged by them. */
  askVariables(names: readonly string[], then: (values: VariableValues) => void): void {
    this.#own.addFor(variablesQuery(names), names.length, (cells) => (this.#afterOwn = () => then(valuesOf(names, cells))));
    this.#runOwn();
  }

  ownRow(payload: Buffer): void {
    this.#own.row(payload);
  }

  /** `then` hears whether it was one of the person's own connections; the client's next command comes after it. */
  kill(connectionId: number, what: 'query' | 'connection', then: (killed: boolean) => void): void {
    this.#state = { kind: 'killing' };
    this.#port.killOwn(connectionId, what, (killed) => {
      this.#state = idle;
      then(killed);
    });
  }

  reply(payload: Buffer): void {
    this.#port.toClient(framed(payload, this.#answersFrom + this.#inFront));
    this.#inFront = 0;
  }

  // ---- how answers end ----

  ended(end: ReplyEnd): void {
    const state = this.#state;
    if (end.statusFlags !== null) this.#mirror.flags(end.statusFlags);
    this.#state = idle;
    switch (state.kind) {
      case 'raising':
        return this.#raised(state.run, end);
      case 'running':
        this.#runEnded(state.run, end);
        break;
      case 'quiet':
        if (state.fetched !== null) this.#fetchEnded(state.fetched, end);
        this.#quietEnded(state.command, end);
        break;
      case 'own':
        this.#own.ended(end);
        break;
      case 'idle':
      case 'judging':
      case 'killing':
      case 'proving':
        throw new Fault('protocol-violation', 'an answer that nobody asked for');
    }
    this.#runOwn();
  }

  /** The fence stands, or the statement does not run. */
  #raised(run: Run, { error }: ReplyEnd): void {
    if (error === null) {
      run.fenced = true;
      run.kept = [];
      return this.#run(run);
    }
    this.#port.finish(run.permit, outcomeOf(error, null));
    this.reply(wire.err(error.number, error.sqlState, error.message));
  }

  #runEnded(run: Run, end: ReplyEnd): void {
    const { asked, obligations, classification, permit, met } = run;
    if (obligations.statementTimeoutMs !== undefined) this.#port.limitTime(null);
    if (run.fenced) this.#own.add(lowerQuery);
    if (run.stopped !== null) return this.#stopped(run, run.stopped);
    this.#sink.show(run);
    this.#sink.record(permit);
    const changes = classification.statements.flatMap((it) => it.changes);
    this.#own.add(...this.#mirror.ran(asked, classification, changes, end));
    // A failed text may have changed the schema before it failed.
    if (changes.some((it) => it.kind === 'schema-changed')) this.#port.schemaChanged();
    const rows = end.endedRows ? this.replies.rows : end.affectedRows;
    if (asked.asksCursor && ((end.statusFlags ?? 0) & wire.status.cursorExists) !== 0) cursorOpened(asked.statement, obligations);
    if (met === null || !this.replies.isSilent) return this.#finish(permit, outcomeOf(end.error, rows));
    const { code, message, payload } = limitError(met, obligations);
    this.#port.toClient(framed(payload, this.replies.nextSequence));
    this.#finish(permit, { kind: 'failed', rows, error: { code, message } });
  }

  #finish(permit: Run['permit'], outcome: Outcome): void {
    this.#inFront = 0;
    this.#port.finish(permit, outcome);
  }

  /** The fence has stopped a write, and the client knows nothing of it: it is judged as one, and runs without the fence if it may. */
  #stopped({ asked, permit, classification }: Run, error: wire.ErrPacket): void {
    this.#port.finish(permit, outcomeOf(error, null));
    this.#afterOwn = () => this.ask({ ...asked, submission: { ...asked.submission, classified: stoppedWrite(classification, error) } });
  }

  /** One FETCH of a cursor whose rows are limited. */
  #fetchEnded(statement: WireStatement, { error }: ReplyEnd): void {
    const { cursor } = statement;
    if (cursor === null) return;
    if (error === null) cursor.rowsLeft -= Math.min(cursor.rowsLeft, this.replies.rows);
    if (this.replies.isSilent) this.#port.toClient(framed(limitError('rows', cursor.obligations).payload, this.replies.nextSequence));
  }

  #quietEnded(command: number, end: ReplyEnd): void {
    if (command === wire.command.prepare && end.error !== null) this.statements.prepareFailed();
    if (command !== wire.command.resetConnection || end.error !== null) return;
    this.#own.add(...this.#mirror.reset());
  }
}
