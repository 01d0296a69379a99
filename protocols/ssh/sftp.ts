// SFTP through the gateway: the raw packets are read in both directions, every operation that changes or opens something is an
// action of its own, and only what was released is passed on. Answers come from the target (sftp-answers.ts), refusals from here.

import type { ClientChannel, ServerChannel } from 'ssh2';
import { messageOf } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Session, Submission } from '../../src/core/session.ts';
import { withoutTrailing } from '../../src/core/without-trailing.ts';
import { refusalWords } from '../../src/core/words.ts';
import * as actions from './actions.ts';
import { plainLines, refusalLines } from './refusal.ts';
import { pipe, whenClosed } from './relay.ts';
import type { Ending } from './relay.ts';
import { finish } from './outcomes.ts';
import { SftpAnswers } from './sftp-answers.ts';
import type { Answer } from './sftp-answers.ts';
import { PacketReader } from './sftp-codec.ts';
import type { Part } from './sftp-codec.ts';
import { closing, noteRead, outcomeOf, readOffset, writingOf, wrote, wroteAll } from './sftp-files.ts';
import type { OpenFile, Reading, Writing } from './sftp-files.ts';
import { FileHashes } from './sftp-hashes.ts';
import * as sftp from './sftp-messages.ts';
import { effectsOf, operationOf, textOf } from './sftp-operations.ts';
import type { JudgedPath, Operation } from './sftp-operations.ts';
import { Forwarder, isCrowded, passesTo, releaseQueue } from './ssh2-channels.ts';

const handlesMax = 1024;

/** What the relay needs of the channel it lives in. */
export interface SftpOwner {
  readonly clientGone: AbortSignal;
  say(lines: readonly string[]): boolean;
  submit(session: Session, submission: Submission): Promise<{ readonly ruling: Ruling }>;
}

export interface SftpParts {
  /** The subsystem's own. */
  readonly permit: Permit;
  readonly client: ServerChannel;
  readonly target: ClientChannel;
  readonly session: Session;
  readonly owner: SftpOwner;
  readonly touch: () => void;
}

export function relaySftp(parts: SftpParts): Promise<Ending> {
  return new SftpRelay(parts).run();
}

class SftpRelay {
  readonly #parts: SftpParts;
  readonly #requests = new PacketReader(sftp.headOfWrite);
  readonly #toTarget: Forwarder;
  readonly #answers: SftpAnswers;
  readonly #files = new Map<string, OpenFile>();
  /** Who hears of the rest of the packet that is passing; null: it is dropped. */
  #writing: Writing | null = null;
  #busy = false;
  /** One side sent what cannot be: nothing more is looked at. */
  #isBroken = false;
  #working: Promise<void> = Promise.resolve();
  #ownId = 0xf000_0000;

  constructor(parts: SftpParts) {
    this.#parts = parts;
    this.#toTarget = new Forwarder(parts.target);
    this.#answers = new SftpAnswers(parts.client);
    passesTo(parts.client, parts.target);
    passesTo(parts.target, parts.client);
  }

  run(): Promise<Ending> {
    const { client, target, owner, touch } = this.#parts;
    return new Promise((resolve) => {
      let ending: Ending = { status: null, signal: null };
      let open = 2;
      let clientEnded = false;
      const less = () => {
        open -= 1;
        if (open > 0) return;
        for (const file of this.#files.values()) this.#finish(file.permit, closing(file, 'unknown'));
        // Some servers close without a status when the client has ended; OpenSSH's says 0.
        if (clientEnded && this.#answers.areComplete && ending.status === null && ending.signal === null)
          ending = { status: 0, signal: null };
        resolve(ending);
      };
      const broken = (thrown: unknown) => {
        // What stood before it in the same chunk would be somebody else's bytes by the time that anything else is said.
        this.#toTarget.drop();
        this.#answers.drop();
        if (this.#isBroken) return;
        this.#isBroken = true;
        owner.say(plainLines(messageOf(thrown)));
        ending = { status: 1, signal: null };
        target.end();
        target.close();
      };
      target.on('error', () => undefined);
      whenClosed(target, (last) => {
        if (!this.#isBroken) ending = last;
        releaseQueue(target);
        less();
      });
      pipe(
        target.stderr,
        (chunk) => client.stderr.write(chunk),
        client.stderr,
        () => undefined,
      );
      pipe(
        target,
        (chunk) => {
          touch();
          return this.#guard(() => this.#answers.take(chunk), broken);
        },
        client,
        less,
      );
      pipe(
        client,
        (chunk) => {
          touch();
          if (this.#isBroken) return true;
          this.#requests.push(chunk);
          void this.#work().catch(broken);
          return true;
        },
        target,
        () => {
          clientEnded = !owner.clientGone.aborted;
          void this.#working.catch(() => undefined).then(() => target.writable && target.end());
        },
      );
      const clientGone = () => {
        releaseQueue(client);
        target.resume();
        target.stderr.resume();
        target.end();
        target.close();
      };
      if (owner.clientGone.aborted) clientGone();
      else owner.clientGone.addEventListener('abort', clientGone, { once: true });
    });
  }

  /** One request after the other: while one waits for people, those after it wait too. */
  #work(): Promise<void> {
    if (!this.#busy) this.#working = this.#workOff();
    return this.#working;
  }

  /** `busy` ends in the same tick as what came: more may come within one tick. */
  async #workOff(): Promise<void> {
    const { client, target } = this.#parts;
    this.#busy = true;
    for (let part = this.#requests.next(); part !== null; part = this.#requests.next()) {
      const judging = this.#part(part);
      if (judging !== undefined) {
        this.#pause();
        await judging;
      }
      // Refusals are answers, too: who does not read them is not read any more.
      for (const taker of [target, client]) {
        if (!isCrowded(taker)) continue;
        this.#pause();
        await drainedOrClosed(taker);
      }
    }
    this.#toTarget.flush();
    this.#busy = false;
    client.resume();
  }

  /** What was not looked at yet is kept: the memory of a chunk is used again when the turn is over. */
  #pause(): void {
    this.#parts.client.pause();
    this.#requests.keep();
    this.#toTarget.flush();
  }

  #part(part: Part): Promise<void> | undefined {
    switch (part.kind) {
      case 'packet':
        return this.#request(part.bytes);
      case 'start':
        this.#writing = this.#write(part.bytes);
        return undefined;
      case 'piece':
        if (this.#writing !== null) {
          this.#writing.file.permit.assertOpen();
          wrote(this.#writing, part.bytes);
          this.#toTarget.add(part.bytes);
        }
        return undefined;
    }
  }

  #request(packet: Buffer): Promise<void> | undefined {
    const operation = operationOf(packet);
    switch (operation.kind) {
      case 'lookup':
        this.#send(this.#parts.permit, packet, sftp.typeOf(packet) === sftp.type.init ? null : () => false);
        return undefined;
      case 'unsupported':
        this.#answers.reply(sftp.statusReply(sftp.idOf(packet), sftp.status.unsupported, 'not passed on by the gateway'));
        return undefined;
      case 'unreadable':
        this.#unreadable(sftp.idOf(packet), operation.why);
        return undefined;
      case 'handle':
        return this.#onHandle(packet, operation);
      case 'judged':
        return this.#judge(Buffer.from(packet), operation);
    }
  }

  async #judge(packet: Buffer, operation: Extract<Operation, { kind: 'judged' }>, paths = operation.paths): Promise<void> {
    const { session, owner } = this.#parts;
    const id = sftp.idOf(packet);
    if (operation.opens !== null && this.#files.size >= handlesMax) {
      return this.#answers.reply(sftp.statusReply(id, sftp.status.failure, 'too many open files'));
    }
    const resolved: string[] = [];
    try {
      for (const it of paths) resolved.push(await this.#resolve(it));
    } catch (thrown) {
      if (!(thrown instanceof sftp.UnreadablePath)) throw thrown;
      return this.#unreadable(id, thrown.message);
    }
    const { ruling } = await owner.submit(session, actions.file(textOf(operation.verb, paths, resolved), effectsOf(paths, resolved)));
    if (ruling.kind === 'refuse') {
      owner.say(refusalLines(ruling.refusal));
      return this.#answers.reply(sftp.statusReply(id, sftp.status.permissionDenied, refusalWords(ruling.refusal)));
    }
    const { permit } = ruling;
    permit.open();
    this.#send(permit, packet, (answer) => {
      if (operation.opens !== null && sftp.typeOf(answer) === sftp.type.handle) {
        const fields = new sftp.FieldReader(answer);
        fields.uint32();
        const hashes = operation.opens === 'file' ? new FileHashes() : null;
        this.#files.set(fields.bytes().toString('hex'), { permit, writes: operation.writes, hashes });
      } else this.#finish(permit, outcomeOf(answer));
      return false;
    });
    this.#toTarget.flush();
  }

  /** Clients show their own words for a status, so these go to stderr as well. */
  #unreadable(id: number, why: string): void {
    this.#parts.owner.say(plainLines(why));
    this.#answers.reply(sftp.statusReply(id, sftp.status.failure, why));
  }

  /** Under the permit that its file was opened with. */
  #onHandle(packet: Buffer, { handle, writes, source }: Extract<Operation, { kind: 'handle' }>): undefined {
    const id = sftp.idOf(packet);
    const key = handle.toString('hex');
    const file = this.#fileOf(id, key, writes, source);
    if (file === null) return undefined;
    const kind = sftp.typeOf(packet);
    if (kind === sftp.type.write) wroteAll(file, packet);
    const reading = kind === sftp.type.read ? { file, offset: readOffset(packet) } : null;
    const answer = (answer: Buffer) => {
      if (reading !== null) noteRead(reading, answer);
      if (kind === sftp.type.close) {
        this.#files.delete(key);
        this.#finish(file.permit, closing(file, 'completed'));
      }
      return false;
    };
    this.#send(file.permit, packet, answer, reading);
    return undefined;
  }

  /** The beginning of a WRITE. Null when it is refused, and then the rest of it is dropped. */
  #write(head: Buffer): Writing | null {
    const id = sftp.idOf(head);
    const file = this.#fileOf(id, new sftp.FieldReader(head, 9).bytes().toString('hex'), true, null);
    if (file === null) return null;
    this.#send(file.permit, head, () => false);
    return writingOf(file, head);
  }

  /** The file of a handle under which this may be done. Null when it may not, and that has been answered. */
  #fileOf(id: number, key: string, writes: boolean, source: Buffer | null): OpenFile | null {
    const file = this.#files.get(key);
    const from = source === null ? file : this.#files.get(source.toString('hex'));
    if (file === undefined || from === undefined || !file.permit.isOpen) {
      this.#answers.reply(sftp.statusReply(id, sftp.status.failure, 'no such handle'));
      return null;
    }
    if (writes && !file.writes) {
      // Attributes changed by a handle that was opened for reading.
      this.#answers.reply(sftp.statusReply(id, sftp.status.permissionDenied, 'the file was opened for reading'));
      return null;
    }
    return file;
  }

  /** The absolute path without links, as the target knows it; as it was asked when the target cannot say. Rejects with UnreadablePath. */
  async #resolve({ path, follow }: JudgedPath): Promise<string> {
    const slash = withoutTrailing(path, '/').lastIndexOf('/');
    const base = withoutTrailing(path.slice(slash + 1), '/');
    const partial = base !== '' && base !== '.' && base !== '..';
    if (follow || !partial) {
      const whole = await this.#realpath(path === '' ? '.' : path);
      if (whole !== null || !partial) return whole ?? path;
    }
    const folder = await this.#realpath(slash === -1 ? '.' : path.slice(0, slash + 1));
    return folder === null ? path : `${folder === '/' ? '' : folder}/${base}`;
  }

  /** Asks the target, with an id of the gateway's own. */
  #realpath(path: string): Promise<string | null> {
    return new Promise((resolve, reject) => {
      this.#ownId += 1;
      while (this.#answers.isExpected(this.#ownId)) this.#ownId += 1;
      const { target } = this.#parts;
      const lost = () => resolve(null);
      target.once('close', lost);
      this.#send(this.#parts.permit, sftp.realpathRequest(this.#ownId, path), (answer) => {
        target.off('close', lost);
        try {
          resolve(sftp.firstName(answer));
        } catch (thrown) {
          if (!(thrown instanceof sftp.UnreadablePath)) throw thrown;
          reject(thrown);
        }
        return true;
      });
      this.#toTarget.flush();
    });
  }

  #send(permit: Permit, packet: Buffer, answer: Answer | null, reading: Reading | null = null): void {
    permit.assertOpen();
    if (answer !== null) this.#answers.expect(sftp.idOf(packet), answer, reading);
    this.#toTarget.add(packet);
  }

  #finish(permit: Permit, outcome: Outcome): void {
    finish(this.#parts.session, permit, outcome);
  }

  #guard(step: () => boolean, broken: (thrown: unknown) => void): boolean {
    if (this.#isBroken) return true;
    try {
      return step();
    } catch (thrown) {
      broken(thrown);
      return true;
    }
  }
}

/** Leaves no listener behind: a transfer waits thousands of times. */
function drainedOrClosed(taker: ServerChannel | ClientChannel): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      taker.off('drain', done).off('close', done);
      resolve();
    };
    taker.on('drain', done).on('close', done);
  });
}
