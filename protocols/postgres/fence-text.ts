// Where the fence goes in a Query that holds several statements. What stands beside a query must not take it out from behind the
// fence, so a text is read as three parts: statements that begin or end transactions, then queries and what means the same
// behind the fence, then the end of the transaction. A text of another order has no place for a fence and does not run.

import type { Classification, StatementFacts } from '../../src/core/classification.ts';
import type { Block } from './fence-relay.ts';
import { blockPrefix, fencedKinds, implicitPrefix, releaseText } from './fence.ts';
import { fromClient, message } from './messages.ts';
import { isAscii } from './names.ts';

/** Text of the gateway's own, put into the client's before the statement of this number (from 0). */
export interface Insertion {
  readonly before: number;
  readonly text: string;
  /** How many commands it is: as many answers are swallowed. */
  readonly commands: number;
  /** In the client's text, UTF-16 units. */
  readonly offset: number;
}

export interface FencedText {
  readonly insertions: readonly Insertion[];
  /** A subtransaction is still open behind the text: its RELEASE follows. */
  readonly lowers: boolean;
}

/** Beside queries these mean the same in a read-only subtransaction, and last when it is released. */
const besideKinds = new Set([
  ...['show', 'set', 'reset', 'prepare', 'deallocate', 'declare cursor', 'close', 'listen', 'unlisten', 'discard', 'discard temp', 'lock'],
]);
const blockKinds = new Set([
  ...['begin', 'commit', 'rollback', 'savepoint', 'release', 'rollback to savepoint', 'set constraints'],
  ...['set transaction', 'set session characteristics'],
]);
/** Settings of the transaction itself: in a subtransaction they fail, or lift the fence. */
const ofTransaction = /^transaction_/;

/** What would show it. */
const showsFence = /^(transaction_read_only|all)$/;

/** The place of the fence in a text that has a query to be fenced; null when there is none. */
export function placeFence({ statements }: Classification, text: string, block: Block): FencedText | null {
  const parts = statements.map(partOf);
  const first = parts.findIndex((part) => part !== 'block');
  const last = parts.findLastIndex((part) => part !== 'block');
  if (parts.slice(first, last + 1).some((part) => part !== 'fenced')) return null;
  const [lead, tail] = [statements.slice(0, first), statements.slice(last + 1)];
  if ((lead.length > 0 || tail.length > 0) && /\bchain\b/i.test(text)) return null; // COMMIT AND CHAIN: the next has the modes of this one
  const offset = lead.length === 0 ? 0 : (statements[first]?.span.start ?? 0);
  const tailAt = tail[0]?.span.start ?? text.length;
  // Offsets in bytes are those in characters where both are ASCII; in front of and behind queries nothing else is needed.
  if (!isAscii(text.slice(0, offset)) || !isAscii(text.slice(tailAt))) return null;
  const state = blockAfter(lead, block);
  if (state === 'failed') return { insertions: [], lowers: false }; // nothing runs
  if (state === 'open') {
    const raise = { ...blockPrefix, before: first, offset };
    if (tail.length === 0) return { insertions: [raise], lowers: true };
    return { insertions: [raise, { before: last + 1, text: `${releaseText};`, commands: 1, offset: tailAt }], lowers: false };
  }
  // The implicit transaction stays read-only to its end, so a text may end it, and must not make it the client's own.
  const makesItsOwn = tail.find(({ kind }) => kind === 'begin' || kind === 'commit' || kind === 'rollback')?.kind === 'begin';
  return makesItsOwn ? null : { insertions: [{ ...implicitPrefix, before: first, offset }], lowers: false };
}

/** The client's Query with the insertions in it. */
export function withInsertions({ insertions }: FencedText, text: string, query: Buffer): Buffer {
  const client = query.subarray(5);
  const parts: Buffer[] = [];
  let from = 0;
  for (const { text: own, offset } of insertions) {
    // What is behind a tail is ASCII, and so is what is in front of the first: counted from the end that is near.
    const at = offset === 0 || isAscii(text.slice(0, offset)) ? offset : client.length - 1 - (text.length - offset);
    parts.push(client.subarray(from, at), Buffer.from(own));
    from = at;
  }
  return message(fromClient.query, Buffer.concat([...parts, client.subarray(from)]));
}

/** How many commands of the gateway's own have answered when the client's statement of this number is next. */
export function ownCommands({ insertions }: FencedText, next: number): number {
  return insertions.reduce((sum, { before, commands }) => (before <= next ? sum + commands : sum), 0);
}

/** How many characters are the gateway's own before `position` (from 1) of the text that was sent. */
export function ownChars({ insertions }: FencedText, position: number): number {
  let chars = 0;
  for (const { text, offset } of insertions) if (position > offset + chars) chars += text.length;
  return chars;
}

function partOf({ kind, changes, effects }: StatementFacts): 'fenced' | 'block' | 'other' {
  if (fencedKinds.has(kind)) return 'fenced';
  if (kind === 'show' && effects.some(({ object }) => object !== null && showsFence.test(object))) return 'block';
  const sets = changes.some((change) => change.kind === 'set' && ofTransaction.test(change.setting));
  if (blockKinds.has(kind) || (sets && (kind === 'set' || kind === 'reset'))) return 'block';
  return besideKinds.has(kind) && !sets ? 'fenced' : 'other';
}

/** By what the statements do when they succeed; where one fails, the rest of the text does not run. */
function blockAfter(lead: readonly StatementFacts[], block: Block): Block {
  let state = block;
  for (const { kind } of lead) {
    if (kind === 'begin') state = state === 'failed' ? 'failed' : 'open';
    else if (kind === 'commit' || kind === 'rollback') state = 'none';
    else if (kind === 'rollback to savepoint' && state === 'failed') state = 'open';
  }
  return state;
}
