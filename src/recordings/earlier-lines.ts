// Which lines of a recording were written in full not long ago: a line like one of them names its place instead of saying all of it again.

import type { JsonEntry } from '../core/recording.ts';

/** A program turns around a few statements. */
const linesMax = 8;
/** So far behind it a line is written in full again: damage to one costs no more than that, and a reader looks back no further. */
export const reachBytes = 32 * 1024;
/** A longer text is written each time. */
const textCharsMax = 1024;

interface EarlierLine {
  /** Of its first byte in the file. */
  offset: number;
  rest: Uint8Array;
  /** Null when it is too long to be kept. */
  text: string | null;
  /** The same, once somebody came with it as bytes. */
  textBytes: Uint8Array | null;
}

export class EarlierLines {
  readonly #lines: EarlierLine[] = [];
  #next = 0;

  /**
   * The place of a line that has the same `rest`, for the entry that begins at `offset`; null when it is to be written in full.
   * A text that was seen as often as to be kept in bytes gets a line of its own.
   */
  find({ rest, text }: JsonEntry, offset: number): { readonly offset: number; readonly hasText: boolean } | null {
    let alike: EarlierLine | null = null;
    for (const line of this.#lines) {
      if (line.rest !== rest || offset - line.offset > reachBytes) continue;
      if (isText(line, text)) return { offset: line.offset, hasText: true };
      alike = line;
    }
    return alike === null || typeof text !== 'string' ? null : { offset: alike.offset, hasText: false };
  }

  /** That an entry is written in full there. */
  add({ rest, text }: JsonEntry, offset: number): void {
    const line: EarlierLine =
      typeof text === 'string'
        ? { offset, rest, text: text.length <= textCharsMax ? text : null, textBytes: null }
        : { offset, rest, text: null, textBytes: text };
    this.#lines[this.#next] = line;
    this.#next = (this.#next + 1) % linesMax;
  }

  /** A session that does nothing keeps none. */
  forget(): void {
    this.#lines.length = 0;
    this.#next = 0;
  }
}

function isText(line: EarlierLine, text: string | Uint8Array): boolean {
  if (typeof text === 'string') return line.text === text;
  if (line.textBytes === text) return true;
  if (line.textBytes !== null || line.text === null || Buffer.byteLength(line.text) !== text.length) return false;
  if (Buffer.compare(Buffer.from(line.text), text) !== 0) return false;
  line.textBytes = text;
  return true;
}
