// Makes a target forget a session, so that its connection can be the next one's: COM_RESET_CONNECTION, then what the sign-in alone
// had set and the reset does not bring back, then a look at whether all is as it was. (Client/server protocol: "COM_RESET_CONNECTION".)

import type { Classification } from '../../src/core/classification.ts';
import { onlyReads, type Forgetting } from '../../src/core/idle-upstreams.ts';
import { beginningText, restoringText, type Beginning } from './beginning.ts';
import { BodyReader } from './body-reader.ts';
import { flag, has } from './capabilities.ts';
import { framed, PacketReader } from './codec.ts';
import * as wire from './messages.ts';
import { readTextRow } from './own-query.ts';
import type { Upstream } from './upstream.ts';

const payloadBytesMax = 64 * 1024;

/** What a kept session may have run. Others read too, and leave more (USE, HANDLER, XA, SET TRANSACTION, EXECUTE). */
const plainKinds = new Set([
  ...['select', 'values', 'table', 'show', 'describe', 'help'],
  ...['begin', 'start transaction', 'commit', 'rollback', 'savepoint', 'release savepoint'],
]);

/** True of what leaves nothing in the target's session that a reset does not take away. */
export function leavesNothing(classification: Classification): boolean {
  return onlyReads(classification) && classification.summary.kinds.every((kind) => plainKinds.has(kind));
}

/** Commands that change the session without being judged, for longer than a reset goes back. */
export function isLasting(command: number | undefined): boolean {
  return command === wire.command.setOption;
}

/** What of the status flags must be as at the sign-in. */
const comparedFlags =
  wire.status.inTransaction | wire.status.autocommit | wire.status.noBackslashEscapes | wire.status.readOnlyTransaction | wire.status.ansiQuotes; // prettier-ignore

type Expected = 'reset' | 'restored' | 'columns' | 'definitions' | 'definitions-end' | 'row' | 'end';

/** A connection of which `beginning` is what its first session began with. Null: it can't be made as it was then. */
export function forgettingOf(upstream: Upstream, { row }: Beginning): Forgetting | null {
  const restoring = restoringText(row);
  if (restoring === null) return null;
  const attributed = has(upstream.capabilities, flag.queryAttributes);
  const commands = [Buffer.from([wire.command.resetConnection]), ...[restoring, beginningText].map((it) => wire.query(it, attributed))];
  const answers = new Answers(upstream, row);
  return { request: Buffer.concat(commands.map((it) => framed(it, 0))), answer: (chunk) => answers.push(chunk) };
}

class Answers {
  readonly #upstream: Upstream;
  readonly #row: readonly (string | null)[];
  readonly #reader = new PacketReader(payloadBytesMax);
  #expected: Expected = 'reset';
  #definitionsLeft = 0;
  #sequence = 1;

  constructor(upstream: Upstream, row: readonly (string | null)[]) {
    this.#upstream = upstream;
    this.#row = row;
  }

  push(chunk: Buffer): boolean | null {
    this.#reader.push(chunk);
    for (;;) {
      const packet = this.#reader.next(this.#sequence);
      if (packet === null) return null;
      this.#sequence = packet.sequence + 1;
      const isClean = this.#take(packet.payload);
      if (isClean !== null) return isClean && this.#reader.bufferedBytes === 0;
    }
  }

  #take(payload: Buffer): boolean | null {
    switch (this.#expected) {
      case 'reset':
        return this.#done(payload, 'restored');
      case 'restored':
        return this.#done(payload, 'columns');
      case 'columns':
        this.#definitionsLeft = new BodyReader(payload).lenenc();
        this.#expected = 'definitions';
        return this.#definitionsLeft === this.#row.length ? null : false;
      case 'definitions':
        this.#definitionsLeft -= 1;
        if (this.#definitionsLeft === 0) this.#expected = this.#deprecatesEof ? 'row' : 'definitions-end';
        return null;
      case 'definitions-end':
        this.#expected = 'row';
        return payload[0] === 0xfe ? null : false;
      case 'row':
        this.#expected = 'end';
        return payload[0] !== 0xff && isSame(readTextRow(payload, this.#row.length), this.#row) ? null : false;
      case 'end':
        return payload[0] === 0xfe && this.#isAsBefore(payload);
    }
  }

  /** An OK; the next command's answer counts from 1 again. */
  #done(payload: Buffer, next: Expected): boolean | null {
    this.#expected = next;
    this.#sequence = 1;
    return payload[0] === 0x00 ? null : false;
  }

  get #deprecatesEof(): boolean {
    return has(this.#upstream.capabilities, flag.deprecateEof);
  }

  #isAsBefore(payload: Buffer): boolean {
    const { statusFlags } = this.#deprecatesEof ? wire.readOk(payload, true) : wire.readEof(payload);
    return (statusFlags & comparedFlags) === (this.#upstream.statusFlags & comparedFlags);
  }
}

function isSame(row: readonly (string | null)[], before: readonly (string | null)[]): boolean {
  return row.length === before.length && row.every((cell, index) => cell === before[index]);
}
