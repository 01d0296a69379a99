// The files of the log: segments of lines, named by the number of their first event, and reading them line by line.
// Nothing here knows what is in a line.

import { readdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../core/errors.ts';
import { lineBytesMax } from './line.ts';

/** A segment is full at this size; small enough to copy and to verify at start, large enough to have few. */
export const segmentBytesMax = 64 * 1024 * 1024;
/** Several of the longest lines. */
const chunkBytes = 1024 * 1024;
const namePattern = /^audit-([0-9]{15})\.jsonl$/;
const newline = 0x0a;

export interface Segment {
  /** Number of the first event in it. */
  readonly firstSeq: number;
  readonly name: string;
  readonly path: string;
}

export function segmentName(firstSeq: number): string {
  return `audit-${String(firstSeq).padStart(15, '0')}.jsonl`;
}

export function segmentOf(dir: string, firstSeq: number): Segment {
  const name = segmentName(firstSeq);
  return { firstSeq, name, path: join(dir, name) };
}

/** The segments in a folder, in order. */
export function listSegments(dir: string): Segment[] {
  const names = readdirSync(dir).filter((name) => namePattern.test(name));
  return names.sort().map((name) => ({ firstSeq: Number(namePattern.exec(name)?.[1]), name, path: join(dir, name) }));
}

/** Where a line stands in its file. */
export interface Place {
  /** From 1. */
  readonly line: number;
  readonly offset: number;
}

export interface ReadOptions {
  /** Byte offset to start at, which must be the start of a line. */
  readonly from?: number;
  /** Stop before this byte; what is appended later is not read. */
  readonly to?: number;
}

/**
 * Hands every whole line (without newline) to `onLine`, which answers false to stop. The buffer is valid during the call only.
 * Gives the bytes after the last newline (a torn line) and where the whole lines end. No line has a zero byte: where one stands, a power
 * cut came between a file's length and its content, and what stands behind it, of which nobody knows what it followed, is torn as well.
 */
export async function readLines(
  path: string,
  onLine: (line: Buffer, place: Place) => boolean,
  options: ReadOptions = {},
): Promise<{ tornBytes: number; endOffset: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const to = Math.min(options.to ?? Number.MAX_SAFE_INTEGER, size);
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let rest: Buffer = Buffer.alloc(0);
    let position = options.from ?? 0;
    let lineStart = position;
    let line = 0;
    let hasZeros = false;
    while (position < to && !hasZeros) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunkBytes, to - position), position);
      if (bytesRead === 0) break;
      position += bytesRead;
      const zeroAt = chunk.subarray(0, bytesRead).indexOf(0);
      hasZeros = zeroAt !== -1;
      const read = chunk.subarray(0, hasZeros ? zeroAt : bytesRead);
      let start = 0;
      for (let end = read.indexOf(newline); end !== -1; end = read.indexOf(newline, start)) {
        const bytes = rest.length === 0 ? read.subarray(start, end) : Buffer.concat([rest, read.subarray(start, end)]);
        line += 1;
        if (!onLine(bytes, { line, offset: lineStart })) return { tornBytes: 0, endOffset: lineStart };
        lineStart += bytes.length + 1;
        rest = Buffer.alloc(0);
        start = end + 1;
      }
      rest = Buffer.concat([rest, read.subarray(start)]);
      if (rest.length > lineBytesMax) {
        // No line is this long: hand it on as it is, so that the reader's own check names the place.
        onLine(rest, { line: line + 1, offset: lineStart });
        return { tornBytes: 0, endOffset: lineStart };
      }
    }
    return { tornBytes: (hasZeros || to === size ? size : position) - lineStart, endOffset: lineStart };
  } finally {
    await file.close();
  }
}

/** Texts of about this size are handed on: what is made of them is short-lived and stays in the processor's cache. */
const pieceBytes = 64 * 1024;

/**
 * Hands all whole lines from byte `from` on in pieces of several, with their newlines, as texts that have one character for each
 * byte, and the offset of each piece. `onPiece` answers false to stop. A torn line at the end is left out. Throws Fault
 * audit-chain-broken where there is no line end for longer than any line is.
 */
export async function readPieces(path: string, from: number, onPiece: (text: string, offset: number) => boolean): Promise<void> {
  const file = await open(path, 'r');
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let position = from;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, position);
      const read = chunk.subarray(0, bytesRead);
      const wholeBytes = read.lastIndexOf(newline) + 1;
      for (let start = 0; start < wholeBytes;) {
        const last = start + pieceBytes >= wholeBytes ? wholeBytes - 1 : read.lastIndexOf(newline, start + pieceBytes - 1);
        const end = (last >= start ? last : read.indexOf(newline, start)) + 1;
        if (!onPiece(read.toString('latin1', start, end), position + start)) return;
        start = end;
      }
      if (bytesRead < chunkBytes) return;
      if (wholeBytes === 0) throw new Fault('audit-chain-broken', `${path} has no line end behind byte ${position}`);
      position += wholeBytes;
    }
  } finally {
    await file.close();
  }
}
