// SFTP through the gateway: the raw packets are read in both directions, every operation that changes or opens something is an
// action of its own, and only what was released is passed on. Answers come from the target, refusals from here.

import type { ClientChannel, ServerChannel } from 'ssh2';
import { Fault, messageOf } from '../../src/core/errors.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { Ruling } from '../../src/core/ruling.ts';
import type { Session, Submission } from '../../src/core/session.ts';
import { refusalWords } from '../../src/core/words.ts';
import * as actions from './actions.ts';
import { plainLines, refusalLines } from './refusal.ts';
import { pipe } from './relay.ts';
import type { Ending } from './relay.ts';
import { finish } from './outcomes.ts';
import { PacketReader } from './sftp-codec.ts';
import { FileHashes } from './sftp-hashes.ts';
import * as sftp from './sftp-messages.ts';
import { effectsOf, operationOf, textOf } from './sftp-operations.ts';
import type { JudgedPath, Operation } from './sftp-operations.ts';
import { releaseQueue } from './ssh2-internals.ts';

/** Requests without an answer yet. OpenSSH keeps 64 in flight. */
const outstandingMax = 4096;
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

interface OpenFile {
  readonly permit: Permit;
  readonly writes: boolean;
  /** Null for a folder. */
  readonly hashes: FileHashes | null;
}

/** Takes an answer; true when it is the gateway's own and does not go to the client. */
type Answer = (packet: Buffer) => boolean;

export function relaySftp(parts: SftpParts): Promise<Ending> {
  return new SftpRelay(parts).run();
}

class SftpRelay {
  readonly #parts: SftpParts;
  readonly #requests = new PacketReader();
  readonly #answers = new PacketReader();
  readonly #files = new Map<string, OpenFile>();
  readonly #outstanding = new Map<number, Answer>();
  #queue: Buffer[] = [];
  #busy = false;
  #working: Promise<void> = Promise.resolve();
  #ownId = 0xf000_0000;

  constructor(parts: SftpParts) {
    this.#parts = parts;
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
        if (clientEnded && this.#outstanding.size === 0 && ending.status === null && ending.signal === null)
          ending = { status: 0, signal: null };
        resolve(ending);
      };
      const broken = (thrown: unknown) => {
        owner.say(plainLines(messageOf(thrown)));
        ending = { status: 1, signal: null };
        target.end();
        target.close();
      };
      target.on('exit', (status: number | null, signal?: string) => (ending = { status, signal: signal ?? null }));
      target.on('error', () => undefined);
      target.once('close', () => {
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
          return this.#guard(() => this.#fromTarget(chunk), broken);
        },
        client,
        less,
      );
      pipe(
        client,
        (chunk) => {
          touch();
          this.#guard(() => {
            this.#queue.push(...this.#requests.push(chunk));
            return true;
          }, broken);
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

  /** `busy` ends in the same tick as the queue: several packets may come within one tick. */
  async #workOff(): Promise<void> {
    const { client, target } = this.#parts;
    this.#busy = true;
    for (let packet = this.#queue.shift(); packet !== undefined; packet = this.#queue.shift()) {
      const judging = this.#request(packet);
      if (judging !== undefined) {
        client.pause();
        await judging;
      }
      // Refusals are answers, too: who does not read them is not read any more.
      for (const taker of [target, client]) {
        if (!taker.writableNeedDrain) continue;
        client.pause();
        await drainedOrClosed(taker);
      }
    }
    this.#busy = false;
    client.resume();
  }

  #request(packet: Buffer): Promise<void> | undefined {
    const operation = operationOf(packet);
    switch (operation.kind) {
      case 'lookup':
        this.#send(this.#parts.permit, packet, sftp.typeOf(packet) === sftp.type.init ? null : () => false);
        return undefined;
      case 'unsupported':
        this.#reply(sftp.statusReply(sftp.idOf(packet), sftp.status.unsupported, 'not passed on by the gateway'));
        return undefined;
      case 'handle':
        return this.#onHandle(packet, operation);
      case 'judged':
        return this.#judge(packet, operation);
    }
  }

  async #judge(packet: Buffer, operation: Extract<Operation, { kind: 'judged' }>, paths = operation.paths): Promise<void> {
    const { session, owner } = this.#parts;
    const id = sftp.idOf(packet);
    if (operation.opens !== null && this.#files.size >= handlesMax) {
      return this.#reply(sftp.statusReply(id, sftp.status.failure, 'too many open files'));
    }
    const resolved: string[] = [];
    for (const it of paths) resolved.push(await this.#resolve(it));
    const { ruling } = await owner.submit(session, actions.file(textOf(operation.verb, paths, resolved), effectsOf(paths, resolved)));
    if (ruling.kind === 'refuse') {
      owner.say(refusalLines(ruling.refusal));
      return this.#reply(sftp.statusReply(id, sftp.status.permissionDenied, refusalWords(ruling.refusal)));
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
  }

  /** Under the permit that its file was opened with. */
  #onHandle(packet: Buffer, { handle, writes, source }: Extract<Operation, { kind: 'handle' }>): Promise<void> | undefined {
    const id = sftp.idOf(packet);
    const key = handle.toString('hex');
    const file = this.#files.get(key);
    const from = source === null ? file : this.#files.get(source.toString('hex'));
    if (file === undefined || from === undefined || !file.permit.isOpen) {
      this.#reply(sftp.statusReply(id, sftp.status.failure, 'no such handle'));
      return undefined;
    }
    if (writes && !file.writes) {
      // Attributes changed by a handle that was opened for reading.
      this.#reply(sftp.statusReply(id, sftp.status.permissionDenied, 'the file was opened for reading'));
      return undefined;
    }
    const kind = sftp.typeOf(packet);
    if (kind === sftp.type.write) {
      const fields = new sftp.FieldReader(packet);
      fields.uint32();
      fields.bytes();
      const offset = fields.uint64();
      file.hashes?.write(offset, fields.bytes());
    }
    const offset = kind === sftp.type.read ? readOffset(packet) : 0n;
    this.#send(file.permit, packet, (answer) => {
      if (kind === sftp.type.read) noteRead(file, offset, answer);
      if (kind === sftp.type.close) {
        this.#files.delete(key);
        this.#finish(file.permit, closing(file, 'completed'));
      }
      return false;
    });
    return undefined;
  }

  /** The absolute path without links, as the target knows it; as it was asked when the target cannot say. */
  async #resolve({ path, follow }: JudgedPath): Promise<string> {
    const slash = path.replace(/\/+$/, '').lastIndexOf('/');
    const base = path.slice(slash + 1).replace(/\/+$/, '');
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
    return new Promise((resolve) => {
      this.#ownId += 1;
      while (this.#outstanding.has(this.#ownId)) this.#ownId += 1;
      const { target } = this.#parts;
      const lost = () => resolve(null);
      target.once('close', lost);
      this.#send(this.#parts.permit, sftp.realpathRequest(this.#ownId, path), (answer) => {
        target.off('close', lost);
        if (sftp.typeOf(answer) !== sftp.type.name) resolve(null);
        else {
          const fields = new sftp.FieldReader(answer);
          fields.uint32();
          resolve(fields.uint32() === 0 ? null : fields.path());
        }
        return true;
      });
    });
  }

  #send(permit: Permit, packet: Buffer, answer: Answer | null): void {
    permit.assertOpen();
    if (answer !== null) {
      const id = sftp.idOf(packet);
      if (this.#outstanding.size >= outstandingMax || this.#outstanding.has(id)) {
        throw new Fault('protocol-violation', 'too many SFTP requests at once, or two with the same id');
      }
      this.#outstanding.set(id, answer);
    }
    if (this.#parts.target.writable) this.#parts.target.write(packet);
  }

  #fromTarget(chunk: Buffer): boolean {
    let more = true;
    for (const packet of this.#answers.push(chunk)) {
      if (sftp.typeOf(packet) === sftp.type.version) {
        if (packet.length < 9 || packet.readUInt32BE(5) !== 3)
          throw new Fault('protocol-violation', 'the target speaks another version of SFTP than 3');
        more = this.#parts.client.write(packet);
        continue;
      }
      const id = sftp.idOf(packet);
      const answer = this.#outstanding.get(id);
      this.#outstanding.delete(id);
      if (answer !== undefined && !answer(packet)) more = this.#parts.client.write(packet);
    }
    return more;
  }

  #reply(packet: Buffer): void {
    this.#parts.client.write(packet);
  }

  #finish(permit: Permit, outcome: Outcome): void {
    finish(this.#parts.session, permit, outcome);
  }

  #guard(step: () => boolean, broken: (thrown: unknown) => void): boolean {
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

function noteRead({ hashes }: OpenFile, offset: bigint, answer: Buffer): void {
  const fields = new sftp.FieldReader(answer);
  fields.uint32();
  if (sftp.typeOf(answer) === sftp.type.data) hashes?.read(offset, fields.bytes());
  else if (sftp.typeOf(answer) === sftp.type.status && fields.uint32() === sftp.status.endOfFile) hashes?.readEnd(offset);
}

/** How the file was left, with what went through it; for the audit log in short. */
function closing({ hashes }: OpenFile, kind: 'completed' | 'unknown'): Outcome {
  const transfer = hashes?.result(kind === 'completed') ?? null;
  if (transfer === null) return { kind, rows: null, error: null };
  const { bytes, sha256, whole } = transfer;
  const detail = { bytes, ...(sha256 === null ? {} : { sha256 }), ...(whole ? {} : { partial: 'yes' }) };
  return { kind, rows: null, error: null, detail, transfer };
}

function readOffset(packet: Buffer): bigint {
  const fields = new sftp.FieldReader(packet);
  fields.uint32();
  fields.bytes();
  return fields.uint64();
}

function outcomeOf(answer: Buffer): Outcome {
  if (sftp.typeOf(answer) !== sftp.type.status) return { kind: 'completed', rows: null, error: null };
  const fields = new sftp.FieldReader(answer);
  fields.uint32();
  const code = fields.uint32();
  if (code === sftp.status.ok) return { kind: 'completed', rows: null, error: null };
  return { kind: 'failed', rows: null, error: { code: `sftp-${code}`, message: fields.bytes().toString('utf8').slice(0, 200) } };
}
