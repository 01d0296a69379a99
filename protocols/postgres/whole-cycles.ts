// Recognises the two commonest chunks of the protocol by their bytes: a client's whole cycle, and the plain answer to it. Reads lengths
// and types only, makes no message of them, and says no to whatever is not exactly that. (Protocol chapters 54.2.3 and 54.7.)

import { fromClient, fromTarget } from './messages.ts';

/** A client's cycle that stands in one chunk alone. */
export type Cycle =
  | { readonly kind: 'query' }
  /** Bind of the unnamed portal, Describe of it or not, Execute of all its rows, Sync. */
  | { readonly kind: 'portal'; readonly statement: string; readonly bindEnd: number; readonly describes: boolean };

const aQuery: Cycle = { kind: 'query' };
const headerBytes = 5;

/** The cycle that this chunk is; null for everything else, malformed messages too. */
export function cycleOf(chunk: Buffer): Cycle | null {
  if (chunk.length < headerBytes) return null;
  switch (chunk[0]) {
    case fromClient.query:
      return endOf(chunk, 0) === chunk.length && chunk.indexOf(0, headerBytes) === chunk.length - 1 ? aQuery : null;
    case fromClient.bind:
      return portalCycle(chunk);
    default:
      return null;
  }
}

function portalCycle(chunk: Buffer): Cycle | null {
  const bindEnd = endOf(chunk, 0);
  if (bindEnd >= chunk.length || chunk[headerBytes] !== 0) return null;
  const nameEnd = chunk.indexOf(0, headerBytes + 1);
  if (nameEnd < 0 || !isBind(chunk, nameEnd + 1, bindEnd)) return null;
  let at = bindEnd;
  const describes = chunk[at] === fromClient.describe;
  if (describes) {
    if (endOf(chunk, at) !== at + 7 || at + 7 > chunk.length || chunk[at + 5] !== 0x50 || chunk[at + 6] !== 0) return null;
    at += 7;
  }
  const executes = chunk[at] === fromClient.execute && at + 10 <= chunk.length && endOf(chunk, at) === at + 10 && chunk[at + 5] === 0;
  if (!executes || chunk.readInt32BE(at + 6) !== 0) return null;
  at += 10;
  if (chunk[at] !== fromClient.sync || at + 5 !== chunk.length || endOf(chunk, at) !== chunk.length) return null;
  return { kind: 'portal', statement: chunk.toString('latin1', headerBytes + 1, nameEnd), bindEnd, describes };
}

/** The fields of a Bind behind its names: parameter formats, parameters, result formats, and nothing more. */
function isBind(chunk: Buffer, from: number, end: number): boolean {
  let at = from;
  if (at + 2 > end) return false;
  at += 2 + 2 * chunk.readUInt16BE(at);
  if (at + 2 > end) return false;
  const count = chunk.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < count; i++) {
    if (at + 4 > end) return false;
    const length = chunk.readInt32BE(at);
    if (length < -1) return false;
    at += length < 0 ? 4 : 4 + length;
  }
  return at + 2 <= end && at + 2 + 2 * chunk.readUInt16BE(at) === end && count < 0x8000;
}

/** Where the message that begins at `at` ends; beyond the chunk when its header does, or when its length can't be. */
function endOf(chunk: Buffer, at: number): number {
  if (at + headerBytes > chunk.length) return Infinity;
  const length = chunk.readInt32BE(at + 1);
  return length < 4 ? Infinity : at + 1 + length;
}

/** Where the plain answer says what came of a cycle. */
export interface Answer {
  /** The command tag, without its end. */
  readonly tag: string;
  /** Transaction status of ReadyForQuery. */
  readonly status: number;
}

/**
 * The whole answer of one statement that went well: BindComplete (of a portal), perhaps a description, rows, CommandComplete,
 * ReadyForQuery. Null for everything else: errors, notices, settings, an answer in several chunks.
 */
export function answerOf(chunk: Buffer, cycle: Cycle): Answer | null {
  let at = 0;
  if (cycle.kind === 'portal') {
    if (chunk[0] !== fromTarget.bindComplete || endOf(chunk, 0) !== headerBytes) return null;
    at = headerBytes;
    if (cycle.describes) {
      if (chunk[at] !== fromTarget.rowDescription && chunk[at] !== fromTarget.noData) return null;
      at = endOf(chunk, at);
    }
  } else if (chunk[0] === fromTarget.rowDescription) at = endOf(chunk, 0);
  while (chunk[at] === fromTarget.dataRow) at = endOf(chunk, at);
  if (chunk[at] !== fromTarget.commandComplete) return null;
  const end = endOf(chunk, at);
  if (end + 6 !== chunk.length || chunk[end] !== fromTarget.ready || endOf(chunk, end) !== chunk.length) return null;
  if (chunk[end - 1] !== 0) return null;
  return { tag: chunk.toString('latin1', at + headerBytes, end - 1), status: chunk[end + 5] as number };
}
