// The only way of commands to a target: it takes bytes of an action under its open permit, and without one only commands that
// run nothing judged.

import type { Duplex } from 'node:stream';
import type { Permit } from '../../src/core/permit.ts';
import { framed, headerBytes } from './codec.ts';
import * as wire from './messages.ts';
import { noAttributes } from './query-attributes.ts';

/** Commands that run nothing that wasn't judged: they may go without a permit. */
const quietCommands: ReadonlySet<number> = new Set([
  wire.command.quit,
  wire.command.statistics,
  wire.command.ping,
  wire.command.prepare,
  wire.command.closeStatement,
  wire.command.resetStatement,
  wire.command.setOption,
  wire.command.fetch,
  wire.command.resetConnection,
]);

/** The only way to the target. Bytes are gathered and leave with one write at `flush`. */
export class Link {
  readonly #stream: Duplex;
  readonly #attributed: boolean;
  #out: Buffer[] = [];

  /** `attributed`: the target expects a place for attributes before the text of a query. */
  constructor(stream: Duplex, attributed: boolean) {
    this.#stream = stream;
    this.#attributed = attributed;
  }

  send(permit: Permit, bytes: Buffer): void {
    permit.assertOpen();
    this.#out.push(bytes);
  }

  /** The same for bytes that leave at once. False as for `flush`. */
  sendNow(permit: Permit, bytes: Buffer): boolean {
    permit.assertOpen();
    if (this.#out.length === 0) return this.#stream.write(bytes);
    this.#out.push(bytes);
    return this.flush();
  }

  /** `bytes` is one whole command. `isOwn`: it is a query of the gateway's own. */
  sendQuietly(bytes: Buffer, isOwn: boolean): void {
    const command = bytes[headerBytes];
    if (command === undefined || (!quietCommands.has(command) && !isOwn)) {
      throw new Error(`command 0x${(command ?? 0).toString(16)} needs a permit`);
    }
    this.#out.push(isOwn && this.#attributed ? attributedQuery(bytes.subarray(headerBytes + 1)) : bytes);
  }

  /** False when the target is slower than the client: wait for 'drain'. */
  flush(): boolean {
    if (this.#out.length === 0) return !this.#stream.writableNeedDrain;
    const out = this.#out;
    this.#out = [];
    return this.#stream.write(out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out));
  }
}

function attributedQuery(text: Buffer): Buffer {
  return framed(Buffer.concat([Buffer.from([wire.command.query]), noAttributes, text]), 0);
}
