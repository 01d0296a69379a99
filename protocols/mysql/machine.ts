// The relay of one signed-in client: commands in, rulings in, the target's answers in; bytes, submissions and outcomes out
// through the port. No sockets, no policies, no clock. One command at a time, as the protocol has it.

import type { Parameter, PreparedStatement, ReadingMode } from '../../src/core/action.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Masking } from '../../src/core/masking.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import type { Limit } from '../../src/core/words.ts';
import { framed, type Packet } from './codec.ts';
import { ClientCommands } from './client-commands.ts';
import { ClientFile } from './client-file.ts';
import { FastPath } from './fast-path.ts';
import { Fence, hiddenFlags, lowerQuery, raiseQuery, readOnlyError } from './fence.ts';
import { limitError } from './limits.ts';
import { withoutValues } from './masking.ts';
import * as wire from './messages.ts';
import { completed, outcomeOf } from './outcomes.ts';
import { OwnAsking } from './own-asking.ts';
import { probeQuery, queriesAfter, trackQuery } from './own-texts.ts';
import type { MachineOptions, MachinePort } from './port.ts';
import { refusalError } from './refusal.ts';
import { Replies } from './replies.ts';
import { dropped, plainTerms, type PreparedOk, type ReplyEnd, type ReplyShape, type ReplySink, type ReplyTerms } from './reply-sink.ts';
import { ResultRows } from './result-rows.ts';
import { readColumn } from './rows.ts';
import { reasonAfter, type Settings } from './settings.ts';
import { idle, runOf, type Asked, type Preparing, type Run, type State } from './state.ts';
import { cursorOpened, preparedStatement, Statements, type WireStatement } from './statements.ts';
import { stoppedWrite, TriedBefore, unproved } from './stopped-write.ts';

export class Machine implements ReplySink {
  readonly settings: Settings;
  readonly statements = new Statements();
  readonly replies: Replies;
  readonly fastPath: FastPath;
  readonly #port: MachinePort;
  readonly #options: MachineOptions;
  #state: State = idle;
  #statusFlags: number;
  /** Packets of the gateway's own in front of the answer to the command under way. */
  #inFront = 0;
  /** Number of the first packet of the answer: a command of more than 16 MB has used several. */
  #answersFrom = 1;
  readonly #rows = new ResultRows();
  readonly #commands: ClientCommands;
  readonly #file = new ClientFile();
  readonly #own: OwnAsking;
  readonly #fence = new Fence();
  readonly #triedBefore = new TriedBefore();
  /** What goes on when the gateway's own queries are answered. */
  #afterOwn: (() => void) | null = null;
  /** What the session says that it is for. */
  #reason: string | null = null;

  constructor(port: MachinePort, settings: Settings, statusFlags: number, options: MachineOptions) {
    this.#port = port;
    this.settings = settings;
    this.#own = new OwnAsking(settings);
    this.#statusFlags = statusFlags;
    this.#options = options;
    this.replies = new Replies(options);
    this.#commands = new ClientCommands(this, port, options);
    this.fastPath = new FastPath(this, port, options);
  }

  /** Status flags as the target told them last. */
  get statusFlags(): number {
    return this.#statusFlags;
  }

  /** True when the next packet of the client may be given to `client`. */
  get takes(): boolean {
    return this.#state.kind === 'idle' || this.#file.isSending;
  }

  /** Nothing is under way on either side, and nothing has to be watched: the fast path can be taken. */
  get isAtRest(): boolean {
    return this.#state === idle && this.#afterOwn === null && this.#triedBefore.isEmpty;
  }

  /** Sequence number that the client's next packet must have. */
  get expectedSequence(): number {
    return this.#file.isSending ? (this.#file.sequence + this.replies.shift) & 0xff : 0;
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
    if (this.#file.isSending) return this.#filePart(packet);
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
    this.replies.walk(chunk, this);
    // Rows that came with nothing behind them: the client need not wait for the end to read them.
    if (this.#state.kind === 'running' && this.replies.rows > 0) this.#show(this.#state.run);
  }

  /** The catalogue was read after the statement was judged: does it still say that the statement reads? */
  catalogueRenewed(): void {
    const state = this.#state;
    if (state.kind !== 'proving') return; // the connection ended meanwhile
    const { asked, permit, classification } = state.run;
    const mode = this.settings.renewed(asked.submission.mode);
    this.#state = idle;
    if (mode.catalogue !== null && mode.key === asked.submission.mode.key) return this.#run(state.run);
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
      transaction: (this.#statusFlags & wire.status.inTransaction) === 0 ? 'none' : 'open',
      classified: null,
      reason: this.#reason,
      prepared: this.#prepared,
    };
  }

  /** How a prepared text is read now. */
  modeOf(statement: WireStatement): ReadingMode {
    statement.mode = this.settings.renewed(statement.mode);
    return statement.mode;
  }

  readonly #prepared = (name: string): PreparedStatement | undefined => this.statements.named(name);

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
    this.submit(this.#triedBefore.known(asked.submission), (ruling) => this.#start(runOf(asked, ruling)));
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
    return this.#fence.need(obligations, classification, this.#statusFlags) !== 'none';
  }

  /** It ran, and came to its end with these. */
  completed(permit: Run['permit'], classification: Classification, rows: number, statusFlags: number): void {
    this.#statusFlags = statusFlags;
    this.settings.flags(statusFlags);
    this.#fence.completed(classification);
    this.#port.finish(permit, completed(rows));
  }

  #start(run: Run): void {
    switch (this.#fence.need(run.obligations, run.classification, this.#statusFlags)) {
      case 'none':
        return this.#run(run);
      case 'transaction':
        this.#state = { kind: 'raising', run };
        this.replies.begin('ok', { ...plainTerms, hides: hiddenFlags });
        return this.#port.toTargetQuietly(raiseQuery);
      case 'proof':
        if (run.asked.proved) return this.#run(run);
        this.#state = { kind: 'proving', run };
        return this.#port.renewCatalogue();
    }
  }

  #run(run: Run): void {
    const { statementTimeoutMs: ms } = run.obligations;
    this.#begin(run);
    if (ms !== undefined) this.#port.limitTime({ ms, met: () => this.#met(run, 'time') });
    for (const packet of run.asked.packets()) this.#port.toTarget(run.permit, packet);
  }

  #begin(run: Run): void {
    const { asked, obligations, fenced } = run;
    const { rowsMax = null } = obligations;
    this.#state = { kind: 'running', run };
    this.#rows.begin(run.masking);
    if (asked.statement !== null) asked.statement.masking = run.masking;
    this.replies.begin(asked.shape, { ...this.#terms, rowsMax, hides: fenced ? hiddenFlags : 0 });
  }

  get #terms(): ReplyTerms {
    return { ...plainTerms, shift: this.#inFront, from: this.#answersFrom & 0xff };
  }

  quiet(payload: Buffer, shape: ReplyShape, preparing: Preparing | null = null, fetched: WireStatement | null = null): void {
    this.#state = { kind: 'quiet', command: payload[0] as number, preparing, fetched };
    if (fetched !== null) {
      this.#rows.begin(fetched.masking);
      this.#rows.columns(false, fetched);
    }
    this.replies.begin(shape, { ...this.#terms, shift: 0, rowsMax: fetched?.cursor?.rowsLeft ?? null });
    this.#port.toTargetQuietly(framed(payload, 0));
  }

  #met(run: Run, limit: Limit): void {
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

  // ---- LOAD DATA LOCAL ----

  /** A part of the client's file goes on under the permit of the statement that asked for it; an empty one ends it. */
  #filePart(packet: Packet): void {
    if (this.#state.kind !== 'running') throw new Fault('protocol-violation', 'a file without a statement');
    this.#port.toTarget(this.#state.run.permit, this.#file.part(packet));
    if (!this.#file.isSending) this.replies.fileSent(this.#file.sequence);
  }

  // ---- ReplySink ----

  get gathersRows(): boolean {
    return this.#state.kind === 'own' || this.masksRows || this.#records;
  }

  get #records(): boolean {
    // What is walked past beyond a limit is recorded no more than it is shown.
    if (this.#state.kind !== 'running' || this.replies.isSilent) return false;
    return this.#state.run.obligations.recordResults && !this.#rows.isFull;
  }

  get masksRows(): boolean {
    return this.#masking !== null;
  }

  get #masking(): Masking | null {
    if (this.#state.kind === 'running') return this.#state.run.masking;
    return this.#state.kind === 'quiet' ? (this.#state.fetched?.masking ?? null) : null;
  }

  withoutValues(error: wire.ErrPacket): ReturnType<typeof withoutValues> {
    return this.#masking === null ? null : withoutValues(error, this.#masking);
  }

  forward(bytes: Buffer): void {
    const { kind } = this.#state;
    if (kind === 'own' || kind === 'raising') return;
    const kept = kind === 'running' ? this.#state.run.kept : null;
    if (kept === null) this.#port.toClient(bytes);
    else kept.push(bytes);
  }

  #show(run: Run): void {
    for (const bytes of run.kept ?? []) this.#port.toClient(bytes);
    run.kept = null;
  }

  failed(error: wire.ErrPacket): Buffer | null {
    if (this.#state.kind !== 'running' || !this.#state.run.fenced || error.number !== readOnlyError) return null;
    const { run } = this.#state;
    if (run.kept === null) return this.#triedBefore.add(run.asked.submission.text, run.classification, error);
    run.stopped = error;
    return dropped;
  }

  rowsMet(): void {
    if (this.#state.kind === 'running') this.#met(this.#state.run, 'rows');
  }

  ok(payload: Buffer, packet: wire.OkPacket): Buffer | null {
    for (const change of packet.changes) {
      if (change.kind === 'database') this.settings.database(change.name);
      else this.settings.reported(change.name, change.value);
    }
    return this.#options.tracks && !this.#options.clientTracks ? wire.withoutTracking(payload, packet) : null;
  }

  prepared(packet: PreparedOk): void {
    if (this.#state.kind !== 'quiet' || this.#state.preparing === null)
      throw new Fault('protocol-violation', 'a prepared statement that nobody asked for');
    const { text, textBytes } = this.#state.preparing;
    const { mode } = this.settings;
    this.statements.confirmed(preparedStatement({ id: packet.id, text, textBytes, mode, parameterCount: packet.parameters }));
  }

  localFile(): boolean {
    if (this.#state.kind !== 'running') return false;
    const { classification } = this.#state.run;
    const named = classification.statements.some((it) => it.effects.some((effect) => effect.verb === 'file-read'));
    if (!named) return false;
    this.#file.begin(this.replies.nextSequence - this.replies.shift);
    return true;
  }

  columns(follow: boolean): void {
    if (this.#state.kind === 'running') this.#rows.columns(follow, this.#state.run.asked.statement);
  }

  column(payload: Buffer): void {
    if (this.#state.kind === 'running') this.#rows.column(payload);
    else if (this.#state.kind === 'quiet') this.statements.last?.columns.push(readColumn(payload));
  }

  row(payload: Buffer): Buffer | null {
    const { kind } = this.#state;
    if (kind === 'own') this.#own.row(payload);
    if (kind !== 'running' && kind !== 'quiet') return null;
    const isBinary = kind === 'quiet' || this.#state.run.asked.statement !== null;
    return this.#rows.row(payload, isBinary, this.#records);
  }

  end(end: ReplyEnd): void {
    const state = this.#state;
    if (end.statusFlags !== null) {
      this.#statusFlags = end.statusFlags;
      this.settings.flags(end.statusFlags);
    }
    this.#state = idle;
    switch (state.kind) {
      case 'raising':
        return this.#raised(state.run, end);
      case 'running':
        this.#ended(state.run, end);
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

  #ended(run: Run, end: ReplyEnd): void {
    const { asked, obligations, classification, permit, met } = run;
    if (obligations.statementTimeoutMs !== undefined) this.#port.limitTime(null);
    if (run.fenced) this.#own.add(lowerQuery);
    if (run.stopped !== null) return this.#stopped(run, run.stopped);
    this.#show(run);
    const changes = classification.statements.flatMap((it) => it.changes);
    if (this.#rows.rows.length > 0) this.#port.recordRows(permit, this.#rows.rows);
    if (end.error === null) {
      this.statements.changed(asked.submission.text, changes);
      if (asked.database !== null) this.settings.database(asked.database);
      this.#reason = reasonAfter(changes, this.#reason);
      this.#fence.completed(classification);
    } else {
      this.statements.failed(changes);
    }
    // A failed text may have changed the schema before it failed.
    if (changes.some((it) => it.kind === 'schema-changed')) this.#port.schemaChanged();
    this.#own.add(...queriesAfter(classification, end, this.#options.tracks));
    const rows = end.endedRows ? this.replies.rows : end.affectedRows;
    if (((end.statusFlags ?? 0) & wire.status.cursorExists) !== 0) cursorOpened(asked.statement, obligations);
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
    // Everything of the session is as after sign-in; prepared statements are gone.
    this.statements.clear();
    this.#fence.reset();
    this.#reason = null;
    if (this.#options.tracks) this.#own.add(trackQuery);
    this.#own.add(probeQuery);
  }
}
