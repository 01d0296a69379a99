// The relay of one signed-in client: commands in, rulings in, the target's answers in; bytes, submissions and outcomes out
// through the port. No sockets, no policies, no clock. One command at a time, as the protocol has it.

import type { PreparedStatement } from '../../src/core/action.ts';
import { Fault } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import { framed, type Packet } from './codec.ts';
import { killOf, quoted, refusedCommand, unknownStatement } from './commands.ts';
import { digestOf, planExecution, type Planned } from './execution.ts';
import { planBulk } from './bulk.ts';
import { BodyReader } from './body-reader.ts';
import * as wire from './messages.ts';
import { OwnAsking } from './own-asking.ts';
import { probeQuery, queriesAfter, trackQuery } from './own-texts.ts';
import type { MachineOptions, MachinePort } from './port.ts';
import { refusalError } from './refusal.ts';
import { Replies, type PreparedOk, type ReplyEnd, type ReplyShape, type ReplySink } from './replies.ts';
import { ResultRows } from './result-rows.ts';
import { readColumn } from './rows.ts';
import type { Settings } from './settings.ts';
import { idle, runOf, type Preparing, type Run, type State } from './state.ts';
import { dropLongData, keepLongData, Statements, statementsMax } from './statements.ts';

export class Machine implements ReplySink {
  readonly settings: Settings;
  readonly statements = new Statements();
  readonly replies: Replies;
  readonly #port: MachinePort;
  readonly #options: MachineOptions;
  #state: State = idle;
  #statusFlags: number;
  /** Packets of the gateway's own in front of the answer to the command under way. */
  #inFront = 0;
  /** Number of the first packet of the answer: a command of more than 16 MB has used several. */
  #answersFrom = 1;
  readonly #rows = new ResultRows();
  #sendingFile = false;
  #fileSequence = 0;
  readonly #own: OwnAsking;

  constructor(port: MachinePort, settings: Settings, statusFlags: number, options: MachineOptions) {
    this.#port = port;
    this.settings = settings;
    this.#own = new OwnAsking(settings);
    this.#statusFlags = statusFlags;
    this.#options = options;
    this.replies = new Replies(options);
  }

  /** True when the next packet of the client may be given to `client`. */
  get takes(): boolean {
    return this.#state.kind === 'idle' || this.#sendingFile;
  }

  /** Sequence number that the client's next packet must have. */
  get expectedSequence(): number {
    return this.#sendingFile ? (this.#fileSequence + this.replies.shift) & 0xff : 0;
  }

  get isWaiting(): boolean {
    return this.#state.kind === 'judging';
  }

  get isRunning(): boolean {
    return this.#state.kind === 'running' || (this.#state.kind === 'quiet' && this.replies.isOpen);
  }

  /** Sequence number for a packet of the gateway's own to the client now. */
  get nextSequence(): number {
    if (this.#state.kind === 'idle' || this.#state.kind === 'own') return 1;
    return (this.replies.isOpen ? this.replies.nextSequence : this.#answersFrom + this.#inFront) & 0xff;
  }

  /** A packet in front of the answer: a progress report while the action waits. */
  inFront(payload: Buffer): void {
    if (this.#state.kind !== 'judging') return;
    this.#port.toClient(framed(payload, this.#answersFrom + this.#inFront));
    this.#inFront += 1;
  }

  // ---- inputs ----

  client(packet: Packet): void {
    if (this.#sendingFile) return this.#filePart(packet);
    this.#inFront = 0;
    this.#answersFrom = packet.sequence + 1;
    const { payload } = packet;
    const argument = payload.subarray(1);
    const command = payload[0];
    switch (command) {
      case wire.command.query:
        return this.#query(payload, argument);
      case wire.command.prepare:
        return this.#prepare(payload, argument);
      case wire.command.execute:
        return this.#execute(planExecution(argument, this.statements));
      case wire.command.bulkExecute:
        return this.#execute(planBulk(argument, this.statements, this.#options.takesBulk));
      case wire.command.sendLongData:
        return keepLongData(argument, this.statements);
      case wire.command.closeStatement:
        return this.#close(payload);
      case wire.command.resetStatement:
        return this.#resetStatement(payload);
      case wire.command.fetch:
        return this.#fetch(payload);
      case wire.command.initDb:
        return this.#initDb(argument);
      case wire.command.fieldList:
        return this.#fieldList(payload, argument);
      case wire.command.processInfo:
        return this.#submitText('SHOW PROCESSLIST', payload, argument, 'results');
      case wire.command.processKill:
        return this.#processKill(argument);
      case wire.command.ping:
      case wire.command.setOption:
      case wire.command.resetConnection:
        return this.#quiet(payload, 'ok');
      case wire.command.statistics:
        return this.#quiet(payload, 'text');
      case wire.command.quit:
        return this.#port.clientQuit();
      case wire.command.changeUser:
        return this.#port.changeUser(argument);
      default:
        return this.#reply(refusedCommand(command ?? 0));
    }
  }

  /** The ruling that `submit` did not give at once. */
  ruled(ruling: Ruling): void {
    const state = this.#state;
    if (state.kind !== 'judging') return; // the connection ended while people thought
    this.#state = idle;
    state.then(ruling);
  }

  target(chunk: Buffer): void {
    this.replies.walk(chunk, this);
  }

  // ---- commands ----

  #query(payload: Buffer, argument: Buffer): void {
    if (argument.length > this.#options.statementBytesMax) return this.#refuseLength(argument);
    const text = this.settings.decode(argument);
    const killed = killOf(text);
    if (killed !== null && this.#port.killOwn(killed.connectionId, killed.what)) return this.#reply(wire.ok(this.#statusFlags));
    this.#submitText(text, payload, argument, 'results');
  }

  /** A command that is judged as this text. */
  #submitText(text: string, payload: Buffer, digested: Buffer, shape: ReplyShape, database: string | null = null): void {
    const submission = this.#submission(text, [digested]);
    this.#submit(submission, (ruling) => {
      this.#run({ ...runOf(ruling), text, statement: null, database }, [framed(payload, 0)], shape);
    });
  }

  #initDb(argument: Buffer): void {
    const { targetName, targetDatabase } = this.#options;
    const asked = argument.toString('utf8');
    const database = asked === targetName && targetDatabase !== null ? targetDatabase : asked;
    const payload = Buffer.concat([Buffer.from([wire.command.initDb]), Buffer.from(database, 'utf8')]);
    this.#submitText(`USE ${quoted(database)}`, payload, argument, 'ok', database);
  }

  #fieldList(payload: Buffer, argument: Buffer): void {
    const end = argument.indexOf(0);
    const table = argument.subarray(0, end === -1 ? argument.length : end).toString('utf8');
    this.#submitText(`SHOW COLUMNS FROM ${quoted(table)}`, payload, argument, 'columns');
  }

  #processKill(argument: Buffer): void {
    const id = argument.length === 4 ? argument.readUInt32LE(0) : -1;
    if (this.#port.killOwn(id, 'connection')) return this.#reply(wire.ok(this.#statusFlags));
    this.#reply(wire.err(1095, 'HY000', `thread ${id} is not a connection of yours through the gateway`));
  }

  /** ER_NET_PACKET_TOO_LARGE */
  #refuseLength(argument: Buffer): void {
    this.#reply(wire.err(1153, '08S01', `a statement of ${argument.length} bytes: the gateway reads ${this.#options.statementBytesMax}`));
  }

  #prepare(payload: Buffer, argument: Buffer): void {
    if (argument.length > this.#options.statementBytesMax) {
      this.statements.prepareFailed();
      return this.#refuseLength(argument);
    }
    const text = this.settings.decode(argument);
    if (this.statements.size >= statementsMax) {
      this.statements.prepareFailed();
      return this.#reply(wire.err(1461, '42000', `the gateway keeps ${statementsMax} prepared statements for a session, its limit`));
    }
    // What can only be denied is denied now; what may be held or allowed is judged when it is executed, with its parameters.
    const submission = this.#submission(text, [argument]);
    const preparing = { text, textBytes: Buffer.from(argument) };
    if (this.#port.foreseesDenial(submission) === true) {
      this.statements.prepareFailed();
      return this.#submit(submission, ({ permit }) => {
        // The policies changed in between: go on as if they had not denied it.
        this.#port.finish(permit, { kind: 'completed', rows: null, error: null });
        this.#quiet(payload, 'prepared', preparing);
      });
    }
    this.#quiet(payload, 'prepared', preparing);
  }

  #execute(planned: Planned): void {
    if (planned.kind === 'refused') return this.#reply(planned.error);
    const { statement, parameters, digested, packets } = planned.execution;
    const mode = this.settings.renewed(statement.mode);
    this.#submit({ ...this.#submission(statement.text, digested), parameters, mode }, (ruling) => {
      this.#run({ ...runOf(ruling), text: statement.text, statement, database: null }, packets(), 'results');
    });
  }

  #close(payload: Buffer): void {
    const id = new BodyReader(payload, 1).uint32();
    const statement = this.statements.get(id);
    if (statement === undefined) return;
    this.statements.closed(id);
    this.#port.toTargetQuietly(framed(payload, 0)); // no answer
  }

  #resetStatement(payload: Buffer): void {
    const id = new BodyReader(payload, 1).uint32();
    const statement = this.statements.get(id);
    if (statement === undefined) return this.#reply(unknownStatement(id, 'mysqld_stmt_reset'));
    dropLongData(statement);
    this.#quiet(payload, 'ok');
  }

  #fetch(payload: Buffer): void {
    const id = new BodyReader(payload, 1).uint32();
    if (this.statements.get(id) === undefined) return this.#reply(unknownStatement(id, 'mysqld_stmt_fetch'));
    this.#quiet(payload, 'rows');
  }

  // ---- to the target ----

  #submission(text: string, digested: readonly Buffer[]): Submission {
    return {
      kind: 'statement',
      text,
      parameters: null,
      digest: () => digestOf(digested),
      mode: this.settings.mode,
      transaction: (this.#statusFlags & wire.status.inTransaction) === 0 ? 'none' : 'open',
      classified: null,
      prepared: this.#prepared,
    };
  }

  readonly #prepared = (name: string): PreparedStatement | undefined => this.statements.named(name);

  #submit(submission: Submission, released: (ruling: Extract<Ruling, { kind: 'release' }>) => void): void {
    const then = (ruling: Ruling): void => {
      if (ruling.kind === 'refuse') return this.#reply(refusalError(ruling.refusal));
      ruling.permit.open();
      released(ruling);
    };
    const waiting: State = { kind: 'judging', then };
    this.#state = waiting;
    const ruling = this.#port.submit(submission);
    if (ruling === null) return;
    this.#state = idle;
    then(ruling);
  }

  #run(run: Run, packets: readonly Buffer[], shape: ReplyShape): void {
    this.#state = { kind: 'running', run };
    this.#rows.begin();
    this.replies.begin(shape, this.#inFront);
    for (const packet of packets) this.#port.toTarget(run.permit, packet);
  }

  #quiet(payload: Buffer, shape: ReplyShape, preparing: Preparing | null = null): void {
    this.#state = { kind: 'quiet', command: payload[0] as number, preparing };
    this.replies.begin(shape, 0);
    this.#port.toTargetQuietly(framed(payload, 0));
  }

  /** The gateway's own queries, before the client's next command. */
  #runOwn(): void {
    const next = this.#own.next();
    if (next === undefined) return;
    this.#state = { kind: 'own' };
    this.replies.begin('results', 0);
    this.#port.toTargetQuietly(next);
  }

  #reply(payload: Buffer): void {
    this.#port.toClient(framed(payload, this.#answersFrom + this.#inFront));
    this.#inFront = 0;
  }

  // ---- LOAD DATA LOCAL ----

  /** A part of the client's file goes on under the permit of the statement that asked for it; an empty one ends it. */
  #filePart(packet: Packet): void {
    if (this.#state.kind !== 'running') throw new Fault('protocol-violation', 'a file without a statement');
    const sequence = this.#fileSequence;
    const full = Math.floor(packet.payload.length / 0xffffff);
    this.#port.toTarget(this.#state.run.permit, framed(packet.payload, sequence));
    this.#fileSequence = (sequence + full + 1) & 0xff;
    if (packet.payload.length > 0) return;
    this.#sendingFile = false;
    this.replies.fileSent(this.#fileSequence);
  }

  // ---- ReplySink ----

  get gathersRows(): boolean {
    if (this.#state.kind === 'own') return true;
    return this.#state.kind === 'running' && this.#state.run.recordsResults && !this.#rows.isFull;
  }

  forward(bytes: Buffer): void {
    if (this.#state.kind !== 'own') this.#port.toClient(bytes);
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
    this.statements.confirmed({
      id: packet.id,
      text,
      textBytes,
      mode: this.settings.mode,
      parameterCount: packet.parameters,
      columns: [],
      types: null,
      typesAtTarget: null,
      longData: new Map(),
      longDataBytes: 0,
      longDataLost: false,
    });
  }

  localFile(): boolean {
    if (this.#state.kind !== 'running') return false;
    const { classification } = this.#state.run;
    const named = classification.statements.some((it) => it.effects.some((effect) => effect.verb === 'file-read'));
    if (!named) return false;
    this.#sendingFile = true;
    this.#fileSequence = (this.replies.nextSequence - this.replies.shift) & 0xff;
    return true;
  }

  columns(follow: boolean): void {
    if (this.#state.kind === 'running') this.#rows.columns(follow, this.#state.run.statement);
  }

  column(payload: Buffer): void {
    if (this.#state.kind === 'running') this.#rows.column(payload);
    else if (this.#state.kind === 'quiet') this.statements.last?.columns.push(readColumn(payload));
  }

  row(payload: Buffer): void {
    if (this.#state.kind === 'own') this.#own.row(payload);
    else if (this.#state.kind === 'running') this.#rows.row(payload, this.#state.run.statement !== null);
  }

  end(end: ReplyEnd): void {
    const state = this.#state;
    if (end.statusFlags !== null) {
      this.#statusFlags = end.statusFlags;
      this.settings.flags(end.statusFlags);
    }
    this.#state = idle;
    this.#inFront = 0;
    switch (state.kind) {
      case 'running':
        this.#ended(state.run, end);
        break;
      case 'quiet':
        this.#quietEnded(state.command, end);
        break;
      case 'own':
        this.#own.ended(end);
        break;
      case 'idle':
      case 'judging':
        throw new Fault('protocol-violation', 'an answer that nobody asked for');
    }
    this.#runOwn();
  }

  #ended(run: Run, end: ReplyEnd): void {
    const { error } = end;
    const changes = run.classification.statements.flatMap((it) => it.changes);
    if (this.#rows.rows.length > 0) this.#port.recordRows(run.permit, this.#rows.rows);
    if (error === null) {
      this.statements.changed(run.text, changes);
      if (run.database !== null) this.settings.database(run.database);
    } else {
      this.statements.failed(changes);
    }
    // A failed text may have changed the schema before it failed.
    if (changes.some((it) => it.kind === 'schema-changed')) this.#port.schemaChanged();
    this.#own.add(...queriesAfter(run.classification, end, this.#options.tracks));
    const rows = end.endedRows ? this.replies.rows : end.affectedRows;
    const outcome: Outcome = {
      kind: error === null ? 'completed' : error.number === interrupted ? 'cancelled' : 'failed',
      rows,
      error: error === null ? null : { code: `${error.number} (${error.sqlState})`, message: error.message },
    };
    this.#port.finish(run.permit, outcome);
  }

  #quietEnded(command: number, end: ReplyEnd): void {
    if (command === wire.command.prepare && end.error !== null) this.statements.prepareFailed();
    if (command !== wire.command.resetConnection || end.error !== null) return;
    // Everything of the session is as after sign-in; prepared statements are gone.
    this.statements.clear();
    if (this.#options.tracks) this.#own.add(trackQuery);
    this.#own.add(probeQuery);
  }
}

/** ER_QUERY_INTERRUPTED */
const interrupted = 1317;
