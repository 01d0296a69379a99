// One client's connection after sign-in: moves bytes from the two sockets to the machine, waits where the machine waits, and ends both
// sides when either ends. What goes to the target is written by link.ts.

import type { Duplex } from 'node:stream';
import type { Catalogue } from '../../src/core/action.ts';
import { isPlainSocket, leaveChunks, readChunks } from '../../src/core/chunk-reader.ts';
import { ChunkStream } from '../../src/core/chunk-stream.ts';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { bidFarewell } from '../../src/core/farewell.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import { noRoom } from '../../src/core/reading.ts';
import { RelayOutput } from '../../src/core/relay-output.ts';
import type { HoldNotice, Ruling } from '../../src/core/ruling.ts';
import type { Lane, Submission } from '../../src/core/session.ts';
import { TargetSide } from '../../src/core/target-side.ts';
import type { ClientStream } from './compression.ts';
import type { Killable } from './connection-ids.ts';
import type { ConnectionParts } from './connection-parts.ts';
import { framed, headerBytes, PacketReader } from './codec.ts';
import { endings, endingError, type Ending } from './endings.ts';
import { isLasting, leavesNothing } from './forgetting.ts';
import { Machine } from './machine.ts';
import { lowerQuery, raiseQuery } from './fence.ts';
import type { MachinePort } from './port.ts';
import { probeQuery, quitPacket, trackQuery } from './own-texts.ts';
import { status } from './messages.ts';
import { holdProgress } from './refusal.ts';
import { isVariablesQuery } from './put-back.ts';
import { Link } from './link.ts';
import { TargetFarewell } from './target-farewell.ts';

const ownQueries = [probeQuery, trackQuery, raiseQuery, lowerQuery];

/** Answers of the gateway's own that are gathered before they are written: a write tells whether the client takes them. */
const answersMax = 256;

export class Connection implements MachinePort, Lane, Killable {
  readonly machine: Machine;
  readonly #parts: ConnectionParts;
  readonly #client: ClientStream;
  readonly #target: Duplex;
  readonly #reader: PacketReader;
  readonly #link: Link;
  readonly #targetSide: TargetSide;
  readonly #output: RelayOutput;
  #withdrawal = new AbortController();
  #pumping = false;
  #refreshing = false;
  /** What came before the catalogue was known was killed. */
  #interruptsNext = false;
  #timeLimit: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#reader = new PacketReader(parts.payloadBytesMax, parts.numbered);
    this.#client = readChunks(parts.client, this.#onClientData);
    this.#target = readChunks(parts.target, this.#onTargetData);
    const [client, target] = [this.#client, this.#target];
    const leavesMemory = isPlainSocket(client) && isPlainSocket(target);
    this.#output = new RelayOutput({ client, target, leavesMemory, taken: () => this.#guarded(() => this.#pump()) });
    this.#link = new Link(target, parts.machine.attributes === 'forwarded');
    this.#targetSide = new TargetSide(target, parts, { leavesNothing, quit: quitPacket });
    this.machine = new Machine(this, parts.settings, parts.statusFlags, parts.machine);
  }

  get principalName(): string {
    return this.#parts.session.principal.name;
  }

  get targetName(): string {
    return this.#parts.session.target.name;
  }

  get targetConnectionId(): number {
    return this.#parts.targetConnectionId;
  }

  /** Starts relaying. `first`: a command of the client's that was read already. */
  start(first: Buffer | null): void {
    const { session } = this.#parts;
    const [client, target] = [this.#client, this.#target];
    for (const event of ['end', 'error', 'close'] as const) client.on(event, this.#onClientGone);
    target.on('drain', () => this.#guarded(() => this.#pump()));
    target.on('end', () => this.#targetGone());
    target.on('error', () => this.#targetGone());
    target.on('close', () => this.#targetGone());
    session.ended.addEventListener('abort', () => this.end(endings.killed, String(session.ended.reason)), { once: true });
    if (session.ended.aborted) return this.end(endings.killed, String(session.ended.reason));
    target.resume();
    if (first !== null) this.#guarded(() => this.#fromClient(framed(first, 0)));
    client.resume();
  }

  /** KILL from another connection of the same person: withdraws what waits, or cancels what runs. */
  kill(what: 'query' | 'connection'): void {
    if (what === 'connection') return this.end(endings.killed, 'by another connection of the same person');
    this.#targetSide.leaves(); // the cancellation may come late
    this.machine.fastPath.leave();
    if (this.machine.isWaiting) this.#withdraw();
    else if (this.machine.isRunning) this.stopTarget();
    else if (this.#refreshing) this.#interruptsNext = this.#reader.bufferedBytes > 0;
    else this.#later(() => this.machine.interruptProof());
  }

  /** Ends the connection with an error for the client. */
  end(ending: Ending, message: string): void {
    if (this.#ended) return;
    this.machine.fastPath.leave();
    const client = this.#client;
    this.#output.flush();
    const midPacket = this.machine.replies.isOpen && this.machine.replies.isMidPacket;
    if (!midPacket && !client.destroyed) client.write(framed(endingError(ending, message), this.machine.nextSequence));
    this.#close(message);
  }

  // ---- Lane ----

  get signal(): AbortSignal {
    return this.#withdrawal.signal;
  }

  onHold(notice: HoldNotice): void {
    this.machine.fastPath.leave();
    if (!this.#parts.showsProgress || this.#ended) return;
    this.machine.inFront(holdProgress(notice, this.#parts.clock.nowMs()));
    this.#output.flush();
  }

  async catalogueNow(): Promise<Catalogue | null> {
    const { catalogue } = this.#parts;
    await catalogue.refresh();
    this.machine.settings.catalogue(catalogue.current); // names that it runs by are read again
    return catalogue.current;
  }

  // ---- MachinePort ----

  toClient(bytes: Buffer): void {
    this.#output.add(bytes);
  }

  toTarget(permit: Permit, bytes: Buffer): void {
    this.#link.send(permit, bytes);
  }

  toTargetQuietly(bytes: Buffer): void {
    if (isLasting(bytes[headerBytes])) this.#targetSide.leaves();
    this.#link.sendQuietly(bytes, ownQueries.includes(bytes) || isVariablesQuery(bytes));
  }

  submit(submission: Submission): void {
    let isNow = true;
    this.#parts.session.submitSoon(submission, this, (ruling) => {
      this.#targetSide.noted(ruling);
      if (isNow) this.machine.ruled(ruling);
      else this.#later(() => this.machine.ruled(ruling));
    });
    isNow = false;
  }

  submitSoon(submission: Submission, then: (ruling: Ruling) => void): void {
    this.#parts.session.submitSoon(submission, this, (ruling) => {
      this.#targetSide.noted(ruling);
      if (!this.#ended) this.#guarded(() => then(ruling));
    });
  }

  ruledLate(ruling: Ruling): void {
    this.#later(() => this.machine.ruled(ruling));
  }

  toTargetNow(permit: Permit, bytes: Buffer): void {
    if (!this.#link.sendNow(permit, bytes)) this.#client.pause();
  }

  toClientNow(chunk: Buffer): void {
    this.#output.pass(chunk);
  }

  foreseesDenial(submission: Submission): boolean | null {
    const classification = this.#parts.session.classify(submission);
    if (classification instanceof Promise) return null;
    return this.#parts.session.foresee(submission, classification) === 'deny';
  }

  finish(permit: Permit, outcome: Outcome): void {
    if (this.#ended) return; // the session has closed everything that was open
    this.#parts.session.finish(permit, outcome);
  }

  recordRows(permit: Permit, rows: (string | null)[][]): void {
    this.#parts.session.recordRows(permit, rows);
  }

  schemaChanged(): void {
    this.#parts.catalogue.changed();
  }

  renewCatalogue(renewed: () => void): void {
    const { catalogue } = this.#parts;
    catalogue.changed();
    void catalogue.refresh().then(() =>
      this.#later(() => {
        this.machine.settings.catalogue(catalogue.current);
        renewed();
      }),
    );
  }

  limitTime(limit: { readonly ms: number; readonly met: () => void } | null): void {
    clearTimeout(this.#timeLimit);
    this.#timeLimit = limit === null ? undefined : setTimeout(() => this.#guarded(limit.met), limit.ms);
  }

  /** The next command waits until the target has heard of it, so that it is not the one that is cancelled. */
  stopTarget(): void {
    void this.#targetSide.stop().then(() => this.#guarded(() => this.#pump())); // never rejects
  }

  clientQuit(): void {
    const { machine } = this;
    const isOver = machine.isAtRest && (machine.statusFlags & status.inTransaction) === 0;
    this.#close('the client closed the session', isOver && this.#targetSide.canBeUsedAgain);
  }

  /** The old session ends before the new one is asked for: its locks and transactions are gone, as after a new sign-in. */
  changeUser(argument: Buffer): void {
    if (this.#reader.bufferedBytes > 0) throw new Fault('protocol-violation', 'commands behind a change of the user');
    const client = this.#client;
    this.#leave('the client changed its user');
    // One by one: after removeAllListeners('data') Node still takes the stream for one that flows.
    leaveChunks(client, this.#onClientData);
    this.#output.leave();
    for (const event of ['end', 'error', 'close'] as const) client.off(event, this.#onClientGone);
    client.pause();
    this.#parts.changeUser(Buffer.from(argument), client === this.#parts.client ? client : new ChunkStream(client));
  }

  killOwn(connectionId: number, what: 'query' | 'connection', then: (killed: boolean) => void): void {
    const killed = this.#parts.kill(connectionId, what);
    if (typeof killed === 'boolean') return then(killed);
    void killed.then((it) => this.#later(() => then(it))); // never rejects
  }

  // ---- bytes ----

  #fromClient(chunk: Buffer): void {
    if (this.#isBetween() && this.machine.fastPath.client(chunk)) return;
    this.#reader.push(chunk);
    this.#pump();
    if (this.#ended || this.#takes || this.#mayWait) return;
    if (!this.machine.isWaiting) return void this.#client.pause();
    // While people think the client must be heard, or nobody would notice that it is gone.
    const { bufferedBytes } = this.#reader;
    if (bufferedBytes > this.#parts.payloadBytesMax || !this.#parts.reading.hold(bufferedBytes))
      this.end(endings.tooLarge, 'too much was sent while a statement waits for approval');
  }

  /** Packets of the client are taken. One that does not read what it is answered gets no more answers, as from the server. */
  get #takes(): boolean {
    return this.machine.takes && !this.#refreshing && !this.#targetSide.isStopping && !this.#output.isBlocked;
  }

  /** There is room for what has come of the client and is not taken now. */
  get #mayWait(): boolean {
    const { bufferedBytes } = this.#reader;
    return bufferedBytes <= this.#parts.heldBytesMax && this.#parts.reading.hold(bufferedBytes);
  }

  /** Nothing of the client waits, and what comes now can be judged at once. */
  #isBetween(): boolean {
    const { catalogue } = this.#parts;
    if (this.#reader.bufferedBytes > 0 || this.#refreshing || this.#targetSide.isStopping || this.#output.isBlocked || !catalogue.isFresh) {
      this.machine.fastPath.leave();
      return false;
    }
    this.machine.settings.catalogue(catalogue.current);
    return true;
  }

  #fromTarget(chunk: Buffer): void {
    if (this.machine.fastPath.target(chunk)) return;
    this.machine.target(chunk);
    // In the middle of a large result, and in the middle of nothing else.
    if (this.machine.replies.passedAll && this.#output.passedAlone(chunk)) return;
    this.#pump();
    this.#output.flush();
  }

  /** Takes the client's packets for as long as the machine takes them. */
  #pump(): void {
    if (this.#pumping || this.#ended) return;
    this.#pumping = true;
    try {
      while (this.#takes) {
        if (!this.#parts.catalogue.isFresh) {
          this.#refresh();
          break;
        }
        // Another session may have had it read again meanwhile; an unchanged one is the same object.
        this.machine.settings.catalogue(this.#parts.catalogue.current);
        const packet = this.#reader.next(this.machine.expectedSequence);
        const hasRoom = this.#parts.reading.hold(this.#reader.bufferedBytes);
        if (packet === null && !hasRoom) throw noRoom();
        if (packet === null) break;
        if (packet.payload.length === 0 && this.machine.expectedSequence === 0) throw new Fault('protocol-violation', 'an empty command');
        const isInterrupted = this.#interruptsNext && this.machine.interrupts(packet);
        this.#interruptsNext = false;
        if (!isInterrupted) this.machine.client(packet);
        if (this.#ended) return;
        if (this.#output.length >= answersMax) this.#output.flush();
      }
    } finally {
      this.#pumping = false;
    }
    const client = this.#client;
    const targetTakes = this.#link.flush();
    this.#output.flush();
    if (!targetTakes) client.pause();
    else if (client.isPaused() && (this.#takes || this.#mayWait)) client.resume();
  }

  /** The target's objects changed, or may have: nothing is judged until they are known again. */
  #refresh(): void {
    this.#refreshing = true;
    void this.#parts.catalogue.refresh().then(() => {
      this.#refreshing = false;
      this.#guarded(() => this.#pump());
    });
  }

  readonly #onClientData = (chunk: Buffer): void => this.#guarded(() => this.#fromClient(chunk));

  readonly #onTargetData = (chunk: Buffer): void => this.#guarded(() => this.#fromTarget(chunk));

  #later(step: () => void): void {
    if (this.#ended) return;
    this.#guarded(() => {
      step();
      this.#pump();
      this.#output.flush();
    });
  }

  /** A fault of what was read ends the connection in words; nothing of it is passed on. */
  #guarded(step: () => void): void {
    if (this.#ended) return;
    try {
      step();
    } catch (thrown) {
      if (thrown instanceof TargetFarewell) return this.end(thrown.error, thrown.error.message);
      const ending = thrown instanceof Fault && thrown.code === 'message-too-large' ? endings.tooLarge : endings.malformed;
      this.end(ending, messageOf(thrown));
    }
  }

  #withdraw(): void {
    const controller = this.#withdrawal;
    this.#withdrawal = new AbortController();
    controller.abort('cancelled by the client');
  }

  readonly #onClientGone = (): void => this.#close('the client is gone');

  #targetGone(): void {
    this.end(endings.lost, 'the target closed the connection');
  }

  #close(reason: string, canBeUsedAgain = false): void {
    if (this.#ended) return;
    this.#leave(reason, canBeUsedAgain);
    this.#client.removeAllListeners('data');
    bidFarewell(this.#client);
    this.#parts.gone();
  }

  /** Ends the session and the target's side; the client's stream is left as it is. */
  #leave(reason: string, canBeUsedAgain = false): void {
    this.machine.fastPath.leave();
    if (this.machine.isRunning && !this.#target.destroyed) void this.#parts.cancelTarget(); // it never rejects
    this.limitTime(null);
    this.#ended = true;
    const { session, reading } = this.#parts;
    reading.hold(0);
    this.#withdrawal.abort(reason);
    this.#output.flush();
    session.close(reason);
    this.#targetSide.leave(canBeUsedAgain);
  }
}
