// Recognises the two commonest chunks of the protocol by their bytes: a client's whole cycle, and the plain answer to it. Reads lengths
// and types only, makes no message of them, and says no to whatever is not exactly that. (Protocol chapters 54.2.3 and 54.7.)

import { fromClient, fromTarget } from './messages.ts';
import { rowsOfTag } from './rows.ts';

/** A client's cycle that stands in one chunk alone. */
export type Cycle =
  | { readonly kind: 'query' }
  /** Bind of the unnamed portal, Describe of it or not, Execute of all its rows, Sync. `fieldsAt`: behind the names of the Bind. */
  | {
      readonly kind: 'portal';
      readonly statement: string;
      readonly fieldsAt: number;
      readonly bindEnd: number;
      readonly describes: boolean;
    };

const aQuery: Cycle = { kind: 'query' };
const headerBytes = 5;

/** The cycle that this chunk is; null for everything else, malformed messages too. `likely`: the statement that was run last. */
export function cycleOf(chunk: Buffer, likely = ''): Cycle | null {
  if (chunk.length < headerBytes) return null;
  switch (chunk[0]) {
    case fromClient.query:
      return endOf(chunk, 0) === chunk.length && chunk.indexOf(0, headerBytes) === chunk.length - 1 ? aQuery : null;
    case fromClient.bind:
      return portalCycle(chunk, likely);
    default:
      return null;
  }
}

function portalCycle(chunk: Buffer, likely: string): Cycle | null {
  const bindEnd = endOf(chunk, 0);
  if (bindEnd >= chunk.length || chunk[headerBytes] !== 0) return null;
  const nameAt = headerBytes + 1;
  let nameEnd = nameAt;
  while (nameEnd < bindEnd && chunk[nameEnd] !== 0) nameEnd += 1;
  if (!isBind(chunk, nameEnd + 1, bindEnd)) return null;
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
  const statement = isText(chunk, nameAt, nameEnd, likely) ? likely : chunk.toString('latin1', nameAt, nameEnd);
  return { kind: 'portal', statement, fieldsAt: nameEnd + 1, bindEnd, describes };
}

/** Are these bytes, one character each, that text? A call of native code for each of such short texts costs more than all the rest. */
function isText(chunk: Buffer, from: number, end: number, text: string): boolean {
  if (end - from !== text.length) return false;
  for (let index = 0; index < text.length; index++) if (chunk[from + index] !== text.charCodeAt(index)) return false;
  return true;
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
  /** As the command tag says; null where it has no count. */
  readonly rows: number | null;
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
  return { rows: rowsIn(chunk, at + headerBytes, end - 1), status: chunk[end + 5] as number };
}

/** As rowsOfTag() reads it, without a text made of it. */
function rowsIn(chunk: Buffer, from: number, end: number): number | null {
  let rows = 0;
  let at = end;
  for (let scale = 1; at > from && isDigit(chunk[at - 1] as number); at -= 1, scale *= 10) {
    if (end - at === exactDigitsMax) return rowsOfTag(chunk.toString('latin1', from, end));
    rows += ((chunk[at - 1] as number) - zero) * scale;
  }
  return at < end && at > from && chunk[at - 1] === space ? rows : null;
}

const zero = 0x30;
const space = 0x20;
/** More may be beyond what a number can tell exactly. */
const exactDigitsMax = 15;

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= zero + 9;
}
