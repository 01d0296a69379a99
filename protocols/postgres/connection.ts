// One client's connection after sign-in: moves bytes between the two sockets and the machine, waits where the machine waits,
// and ends both sides when either ends.

import type { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { Fault, messageOf } from '../../src/core/errors.ts';
import { bidFarewell } from '../../src/core/farewell.ts';
import { onlyReads } from '../../src/core/idle-upstreams.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { HoldNotice, Ruling } from '../../src/core/ruling.ts';
import type { Lane, Submission } from '../../src/core/session.ts';
import type { Classification } from '../../src/core/classification.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Catalogue } from '../../src/core/action.ts';
import { readChunks } from '../../src/core/chunk-reader.ts';
import { TargetSide } from '../../src/core/target-side.ts';
import { ClientOutput } from './client-output.ts';
import { FrontendReader } from './codec.ts';
import type { ConnectionParts } from './connection-parts.ts';
import { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import * as wire from './messages.ts';
import { holdNotice } from './refusal.ts';
import { Link } from './upstream.ts';

/** Answers of the gateway's own that are gathered before they are written: a write tells whether the client takes them. */
const answersMax = 256;

/** How often a client that is not read (its buffer is full) while its action waits is written to, to learn whether it is there. */
const heartbeatMs = 2_000;

export class Connection implements MachinePort, Lane {
  readonly machine: Machine;
  readonly #parts: ConnectionParts;
  readonly #reader: FrontendReader;
  readonly #client: Socket;
  readonly #target: Duplex;
  readonly #output: ClientOutput;
  readonly #targetSide: TargetSide;
  readonly #link: Link;
  #withdrawal = new AbortController();
  #pumping = false;
  #refreshing = false;
  #timeLimit: NodeJS.Timeout | null = null;
  #ended = false;
  #heartbeat: NodeJS.Timeout | null = null;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#reader = new FrontendReader(parts.limits);
    this.#client = readChunks(parts.client, (chunk) => this.#fromClient(chunk));
    this.#target = readChunks(parts.target, (chunk) => this.#fromTarget(chunk));
    this.#targetSide = new TargetSide(this.#target, parts, { leavesNothing: onlyReads, quit: wire.terminate });
    this.#link = new Link(this.#target);
    this.machine = new Machine(this, parts.failing);
    const [client, target] = [this.#client, this.#target];
    this.#output = new ClientOutput({ client, target, answers: this.machine.replies, taken: () => this.#guarded(() => this.#pump()) });
  }

  /** Starts relaying; `greeting` goes to the client first. */
  start(greeting: Buffer): void {
    const { session } = this.#parts;
    const [client, target] = [this.#client, this.#target];
    client.on('end', () => this.#clientGone());
    client.on('error', () => this.#clientGone());
    client.on('close', () => this.#clientGone());
    target.on('drain', () => this.#guarded(() => this.#pump()));
    target.on('end', () => this.#targetGone());
    target.on('error', () => this.#targetGone());
    target.on('close', () => this.#targetGone());
    session.ended.addEventListener('abort', () => this.end('57P01', String(session.ended.reason)), { once: true });
    if (session.ended.aborted) return this.end('57P01', String(session.ended.reason));
    session.onNotice?.((words) => this.#notice(words));
    client.write(greeting);
    client.resume();
    target.resume();
  }

  /** A CancelRequest with this connection's key: withdraws what waits, or cancels what runs. */
  async cancel(): Promise<void> {
    this.machine.fastPath.leave();
    if (this.machine.isWaiting) this.#withdrawn();
    else if (this.machine.replies.isRunning) await this.#stop();
    else if (this.#refreshing) this.#guarded(() => this.#cancelUnjudged());
  }

  /** Ends the connection with a FATAL error for the client. */
  end(code: string, message: string): void {
    if (this.#ended) return;
    this.#output.end(wire.diagnostic({ severity: 'FATAL', code, message }));
    this.#close(message);
  }

  /** Words that come with no statement; psql prints them with its next one. */
  #notice(words: string): void {
    if (this.#ended) return;
    this.reply(wire.diagnostic({ severity: 'WARNING', code: '01000', message: words }));
    this.#output.flush();
  }

  // ---- Lane ----

  get signal(): AbortSignal {
    return this.#withdrawal.signal;
  }

  onHold(notice: HoldNotice): void {
    this.machine.fastPath.leave();
    this.#heartbeat ??= setInterval(() => this.#beat(), heartbeatMs);
    this.reply(holdNotice(notice, this.#parts.clock.nowMs()));
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
    this.#output.push(bytes);
  }

  toClientNow(chunk: Buffer): void {
    this.#output.pushNow(chunk);
  }

  reply(bytes: Buffer): void {
    this.#output.reply(bytes);
  }

  toTarget(permit: Permit, bytes: Buffer): void {
    this.#link.send(permit, bytes);
  }

  toTargetQuietly(bytes: Buffer): void {
    this.#link.sendQuietly(bytes, this.#parts.failing.query);
  }

  submit(submission: Submission): Ruling | null {
    const ruling = this.#parts.session.submit(submission, this);
    if (!(ruling instanceof Promise)) return this.#targetSide.noted(ruling);
    void ruling.then((it) => this.#later(() => this.machine.ruled(this.#targetSide.noted(it)))); // the session never rejects
    return null;
  }

  submitSoon(submission: Submission, then: (ruling: Ruling) => void): void {
    this.#parts.session.submitSoon(submission, this, (ruling) => this.#guarded(() => then(this.#targetSide.noted(ruling))));
  }

  ruledLate(ruling: Ruling): void {
    this.#later(() => this.machine.ruled(ruling));
  }

  toTargetNow(permit: Permit, bytes: Buffer): void {
    this.#link.send(permit, bytes);
    if (!this.#link.flush()) this.#client.pause();
  }

  takeJudged(chunk: Buffer, ruling: Ruling | null): void {
    this.#reader.push(chunk);
    const frame = this.#reader.next();
    if (frame === null || this.#ended) return;
    this.machine.judged(frame, ruling);
    this.#pump();
  }

  classify(submission: Submission, later: (classification: Classification) => void): Classification | null {
    const classification = this.#parts.session.classify(submission, this.signal);
    if (!(classification instanceof Promise)) return classification;
    classification.then(
      (it) => this.#later(() => later(it)),
      (thrown: unknown) => this.end('58000', `the statement could not be classified: ${messageOf(thrown)}`),
    );
    return null;
  }

  finish(permit: Permit, outcome: Outcome): void {
    if (this.#ended) return; // the session has closed everything that was open
    this.#parts.session.finish(permit, outcome);
  }

  stopTarget(): void {
    void this.#stop(); // never rejects
  }

  limitTime(limit: { readonly ms: number; readonly met: () => void } | null): void {
    if (this.#timeLimit !== null) clearTimeout(this.#timeLimit);
    this.#timeLimit = limit === null ? null : setTimeout(() => this.#guarded(limit.met), limit.ms);
  }

  recordRows(permit: Permit, rows: (string | null)[][]): void {
    this.#parts.session.recordRows(permit, rows);
  }

  withdraw(why = 'an earlier statement of the batch failed'): void {
    const controller = this.#withdrawal;
    this.#withdrawal = new AbortController();
    controller.abort(why);
  }

  schemaChanged(): void {
    this.#parts.catalogue.changed();
  }

  clientQuit(): void {
    const { replies, session } = this.machine;
    const isOver = session.status === 'I' && !replies.isRunning && !this.machine.dirty && !replies.isMidMessage;
    this.#close('the client closed the session', isOver && this.#targetSide.canBeUsedAgain);
  }

  // ---- bytes ----

  #fromClient(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      if (this.#isBetween() && this.machine.fastPath.client(chunk)) return;
      this.#reader.push(chunk);
      this.#pump();
      if (!this.#takes && !this.#mayWait) this.#client.pause();
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  /** Messages of the client are taken. One that does not read what it is answered gets no more answers, as from the server. */
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
    if (!this.#reader.isBetween || this.#refreshing || this.#targetSide.isStopping || this.#output.isBlocked || !catalogue.isFresh) {
      this.machine.fastPath.leave();
      return false;
    }
    this.machine.settings.catalogue(catalogue.current);
    return true;
  }

  #fromTarget(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      if (this.machine.fastPath.target(chunk)) return;
      this.machine.replies.target(chunk);
      if (this.#output.chunkEnded(chunk)) return;
      this.#pump();
      this.#output.flush();
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  /** Takes the client's messages for as long as the machine takes them. */
  #pump(): void {
    if (this.#pumping || this.#ended) return;
    this.#pumping = true;
    try {
      while (this.#takes) {
        if (!this.#parts.catalogue.isFresh) {
          this.#refresh();
          break;
        }
        this.machine.settings.catalogue(this.#parts.catalogue.current); // another session may have had it read again
        let frame = this.#reader.next();
        if (!this.#parts.reading.hold(this.#reader.bufferedBytes)) frame ??= this.#reader.giveUp();
        if (frame === null) break;
        this.machine.client(frame);
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

  /** The target's objects changed: nothing is judged until they are known again. */
  #refresh(): void {
    this.#refreshing = true;
    void this.#parts.catalogue.refresh().then(() => {
      this.#refreshing = false;
      this.machine.settings.catalogue(this.#parts.catalogue.current);
      this.#guarded(() => this.#pump());
    }); // never rejects
  }

  #withdrawn(): void {
    this.withdraw('cancelled by the client');
    this.#later(() => this.machine.cancelParse());
  }

  /** What waits until the target's objects are known is answered without them, with the rest of its batch. */
  #cancelUnjudged(): void {
    let frame = this.machine.takes ? this.#reader.next() : null;
    if (frame === null) return;
    this.machine.cancelled(frame);
    while (this.machine.absorbing && (frame = this.#reader.next()) !== null) this.machine.client(frame);
    this.#pump();
  }

  #later(then: () => void): void {
    if (this.#ended) return;
    this.#guarded(() => {
      then();
      this.#pump();
    });
  }

  /** Cancels what runs. The client's next message waits until the target has heard of it, so that it is not what is cancelled. */
  async #stop(): Promise<void> {
    await this.#targetSide.stop();
    this.#later(() => undefined);
  }

  // ---- endings ----

  #clientGone(): void {
    this.#close('the client is gone');
  }

  #targetGone(): void {
    if (this.#ended) return;
    this.machine.fastPath.leave();
    const wasRunning = this.machine.replies.isRunning;
    this.machine.outcomes.lost();
    if (this.machine.session.isOver) return this.#close('the target ended the session'); // it has said why
    const outcome = wasRunning ? ' while a statement was running: whether it took effect is unknown' : '';
    this.end('08006', `the target closed the connection${outcome}`);
  }

  /** Reading stops when a client's buffer is full; only writing finds out then that it is gone. */
  #beat(): void {
    if (!this.machine.isWaiting) {
      if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
      this.#heartbeat = null;
    } else if (this.#client.isPaused()) {
      this.reply(this.#parts.heartbeat);
      this.#output.flush();
    }
  }

  #close(reason: string, canBeUsedAgain = false): void {
    if (this.#ended) return;
    this.machine.fastPath.leave();
    if (this.machine.replies.isRunning) void this.#parts.cancelTarget(); // never rejects
    this.machine.outcomes.lost();
    this.#output.flush();
    this.#ended = true;
    this.#parts.reading.hold(0);
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.limitTime(null);
    this.withdraw(reason);
    this.#parts.session.close(reason);
    this.#client.removeAllListeners('data');
    bidFarewell(this.#client);
    this.#targetSide.leave(canBeUsedAgain);
    this.#parts.gone();
  }

  /** A message that can't be parsed, or a broken invariant, ends this connection and no other. */
  #guarded(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      this.#failed(thrown);
    }
  }

  #failed(thrown: unknown): void {
    const code = thrown instanceof Fault && thrown.code === 'protocol-violation' ? '08P01' : '58000';
    this.end(code, messageOf(thrown));
  }
}
