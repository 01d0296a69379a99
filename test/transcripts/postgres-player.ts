// Plays a transcript against the real relay machine, with no socket and no gate: rulings are lines of the transcript.
// Every output is listed in the order it happened; what is not listed must not happen.

import type { Classification, StatementFacts } from '../../src/core/classification.ts';
import type { ActionId } from '../../src/core/ids.ts';
import { Permit } from '../../src/core/permit.ts';
import type { Refusal, Ruling } from '../../src/core/ruling.ts';
import type { Submission } from '../../src/core/session.ts';
import { classificationOf, notUnderstood } from '../../src/core/summary.ts';
import { FrontendReader } from '../../protocols/postgres/codec.ts';
import { Machine } from '../../protocols/postgres/machine.ts';
import type { MachinePort } from '../../protocols/postgres/machine-port.ts';
import { failingMessages } from '../../protocols/postgres/refusal.ts';
import { clientMessage, readClientBytes, readTargetBytes, targetMessage, wholeMessages } from './postgres-messages.ts';

const mint = Permit.claimMint();

/** Statements are classified by hand: "drop" and "delete" wait, "fenced" is allowed behind the fence, "deny" is denied, "garbage" is not understood. */
function classify(text: string): Classification {
  if (/garbage/i.test(text)) return notUnderstood('syntax', 'syntax error at or near "garbage"', text.search(/garbage/i));
  let from = 0;
  const statements = text.split(';').flatMap((part) => {
    const start = from;
    from += part.length + 1;
    return part.trim() === '' ? [] : [facts(part.trim(), start, start + part.length)];
  });
  return classificationOf(statements);
}

function facts(text: string, start: number, end: number): StatementFacts {
  const prepare = /^prepare (\w+) as (.*)$/i.exec(text);
  const deallocate = /^deallocate (\w+)$/i.exec(text);
  const set = /^set (\w+) = '?(\w+)'?$/i.exec(text);
  return {
    kind: /^copy .* from /i.test(text) ? 'copy from' : (text.split(' ')[0] as string).toLowerCase(),
    span: { start, end },
    effects: [],
    missingWhere: false,
    risks: [],
    changes: [
      ...(prepare ? [{ kind: 'prepare' as const, name: prepare[1] as string, inner: facts(prepare[2] as string, 0, 0) }] : []),
      ...(deallocate ? [{ kind: 'deallocate' as const, name: deallocate[1] === 'all' ? null : (deallocate[1] as string) }] : []),
      ...(set ? [{ kind: 'set' as const, setting: set[1] as string, value: set[2] as string, local: false }] : []),
    ],
  };
}

export class Player implements MachinePort {
  readonly machine = new Machine(this, failingMessages(Buffer.from('secret')));
  readonly #reader = new FrontendReader({ maxBytes: () => 1000 });
  #out: string[] = [];
  #waiting: { submission: Submission; classification: Classification } | null = null;
  /** Who hears the answer to what waits; null: the machine itself. */
  #soon: ((ruling: Ruling) => void) | null = null;
  #actions = 0;
  /** Chunks are offered to the fast path first, as a connection does. */
  readonly #fast: boolean;
  /** The first part of a message for the client. */
  #cut: Buffer = Buffer.alloc(0);
  /** Chunks that it took. */
  fastCycles = 0;
  /** Rulings on the fast path come at the line `turn`, as the audit log writes the releases of a turn together. */
  #turn: (() => void)[] | null = null;

  constructor({ fast = false, turns = false } = {}) {
    this.#fast = fast;
    if (turns) this.#turn = [];
  }

  /** One input line: `client …`, `target …`, `approve`, `reject why`, `withdraw`. Returns what happened. */
  play(line: string): string[] {
    const space = line.indexOf(' ');
    const [who, what] = space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
    switch (who) {
      case 'client':
        return this.client(clientMessage(what));
      case 'target':
        return this.target(targetMessage(what));
      case 'approve':
        this.#answer((submission, classification) => this.#release(submission, classification));
        break;
      case 'reject':
        this.#answer(() => refuse({ reason: 'rejected', message: `denied by bob: ${what}` }));
        break;
      case 'withdraw':
        this.withdraw();
        break;
      default:
        throw new Error(`not a transcript line: ${line}`);
    }
    return this.#happened();
  }

  /** A chunk of the client, of any number of messages. */
  client(chunk: Buffer): string[] {
    if (this.#fast && !this.#reader.isBetween) this.machine.fastPath.leave();
    if (this.#fast && this.#reader.isBetween && this.machine.fastPath.client(chunk)) this.fastCycles += 1;
    else this.#reader.push(chunk);
    return this.#happened();
  }

  target(chunk: Buffer): string[] {
    if (!this.#fast || !this.machine.fastPath.target(chunk)) this.machine.replies.target(chunk);
    return this.#happened();
  }

  /** The end of a turn of the event loop. */
  turn(): string[] {
    for (const then of this.#turn?.splice(0) ?? []) then();
    return this.#happened();
  }

  /** Something that the fast path knows nothing of: it steps aside first. */
  leave(): string[] {
    this.machine.fastPath.leave();
    return this.#happened();
  }

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  #happened(): string[] {
    this.#pump();
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #pump(): void {
    while (this.machine.takes) {
      const frame = this.#reader.next();
      if (frame === null) break;
      this.machine.client(frame);
    }
  }

  toClient(bytes: Buffer): void {
    const all = this.#cut.length === 0 ? bytes : Buffer.concat([this.#cut, bytes]);
    const whole = wholeMessages(all);
    for (const line of readTargetBytes(all.subarray(0, whole))) this.#out.push(`client< ${line}`);
    this.#cut = Buffer.from(all.subarray(whole));
  }

  toClientNow(bytes: Buffer): void {
    this.toClient(bytes);
  }

  reply(bytes: Buffer): void {
    this.toClient(bytes);
  }

  toTarget(permit: Permit, bytes: Buffer): void {
    permit.assertOpen();
    for (const line of readClientBytes(bytes)) this.#out.push(`target< ${line}`);
  }

  toTargetQuietly(bytes: Buffer): void {
    for (const line of readClientBytes(bytes)) this.#out.push(`target< ${line}`);
  }

  submit(submission: Submission): Ruling | null {
    const classification = submission.classified ?? classify(submission.text);
    const kinds = classification.summary.kinds.join(',') || (classification.understood ? 'nothing' : 'not understood');
    const values = submission.parameters === null ? '' : ` [${submission.parameters.map((it) => it.text ?? 'NULL').join(',')}]`;
    this.#out.push(`submit ${kinds}: ${submission.text}${values} (transaction ${submission.transaction})`);
    if (!classification.understood) {
      const { message, offset } = classification.problem ?? { message: '', offset: null };
      return refuse({ reason: 'not-understood', message, offset });
    }
    if (/deny/.test(submission.text)) return refuse({ reason: 'denied', message: 'denied by rule' });
    if (
      classification.summary.kinds.some((kind) => kind === 'drop' || kind === 'delete') ||
      classification.summary.verbs.includes('unknown')
    ) {
      this.#waiting = { submission, classification };
      return null;
    }
    return this.#release(submission, classification);
  }

  submitSoon(submission: Submission, then: (ruling: Ruling) => void): void {
    const ruling = this.submit(submission);
    if (ruling === null) this.#soon = then;
    else if (this.#turn === null) then(ruling);
    else this.#turn.push(() => then(ruling));
  }

  ruledLate(ruling: Ruling): void {
    this.machine.ruled(ruling);
  }

  toTargetNow(permit: Permit, bytes: Buffer): void {
    this.toTarget(permit, bytes);
  }

  takeJudged(chunk: Buffer, ruling: Ruling | null): void {
    this.#reader.push(chunk);
    const frame = this.#reader.next();
    if (frame === null) throw new Error('no whole message');
    this.machine.judged(frame, ruling);
    this.#pump();
  }

  classify(submission: Submission): Classification {
    return submission.classified ?? classify(submission.text);
  }

  finish(permit: Permit, outcome: { kind: string; rows: number | null; error: { code: string } | null }): void {
    permit.close();
    const rows = outcome.rows === null ? '' : ` rows=${outcome.rows}`;
    const error = outcome.error === null ? '' : ` error=${outcome.error.code}`;
    this.#out.push(`finish ${permit.actionId} ${outcome.kind}${rows}${error}`);
  }

  stopTarget(): void {
    this.#out.push('stop target');
  }

  limitTime(): void {} // no clock here

  recordRows(): void {}

  withdraw(): void {
    this.#answer(() => refuse({ reason: 'withdrawn', message: 'cancelled by the client' }));
  }

  schemaChanged(): void {}

  clientQuit(): void {
    this.#out.push('quit');
  }

  #release(submission: Submission, classification: Classification): Ruling {
    this.#actions += 1;
    const permit = mint(`a${this.#actions}` as ActionId);
    this.#out.push(`release a${this.#actions} ${submission.text}`);
    const fence = /fenced/.test(submission.text) ? { fence: 'read-only' as const } : {};
    return { kind: 'release', permit, classification, obligations: { recordParameters: false, recordResults: false, ...fence } };
  }

  #answer(make: (submission: Submission, classification: Classification) => Ruling): void {
    const waiting = this.#waiting;
    if (waiting === null) throw new Error('nothing waits for an answer');
    const soon = this.#soon;
    this.#waiting = null;
    this.#soon = null;
    const ruling = make(waiting.submission, waiting.classification);
    if (soon === null) this.machine.ruled(ruling);
    else soon(ruling);
  }
}

function refuse(refusal: Pick<Refusal, 'reason' | 'message'> & { offset?: number | null }): Ruling {
  return { kind: 'refuse', refusal: { hint: null, holdId: null, offset: null, ...refusal } };
}
