// Reads and writes single packets during handshakes. The relay has its own reader (codec.ts).

import type { Duplex } from 'node:stream';
import { Fault } from '../../src/core/errors.ts';
import { readExactly } from '../../src/core/read-exactly.ts';
import { framed, headerBytes, type Packet } from './codec.ts';

/** A packet of at most `payloadBytesMax`; its sequence number must be `sequence`. */
export async function readPacket(stream: Duplex, sequence: number, payloadBytesMax: number, signal: AbortSignal): Promise<Packet> {
  const head = await readExactly(stream, headerBytes, signal);
  const length = head.readUIntLE(0, 3);
  const got = head[3] as number;
  if (length > payloadBytesMax) throw new Fault('protocol-violation', `a packet of ${length} bytes during sign-in`);
  if (got !== (sequence & 0xff)) throw new Fault('protocol-violation', `packets out of order: number ${got} instead of ${sequence & 0xff}`);
  const payload = length === 0 ? Buffer.alloc(0) : await readExactly(stream, length, signal);
  return { payload, sequence: got };
}

export function writePacket(stream: Duplex, payload: Buffer, sequence: number): void {
  stream.write(framed(payload, sequence));
}
