// COM_STMT_EXECUTE towards the target: the bytes that were judged, and what its digest covers.

import { createHash } from 'node:crypto';
import { framed } from './codec.ts';
import * as wire from './messages.ts';
import { executeHeadBytes, type BoundParameters, type ExecuteMessage } from './parameters.ts';
import type { WireStatement } from './statements.ts';

export function boundParts(bound: BoundParameters | null): Buffer[] {
  return bound === null ? [] : [bound.nullBitmap, bound.types, bound.values];
}

type Ahead = ReadonlyMap<number, readonly Buffer[]>;

/** For the digest: parameter, length, bytes. */
export function aheadParts(ahead: Ahead): Buffer[] {
  return [...ahead]
    .sort(([a], [b]) => a - b)
    .flatMap(([index, parts]) => {
      const value = Buffer.concat(parts);
      return [wire.uint16(index), wire.uint32(value.length), value];
    });
}

/** COM_STMT_SEND_LONG_DATA for everything that was sent ahead. */
export function aheadCommands(id: number, ahead: Ahead): Buffer[] {
  return [...ahead].flatMap(([index, parts]) =>
    parts.map((part) => framed(Buffer.concat([Buffer.from([wire.command.sendLongData]), wire.uint32(id), wire.uint16(index), part]), 0)),
  );
}

/** The execution as the client sent it; with the types when the target has not seen them (an earlier execution was refused). */
export function executeCommand(message: ExecuteMessage, statement: WireStatement, bound: BoundParameters | null): Buffer {
  const head = Buffer.alloc(1 + executeHeadBytes);
  head[0] = wire.command.execute;
  head.writeUInt32LE(statement.id, 1);
  head[5] = message.flags;
  head.writeUInt32LE(message.iterations, 6);
  if (bound === null) return Buffer.concat([head, message.body]);
  const known = statement.typesAtTarget?.equals(bound.types) === true;
  const types = known ? [Buffer.from([0])] : [Buffer.from([1]), bound.types];
  return Buffer.concat([head, bound.nullBitmap, ...types, bound.values]);
}

/** SHA-256 over the parts, hex. */
export function digestOf(parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
