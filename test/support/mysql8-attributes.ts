// Takes query attributes off the commands of a client of MySQL 8, byte by byte from its documentation ("COM_QUERY",
// "COM_STMT_EXECUTE"), for a server that knows none; and keeps what they said. Parameters of a statement have empty names.

import { Transform } from 'node:stream';
import { framed, PacketReader } from '../../protocols/mysql/codec.ts';

/** Bytes of a value by its type; all others say their length in the first byte. */
const widths: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 6: 0, 8: 8 };

interface Value {
  readonly type: Buffer;
  readonly name: string;
  readonly isNull: boolean;
}

/** Commands go in, and come out without attributes. `seen`: "name=value" of each; bytes of numbers in hex. */
export function withoutAttributes(seen: string[]): Transform {
  const reader = new PacketReader(1 << 24);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      reader.push(chunk);
      for (let packet = reader.next(0); packet !== null; packet = reader.next(0)) this.push(framed(stripped(packet.payload, seen), 0));
      done();
    },
  });
}

function stripped(payload: Buffer, seen: string[]): Buffer {
  if (payload[0] === 0x03) return stripQuery(payload, seen);
  return payload[0] === 0x17 ? stripExecution(payload, seen) : payload;
}

function stripQuery(payload: Buffer, seen: string[]): Buffer {
  const count = payload[1] as number;
  if (payload[2] !== 1) throw new Error(`${payload[2]} sets of attributes`);
  const { at, values } = count === 0 ? { at: 3, values: [] } : readHeads(payload, 3, count);
  return Buffer.concat([Buffer.from([3]), payload.subarray(readValues(payload, at, values, seen).at)]);
}

function stripExecution(payload: Buffer, seen: string[]): Buffer {
  const head = Buffer.from(payload.subarray(0, 10));
  if (((head[5] as number) & 8) === 0) return payload;
  head[5] = (head[5] as number) & ~8;
  const { at, values } = readHeads(payload, 11, payload[10] as number);
  const own = values.filter((it) => it.name === '');
  const { kept } = readValues(payload, at, values, seen);
  if (own.length === 0) return head;
  const nulls = Buffer.alloc((own.length + 7) >>> 3);
  own.forEach(({ isNull }, i) => (nulls[i >>> 3] = (nulls[i >>> 3] as number) | (Number(isNull) << (i & 7))));
  return Buffer.concat([head, nulls, Buffer.from([1]), ...own.map((it) => it.type), ...kept]);
}

function readHeads(payload: Buffer, from: number, count: number): { at: number; values: Value[] } {
  const bits = payload.subarray(from, from + ((count + 7) >>> 3));
  let at = from + bits.length;
  if (payload[at++] !== 1) throw new Error('values without types');
  const values = Array.from({ length: count }, (_, i) => {
    const type = payload.subarray(at, at + 2);
    const end = at + 3 + (payload[at + 2] as number);
    const name = payload.subarray(at + 3, end).toString();
    at = end;
    return { type, name, isNull: (((bits[i >>> 3] as number) >>> (i & 7)) & 1) === 1 };
  });
  return { at, values };
}

function readValues(payload: Buffer, from: number, values: readonly Value[], seen: string[]): { at: number; kept: Buffer[] } {
  let at = from;
  const kept: Buffer[] = [];
  for (const { type, name, isNull } of values) {
    const width = isNull ? 0 : (widths[type[0] as number] ?? 1 + (payload[at] as number));
    const bytes = payload.subarray(at, at + width);
    at += width;
    if (name === '') kept.push(bytes);
    else if (isNull) seen.push(`${name}=NULL`);
    else seen.push(`${name}=${widths[type[0] as number] === undefined ? bytes.subarray(1).toString() : bytes.toString('hex')}`);
  }
  return { at, kept };
}
