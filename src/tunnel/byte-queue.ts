// Bytes of a stream that wait: for their reader, or for their turn to be sent. What has to be copied is put together in blocks that are
// used again.

import { giveBack, takeBlock } from './memory.ts';

/** So few bytes get memory that grows with them: a block for each stream that keeps a few would be a thousand times as much. */
const smallBytesMax = 4 * 1024;
/** What is copied is given out in pieces of at most as much: what whoever keeps it has memory for. */
const pieceBytesMax = 64 * 1024;

interface Piece {
  memory: Buffer;
  /** Whose memory it is: kept as it came, a few bytes of our own, or a block. */
  readonly kind: 'kept' | 'small' | 'block';
  from: number;
  to: number;
}

export class ByteQueue {
  readonly #pieces: Piece[] = [];
  #bytes = 0;

  /** How many wait. */
  get length(): number {
    return this.#bytes;
  }

  /** Keeps `bytes` themselves. */
  push(bytes: Uint8Array): void {
    this.#pieces.push(ownPiece(bytes));
    this.#bytes += bytes.length;
  }

  /** As `push`, before all others. */
  unshift(bytes: Uint8Array): void {
    this.#pieces.unshift(ownPiece(bytes));
    this.#bytes += bytes.length;
  }

  /** Keeps what the bytes are now. */
  pushCopy(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    let rest = bytes;
    while (rest.length > 0) {
      const last = this.#pieces.at(-1);
      if (last?.kind === 'block' && last.to < pieceBytesMax) {
        const count = Math.min(rest.length, pieceBytesMax - last.to);
        last.memory.set(count === rest.length ? rest : rest.subarray(0, count), last.to);
        last.to += count;
        rest = rest.subarray(count);
      } else if (last?.kind === 'small' && last.to + rest.length <= smallBytesMax) return addTo(last, rest);
      else if (last?.kind !== 'small' && rest.length <= smallBytesMax) {
        this.#pieces.push({ memory: Buffer.from(rest), kind: 'small', from: 0, to: rest.length });
        return;
      } else this.#pieces.push({ memory: takeBlock(), kind: 'block', from: 0, to: 0 });
    }
  }

  /**
   * Takes up to `countMax` bytes that lie together from the beginning, and gives them to `use`, which may not keep them: they are valid
   * until it returns. It may do with the queue what it likes. Nothing happens when the queue is empty.
   */
  shift(countMax: number, use: (bytes: Buffer) => void): void {
    const [first] = this.#pieces;
    if (first === undefined) return;
    const { memory, from, to } = first;
    const count = Math.min(countMax, to - from);
    this.#bytes -= count;
    first.from += count;
    const isUsedUp = first.from === to;
    if (isUsedUp) this.#pieces.shift();
    use(memory.subarray(from, from + count));
    if (isUsedUp && first.kind === 'block') giveBack(memory);
  }

  clear(): void {
    for (const { memory, kind } of this.#pieces) if (kind === 'block') giveBack(memory);
    this.#pieces.length = 0;
    this.#bytes = 0;
  }
}

function ownPiece(bytes: Uint8Array): Piece {
  const memory = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return { memory, kind: 'kept', from: 0, to: bytes.length };
}

/** Bytes that come one by one share their memory: a buffer for each would be a hundred times as much as they are. */
function addTo(piece: Piece, bytes: Uint8Array): void {
  const to = piece.to + bytes.length;
  if (to > piece.memory.length) {
    const memory = Buffer.allocUnsafe(Math.min(2 * to, smallBytesMax));
    piece.memory.copy(memory, 0, 0, piece.to);
    piece.memory = memory;
  }
  piece.memory.set(bytes, piece.to);
  piece.to = to;
}
