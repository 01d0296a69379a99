// What happens when the fence has stopped a write: the statement is undone, submitted again as one that changes something, and,
// when that is released, run again without the fence; the client sees one statement that took a while. What can't be undone for
// the client, because rows were sent or more of the batch had run, is refused with words, and waits when it is run again.

import type { Classification } from '../../src/core/classification.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import { attempted, attemptWords } from './attempt.ts';
import type { Expected, QueryFence } from './expected.ts';
import { askReadOnly, backToFence } from './fence.ts';
import type { Machine } from './machine.ts';
import type { MachinePort } from './machine-port.ts';
import { describePortal } from './masking.ts';
import * as wire from './messages.ts';
import type { Kept } from './outbox.ts';
import { nothing, refusalError } from './refusal.ts';
import type { FailingMessages } from './refusal.ts';
import type { Portal, Run } from './statements.ts';
import { digestOf } from './submissions.ts';

/** Texts remembered as having tried to write, in one session. */
const rememberedMax = 200;

interface Pending {
  readonly text: string;
  readonly submission: Submission;
  readonly classification: Classification;
  /** The server's error, for the case that the transaction was read-only anyway. */
  readonly error: Buffer;
  readonly again: (ruling: Extract<Ruling, { kind: 'release' }>) => void;
  stage: 'stopped' | 'asking';
  /** What the server says of the transaction without the fence; null until it has said so. */
  readOnly: string | null;
}

export class SecondTry {
  readonly #machine: Machine;
  readonly #port: MachinePort;
  readonly #failing: FailingMessages;
  /** The client's messages that went with the last Sync. */
  #sent: readonly Kept[] = [];
  #pending: Pending | null = null;
  readonly #remembered = new Map<string, Classification>();

  constructor(machine: Machine, port: MachinePort, failing: FailingMessages) {
    this.#machine = machine;
    this.#port = port;
    this.#failing = failing;
  }

  /** Nothing of this session has tried to write behind the fence. */
  get isUntouched(): boolean {
    return this.#pending === null && this.#remembered.size === 0;
  }

  sent(kept: readonly Kept[]): void {
    this.#sent = kept;
  }

  /** What has tried to write and could not be tried again then is judged as such from now on. */
  known(submission: Submission): Submission {
    const classified = this.#remembered.size === 0 ? undefined : this.#remembered.get(submission.text);
    return classified === undefined ? submission : { ...submission, classified };
  }

  /** A fenced Query met the fence. Gives what the client is told now: nothing, when it is tried again. */
  query(run: Run, text: string, { bytes }: QueryFence, error: Buffer): Buffer {
    if (run.completed > 0 || run.shown || isOfCursor(run)) return this.#refusedLater(run, text, error);
    const submission = this.#machine.submissions.of({ text, parameters: null, digest: digestOf(bytes) });
    this.#stopped(run, text, submission, error, (ruling) => this.#machine.simple.run(this.#machine.open(ruling, text), text, bytes));
    return nothing;
  }

  /** A fenced portal met it at Bind or Execute; `unanswered` is what the server throws away up to the Sync. */
  batch(portal: Portal, run: Run, unanswered: readonly Expected[], error: Buffer): Buffer {
    const { text, parameters, digest, bind } = portal;
    const left = this.#sent.filter(({ expected }) => unanswered.includes(expected));
    const others = left.some(({ expected, run: its }) => (its !== null && its !== run) || expected.kind === 'parse');
    if (others || run.shown || isOfCursor(run) || bind === null || this.#machine.fence.ownBlock || !this.#machine.expected.holdsSync) {
      return this.#refusedLater(run, text, error);
    }
    this.#stopped(run, text, this.#machine.submissions.of({ text, parameters, digest }), error, (ruling) => {
      const again = this.#machine.open(ruling, text);
      portal.run = again;
      this.#machine.portals.set(portal.name, portal);
      this.#runBatch(portal, again, bind, left);
    });
    return nothing;
  }

  /** A cell of the gateway's own question. */
  answered(value: string | null): void {
    if (this.#pending !== null) this.#pending.readOnly = value;
  }

  /** The server is ready. True when the cycle goes on, and the client must not hear of it. */
  goesOn(): boolean {
    const pending = this.#pending;
    if (pending === null) return false;
    const machine = this.#machine;
    if (pending.stage === 'stopped') {
      pending.stage = 'asking';
      if (machine.session.status !== 'I') machine.sendOwn(backToFence);
      machine.sendOwn(askReadOnly);
      machine.expected.push({ kind: 'own-query', by: 'sync' });
      this.#port.toTargetQuietly(wire.sync);
      return true;
    }
    this.#pending = null;
    if (pending.readOnly === null) return false; // the question failed: that error has been passed on
    if (pending.readOnly === 'on')
      this.#answer(pending.error, true); // the client's own read-only transaction, or a standby
    else this.#submit(pending);
    return true;
  }

  #stopped(run: Run, text: string, submission: Submission, error: Buffer, again: Pending['again']): void {
    const classification = attempted(run.classification, error);
    const kept = Buffer.from(error); // the chunk it lies in may be used again
    this.#pending = { text, submission, classification, error: kept, again, stage: 'stopped', readOnly: null };
  }

  #submit(pending: Pending): void {
    const { text, again, classification, error } = pending;
    this.#port.reply(wire.diagnostic({ severity: 'NOTICE', code: '00000', message: attemptWords(error) }));
    const { transaction } = this.#machine.submissions.of(pending.submission);
    this.#machine.submit({ ...pending.submission, transaction, classified: classification }, (ruling) => {
      if (ruling.kind === 'refuse') this.#answer(refusalError(ruling.refusal, text), false);
      else again(ruling);
    });
  }

  /** The rest of a batch, without the fence: what was answered before is not answered twice. */
  #runBatch(portal: Portal, run: Run, bind: Buffer, left: readonly Kept[]): void {
    const { expected, statements } = this.#machine;
    this.#machine.begin(run);
    if (!left.some((kept) => kept.expected.kind === 'bind')) {
      expected.push({ kind: 'own', answer: wire.fromTarget.bindComplete });
      this.#port.toTarget(run.permit, bind);
      if (run.masks?.asks() === true) {
        expected.push({ kind: 'own-fields', run });
        this.#port.toTargetQuietly(describePortal(portal.name));
      }
    }
    for (const kept of left) {
      if (kept.expected.kind === 'execute') kept.expected.portal.executing += 1;
      if (kept.expected.kind === 'close-statement') statements.sent(kept.expected.name, undefined);
      expected.push(kept.expected);
      if (kept.run === null) this.#port.toTargetQuietly(kept.bytes);
      else this.#port.toTarget(run.permit, kept.bytes);
    }
    expected.push({ kind: 'sync' });
    this.#port.toTargetQuietly(wire.sync);
  }

  /** An error in its place. The transaction lives on, unless it `fails` as it would have without the gateway. */
  #answer(error: Buffer, fails: boolean): void {
    const { status, expected } = { status: this.#machine.session.status, expected: this.#machine.expected };
    if (fails && status === 'T') {
      expected.push({ kind: 'refused', reply: error, endsCycle: false }, { kind: 'sync' });
      this.#port.toTargetQuietly(this.#failing.describe);
      return this.#port.toTargetQuietly(wire.sync);
    }
    this.#port.reply(error);
    this.#port.reply(wire.readyForQuery(status.charCodeAt(0)));
    this.#machine.busy = false;
  }

  #refusedLater(run: Run, text: string, error: Buffer): Buffer {
    if (this.#remembered.size >= rememberedMax) this.#remembered.delete(this.#remembered.keys().next().value as string);
    this.#remembered.set(text, attempted(run.classification, error));
    const [why, hint] = isOfCursor(run)
      ? ['the cursor ended with it', 'Declare the cursor again and fetch from it: that is judged as a change then.']
      : ["it can't be judged again behind what was answered already", 'Run it again: it is judged as a change then.'];
    return wire.diagnostic({ severity: 'ERROR', code: '42501', message: `${attemptWords(error)}; ${why}`, hint });
  }
}

/** A cursor whose query failed can't be fetched from again. */
function isOfCursor({ classification }: Run): boolean {
  return classification.summary.kinds.some((kind) => kind === 'fetch' || kind === 'move');
}
