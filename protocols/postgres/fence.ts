// The read-only fence: what was judged to only read runs so that the server itself refuses writes. Outside a transaction the
// implicit one is set read-only; inside one, a subtransaction is, and its RELEASE makes the transaction read-write again.
// This file knows when a fence can stand and the gateway's own messages for it; the machine puts them between the client's.

import type { Classification } from '../../src/core/classification.ts';
import type { Obligations } from '../../src/core/decision.ts';
import type { Effect } from '../../src/core/effect.ts';
import * as wire from './messages.ts';

/** What may run behind the fence: it can hide calls, and means the same inside a subtransaction. */
export const fencedKinds: ReadonlySet<string> = new Set(['select', 'copy to', 'fetch', 'move', 'explain', 'explain analyze', 'execute']);

/** Fails in a subtransaction, and calls nothing else. pg_dump's parallel mode begins with it. */
const exportsSnapshot = /^\s*select\s+(pg_catalog\s*\.\s*)?pg_export_snapshot\s*\(\s*\)\s*(?:;\s*)?$/i;

/**
 * Does this run behind the fence? Only what was judged to change nothing; the rest was allowed for what it changes. Of a text
 * with several statements it says that one of them must; where the fence stands there is for fence-text.ts to say.
 */
export function isFenced(obligations: Obligations, { understood, summary, statements }: Classification, text: string): boolean {
  if (obligations.fence === undefined || !understood || statements.length === 0) return false;
  if (!summary.effects.every(keepsData)) return false;
  return summary.kinds.some((kind) => fencedKinds.has(kind)) && !exportsSnapshot.test(text);
}

/** True of a setting, too, that guards something: it is set as well behind the fence, and must not lift it for a call beside it. */
function keepsData({ verb, access, objectKind }: Effect): boolean {
  return access === 'read' || access === 'session' || (verb === 'guard' && access === 'write' && objectKind === 'setting');
}

/** An error outside of a transaction block; one of the gateway's own must not let it pass. */
export function wantsBlock(kind: string): boolean {
  return kind === 'declare cursor' || kind === 'lock';
}

const name = 'sallyport_fence';
const savepoint = `SAVEPOINT ${name}`;
/**
 * A transaction that takes its snapshot while it is read-only counts as one that only reads, to its end: SERIALIZABLE then keeps no
 * watch over what it read (GetSerializableTransactionSnapshot). So the snapshot comes first, by a query without rows; in a
 * text of several statements by a cursor, which answers with command tags alone.
 */
const snapshot = 'SELECT WHERE false';
const snapshotInText = `DECLARE ${name} CURSOR FOR ${snapshot};CLOSE ${name};`;
export const releaseText = `RELEASE SAVEPOINT ${name}`;

/** What the server answers to one own command, and so what is swallowed, in order. */
const commandAnswers: readonly number[] = [
  wire.fromTarget.parseComplete,
  wire.fromTarget.bindComplete,
  wire.fromTarget.commandComplete,
  wire.fromTarget.closeComplete,
  wire.fromTarget.closeComplete,
];

/** Messages of the gateway's own, made once: the link lets exactly these pass without a permit. */
export interface OwnMessages {
  readonly bytes: Buffer;
  readonly answers: readonly number[];
}

const own = (...texts: string[]): OwnMessages => ({
  bytes: Buffer.concat(texts.flatMap(command)),
  answers: texts.flatMap(() => commandAnswers),
});

/** By the extended protocol: an error anywhere makes the server skip all the rest up to Sync, so nothing runs without its fence. */
function command(text: string): Buffer[] {
  const { fromClient, message, int32 } = wire;
  const zero = Buffer.from(`${name}\0`);
  const none = Buffer.alloc(2); // no types, formats, values
  return [
    message(fromClient.parse, Buffer.concat([zero, Buffer.from(`${text}\0`), none])),
    message(fromClient.bind, Buffer.concat([zero, zero, none, none, none])),
    message(fromClient.execute, Buffer.concat([zero, int32(0)])),
    message(fromClient.close, Buffer.concat([Buffer.from('P'), zero])),
    message(fromClient.close, Buffer.concat([Buffer.from('S'), zero])),
  ];
}

export const fenceImplicit = own('SET transaction_read_only = on');
export const fenceInBlock = own(snapshot, savepoint, 'SET LOCAL transaction_read_only = on');
export const fenceInNewBlock = own('BEGIN', snapshot, savepoint, 'SET LOCAL transaction_read_only = on');
export const lowerFence = own(releaseText);
export const endOwnBlock = own('COMMIT');
export const abandonOwnBlock = own('ROLLBACK');
export const askReadOnly = own('SHOW transaction_read_only');
export const backToFence = own(`ROLLBACK TO SAVEPOINT ${name}`, releaseText);

/** RELEASE as a simple query, sent behind a fenced Query. */
export const lowerFenceQuery = wire.query(releaseText);

const ownBytes = new Set<Buffer>(
  [fenceImplicit, fenceInBlock, fenceInNewBlock, lowerFence, endOwnBlock, abandonOwnBlock, askReadOnly, backToFence]
    .map(({ bytes }) => bytes)
    .concat(lowerFenceQuery),
);

/** Is this one of the gateway's own messages, by identity? They run nothing of the client's. */
export function isOwn(bytes: Buffer): boolean {
  return ownBytes.has(bytes);
}

/** Put into the client's text, in the same Query, so that an error in it (a cancellation) keeps the text from running. */
export interface TextPrefix {
  readonly text: string;
  readonly commands: number;
}

export const implicitPrefix: TextPrefix = { text: 'SET LOCAL transaction_read_only=on;', commands: 1 };
export const blockPrefix: TextPrefix = { text: `${snapshotInText}${savepoint};SET LOCAL transaction_read_only=on;`, commands: 4 };
