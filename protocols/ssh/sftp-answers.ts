// SFTP, from the target to the client: what was asked and has no answer yet, the answers that come, and refusals of the gateway
// between them. Data passes in pieces as it comes; no answer of the gateway goes into the middle of one.

import type { ServerChannel } from 'ssh2';
import { Fault } from '../../src/core/errors.ts';
import { PacketReader } from './sftp-codec.ts';
import { read } from './sftp-files.ts';
import type { Reading } from './sftp-files.ts';
import * as sftp from './sftp-messages.ts';
import { Forwarder } from './ssh2-channels.ts';

/** Requests without an answer yet. OpenSSH keeps 64 in flight. */
const outstandingMax = 4096;

/** Takes an answer; true when it is the gateway's own and does not go to the client. */
export type Answer = (packet: Buffer) => boolean;

interface Asked {
  readonly answer: Answer;
  /** What was asked for is data, which may pass in pieces. */
  readonly reading: Reading | null;
}

export class SftpAnswers {
  readonly #packets = new PacketReader((start, length) => (this.#readingOf(start) === null ? null : sftp.headOfData(start, length)));
  readonly #toClient: Forwarder;
  readonly #outstanding = new Map<number, Asked>();
  /** Answers of the gateway that wait until the packet is over which is passing to the client. */
  #replies: Buffer[] = [];
  /** Who hears of the rest of the packet that is passing; null: nobody. */
  #reading: Reading | null = null;

  constructor(client: ServerChannel) {
    this.#toClient = new Forwarder(client);
  }

  /** Everything that was asked has been answered. */
  get areComplete(): boolean {
    return this.#outstanding.size === 0;
  }

  isExpected(id: number): boolean {
    return this.#outstanding.has(id);
  }

  /** Throws Fault protocol-violation for an id that waits already, and for too many. */
  expect(id: number, answer: Answer, reading: Reading | null): void {
    if (this.#outstanding.size >= outstandingMax || this.#outstanding.has(id))
      throw new Fault('protocol-violation', 'too many SFTP requests at once, or two with the same id');
    this.#outstanding.set(id, { answer, reading });
  }

  /** Takes what the target sent. False when the client takes no more for now. Throws Fault protocol-violation. */
  take(chunk: Buffer): boolean {
    this.#packets.push(chunk);
    for (let part = this.#packets.next(); part !== null; part = this.#packets.next()) {
      switch (part.kind) {
        case 'packet':
          this.#answer(part.bytes);
          break;
        case 'start':
          this.#reading = this.#readingOf(part.bytes);
          this.#outstanding.delete(sftp.idOf(part.bytes));
          this.#data(part.bytes, part.bytes.subarray(13));
          break;
        case 'piece':
          this.#data(part.bytes, part.bytes);
          if (part.last) this.#replyNow();
          break;
      }
    }
    return this.#toClient.flush();
  }

  /** An answer of the gateway; not into the middle of another. */
  reply(packet: Buffer): void {
    if (this.#replies.length >= outstandingMax) throw new Fault('protocol-violation', 'too many SFTP requests at once');
    this.#replies.push(packet);
    if (!this.#packets.isPassing) this.#replyNow();
  }

  /** Forgets what was put together and not sent. */
  drop(): void {
    this.#toClient.drop();
  }

  #readingOf(answer: Buffer): Reading | null {
    return this.#outstanding.get(sftp.idOf(answer))?.reading ?? null;
  }

  /** A piece of an answer, and the data in it. */
  #data(bytes: Buffer, data: Buffer): void {
    if (this.#reading !== null) read(this.#reading, data);
    this.#toClient.add(bytes);
  }

  #answer(packet: Buffer): void {
    if (sftp.typeOf(packet) === sftp.type.version) {
      if (packet.length < 9 || packet.readUInt32BE(5) !== 3)
        throw new Fault('protocol-violation', 'the target speaks another version of SFTP than 3');
      this.#toClient.add(packet);
      return;
    }
    const id = sftp.idOf(packet);
    const asked = this.#outstanding.get(id);
    this.#outstanding.delete(id);
    if (asked !== undefined && !asked.answer(packet)) this.#toClient.add(packet);
  }

  #replyNow(): void {
    for (const packet of this.#replies) this.#toClient.add(packet);
    this.#replies = [];
    this.#toClient.flush();
  }
}
