// SFTP packets out of a byte stream (draft-ietf-secsh-filexfer-02, 3): a length, a type, a body. Takes any chunking.

import { Fault } from '../../src/core/errors.ts';

/** OpenSSH's own limit of a packet (256 KiB), which every client stays below. */
export const packetBytesMax = 256 * 1024 + 4;

export class PacketReader {
  #parts: Buffer[] = [];
  #length = 0;

  /** Every whole packet, its length field included. Throws Fault message-too-large or protocol-violation. */
  push(chunk: Buffer): Buffer[] {
    this.#parts.push(chunk);
    this.#length += chunk.length;
    const packets: Buffer[] = [];
    for (;;) {
      const wanted = this.#wanted();
      if (wanted === null || this.#length < wanted) return packets;
      const all = this.#joined();
      packets.push(all.subarray(0, wanted));
      const rest = all.subarray(wanted);
      this.#parts = rest.length === 0 ? [] : [rest];
      this.#length = rest.length;
    }
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  #wanted(): number | null {
    if (this.#length < 4) return null;
    const first = this.#parts[0] as Buffer;
    const length = (first.length >= 4 ? first : this.#joined()).readUInt32BE(0);
    if (length < 1) throw new Fault('protocol-violation', 'an SFTP packet without a type');
    if (length > packetBytesMax) throw new Fault('message-too-large', `an SFTP packet of ${length} bytes; the limit is ${packetBytesMax}`);
    return 4 + length;
  }

  #joined(): Buffer {
    if (this.#parts.length > 1) this.#parts = [Buffer.concat(this.#parts)];
    return this.#parts[0] ?? Buffer.alloc(0);
  }
}
