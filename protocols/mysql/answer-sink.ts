// What becomes of the target's answer while it comes: what the client is shown of it, masked or kept back, what is recorded, and
// what the session learns. How an answer ends, and what follows, is the machine's.

import { Fault } from '../../src/core/errors.ts';
import type { Masking } from '../../src/core/masking.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Limit } from '../../src/core/words.ts';
import { ClientFile } from './client-file.ts';
import { framed, type Packet } from './codec.ts';
import { readOnlyError } from './fence.ts';
import { withoutValues } from './masking.ts';
import { withoutTracking, type ErrPacket, type OkPacket } from './messages.ts';
import type { SessionMirror } from './mirror.ts';
import type { MachineOptions, MachinePort } from './port.ts';
import type { Replies } from './replies.ts';
import { dropped, type PreparedOk, type ReplyEnd, type ReplySink } from './reply-sink.ts';
import { ResultRows } from './result-rows.ts';
import { readColumn } from './column-definition.ts';
import type { Run, State } from './state.ts';
import type { WireStatement } from './statements.ts';
import { TriedBefore } from './stopped-write.ts';

/** What it asks of the machine, and tells it. */
export interface Relay {
  readonly state: State;
  readonly replies: Replies;
  /** A row of the gateway's own query. */
  ownRow(payload: Buffer): void;
  met(run: Run, limit: Limit): void;
  ended(end: ReplyEnd): void;
}

export class AnswerSink implements ReplySink {
  readonly triedBefore = new TriedBefore();
  readonly #relay: Relay;
  readonly #mirror: SessionMirror;
  readonly #port: MachinePort;
  readonly #options: MachineOptions;
  readonly #rows = new ResultRows();
  readonly #file = new ClientFile();

  constructor(relay: Relay, mirror: SessionMirror, port: MachinePort, options: MachineOptions) {
    this.#relay = relay;
    this.#mirror = mirror;
    this.#port = port;
    this.#options = options;
  }

  /** An action goes to the target. */
  begin({ asked, masking }: Run): void {
    this.#rows.begin(masking);
    if (asked.statement !== null) asked.statement.masking = masking;
  }

  /** Rows of a cursor are asked for. */
  beginFetch(statement: WireStatement): void {
    this.#rows.begin(statement.masking);
    this.#rows.columns(false, statement);
  }

  /** Nothing can take the answer back any more: the client gets what was kept of it. */
  show(run: Run): void {
    for (const bytes of run.kept ?? []) this.#port.toClient(bytes);
    run.kept = null;
  }

  /** The answer is over: its rows are recorded where that is wanted. */
  record(permit: Permit): void {
    if (this.#rows.rows.length > 0) this.#port.recordRows(permit, this.#rows.rows);
  }

  // ---- LOAD DATA LOCAL ----

  /** True while the client's packets are parts of a file. */
  get takesFile(): boolean {
    return this.#file.isSending;
  }

  /** Number that the client's next part must have. */
  get fileSequence(): number {
    return (this.#file.sequence + this.#relay.replies.shift) & 0xff;
  }

  /** A part of the client's file goes on under the permit of the statement that asked for it; an empty one ends it. */
  filePart(packet: Packet): void {
    const { state, replies } = this.#relay;
    if (state.kind !== 'running') throw new Fault('protocol-violation', 'a file without a statement');
    this.#port.toTarget(state.run.permit, this.#file.part(packet));
    if (!this.#file.isSending) replies.fileSent(this.#file.sequence);
  }

  localFile(): boolean {
    const { state, replies } = this.#relay;
    if (state.kind !== 'running') return false;
    const { statements } = state.run.classification;
    if (!statements.some((it) => it.effects.some((effect) => effect.verb === 'file-read'))) return false;
    if (replies.isSilent) this.#withoutFile(state.run.permit);
    else this.#file.begin(replies.targetSequence);
    return true;
  }

  /** A client that is shown nothing of the answer any more can't be asked: the target gets a file of nothing, or it would wait for ever. */
  #withoutFile(permit: Permit): void {
    const { replies } = this.#relay;
    const sequence = replies.targetSequence;
    this.#port.toTarget(permit, framed(Buffer.alloc(0), sequence));
    replies.fileSent(sequence + 1);
  }

  // ---- values ----

  get gathersRows(): boolean {
    return this.#relay.state.kind === 'own' || this.masksRows || this.#records;
  }

  get #records(): boolean {
    const { state, replies } = this.#relay;
    // What is walked past beyond a limit is recorded no more than it is shown.
    if (state.kind !== 'running' || replies.isSilent) return false;
    return state.run.obligations.recordResults && !this.#rows.isFull;
  }

  get masksRows(): boolean {
    return this.#masking !== null;
  }

  get #masking(): Masking | null {
    const { state } = this.#relay;
    if (state.kind === 'running') return state.run.masking;
    return state.kind === 'quiet' ? (state.fetched?.masking ?? null) : null;
  }

  withoutValues(error: ErrPacket): ReturnType<typeof withoutValues> {
    return this.#masking === null ? null : withoutValues(error, this.#masking);
  }

  columns(follow: boolean): void {
    const { state } = this.#relay;
    if (state.kind === 'running') this.#rows.columns(follow, state.run.asked.statement);
  }

  column(payload: Buffer): void {
    const { kind } = this.#relay.state;
    if (kind === 'running') this.#rows.column(payload);
    else if (kind === 'quiet') this.#mirror.statements.last?.columns.push(readColumn(payload));
  }

  row(payload: Buffer): Buffer | null {
    const { state } = this.#relay;
    if (state.kind === 'own') this.#relay.ownRow(payload);
    if (state.kind !== 'running' && state.kind !== 'quiet') return null;
    const isBinary = state.kind === 'quiet' || state.run.asked.statement !== null;
    return this.#rows.row(payload, isBinary, this.#records);
  }

  // ---- what goes to the client ----

  forward(bytes: Buffer): void {
    const { state } = this.#relay;
    if (state.kind === 'own' || state.kind === 'raising') return;
    const kept = state.kind === 'running' ? state.run.kept : null;
    if (kept === null) this.#port.toClient(bytes);
    else kept.push(bytes);
  }

  rowsMet(): void {
    const { state } = this.#relay;
    if (state.kind === 'running') this.#relay.met(state.run, 'rows');
  }

  // ---- what the packets say ----

  ok(payload: Buffer, packet: OkPacket): Buffer | null {
    this.#mirror.tracked(packet.changes);
    return this.#options.tracks && !this.#options.clientTracks ? withoutTracking(payload, packet) : null;
  }

  prepared(packet: PreparedOk): void {
    const { state } = this.#relay;
    if (state.kind !== 'quiet' || state.preparing === null)
      throw new Fault('protocol-violation', 'a prepared statement that nobody asked for');
    this.#mirror.prepared(packet, state.preparing);
  }

  /** The fence's error is taken back while the client has read nothing of the answer. */
  failed(error: ErrPacket): Buffer | null {
    const { state } = this.#relay;
    if (state.kind !== 'running' || !state.run.fenced || error.number !== readOnlyError) return null;
    const { run } = state;
    if (run.kept === null) return this.triedBefore.add(run.asked.submission.text, run.classification, error);
    run.stopped = error;
    return dropped;
  }

  end(end: ReplyEnd): void {
    this.#relay.ended(end);
  }
}
