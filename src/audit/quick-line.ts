// What a line says of an action, put straight into bytes. Between the events of a session only time, the action's number and some
// of the detail differ; what is the same is made once and copied. It says byte for byte what boundedBody() says, which does it for
// everything else.

import { PlainOutcome, type AuditEvent } from '../core/audit.ts';
import { putDigitsOf, putInteger, putMillis } from '../core/digits.ts';

/** A longer detail is rare, and boundedBody() may have to cut it. */
const quickDetailCharsMax = 8192;
/** What is put beside the detail. */
const besideDetailBytesMax = 2048;
/** Longer names are rare, and boundedBody() may have to cut them. */
const middleBytesMax = 512;
/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const bytesPerUnitMax = 3;
/** Room that an event needs; more than any that is put here. */
export const quickBytesMax = quickDetailCharsMax * bytesPerUnitMax + besideDetailBytesMax;

/** What is the same for the actions of a session, for one type of event. */
interface Repeated {
  readonly principal: string | null;
  readonly target: string | null;
  /** How the ids of its actions begin. */
  readonly idStart: string;
  /** From the type to the beginning of the action's id, with the time of the last event. */
  middle: Uint8Array;
  atMs: number;
}

/** By type, then by session. Of sessions that are alive now, and of some that were: when it is full, it begins anew. */
const repeated = new Map<string, Map<string, Repeated>>();
const sessionsMax = 4096;

const typeStart = ',"type":"';
const timeStart = '","at_ms":';
const beforeDetail = '","hold":null,"detail":';
const detailStart = bytesOf(beforeDetail);
const durationStart = bytesOf(',"duration_ms":');
const nothing = bytesOf('null');
const outcomes: Readonly<Record<PlainOutcome['outcome'], Uint8Array>> = {
  completed: outcomeStart('completed'),
  failed: outcomeStart('failed'),
  cancelled: outcomeStart('cancelled'),
  unknown: outcomeStart('unknown'),
};
const closingBrace = 0x7d;

/**
 * Puts the body of an event and gives its end; null when boundedBody() must make it. There must be room for quickBytesMax. Throws
 * when the detail is no JSON.
 */
export function putQuickBody(bytes: Buffer, start: number, event: AuditEvent): number | null {
  const { sessionId, actionId, detail } = event;
  if (sessionId === null || actionId === null || event.holdId !== null) return null;
  const known = repeatedOf(sessionId, event);
  if (known === null || actionId.slice(0, known.idStart.length) !== known.idStart) return null;
  let at = put(bytes, start, known.middle);
  const id = putDigitsOf(bytes, at, actionId, known.idStart.length);
  if (id === null) return null;
  if (detail instanceof PlainOutcome) return putOutcome(bytes, id, detail);
  at = put(bytes, id, detailStart);
  const json = event.detailJson ?? JSON.stringify(detail);
  if (json.length > quickDetailCharsMax) return null;
  at = typeof json === 'string' ? at + bytes.write(json, at) : put(bytes, at, json);
  bytes[at] = closingBrace;
  return at + 1;
}

function putOutcome(bytes: Buffer, start: number, { outcome, rows, duration_ms }: PlainOutcome): number {
  let at = put(bytes, start, outcomes[outcome]);
  at = rows === null ? put(bytes, at, nothing) : putInteger(bytes, at, rows);
  at = put(bytes, at, durationStart);
  at = putMillis(bytes, at, duration_ms);
  bytes[at] = closingBrace;
  bytes[at + 1] = closingBrace;
  return at + 2;
}

function put(bytes: Buffer, at: number, part: Uint8Array): number {
  bytes.set(part, at);
  return at + part.length;
}

/** Null when a name is so long that it may have to be cut. */
function repeatedOf(sessionId: string, event: AuditEvent): Repeated | null {
  const { type, atMs, principal, target } = event;
  let sessions = repeated.get(type);
  if (sessions === undefined) repeated.set(type, (sessions = new Map<string, Repeated>()));
  const known = sessions.get(sessionId);
  if (known !== undefined && known.principal === principal && known.target === target) {
    if (known.atMs !== atMs) putTime(known, sessionId, event);
    return known;
  }
  const middle = middleOf(sessionId, event);
  if (middle.length > middleBytesMax) return null;
  if (sessions.size >= sessionsMax) sessions.clear();
  const made = { principal, target, idStart: `${sessionId}-`, middle, atMs };
  sessions.set(sessionId, made);
  return made;
}

function middleOf(sessionId: string, { type, atMs, principal, target }: AuditEvent): Uint8Array {
  const names = `"principal":${JSON.stringify(principal)},"target":${JSON.stringify(target)},"session":${JSON.stringify(sessionId)}`;
  return bytesOf(`${typeStart}${type}${timeStart}${atMs},${names},"action":${JSON.stringify(`${sessionId}-`).slice(0, -1)}`);
}

/** Times of our days have as many digits each: they are put over one another. */
function putTime(known: Repeated, sessionId: string, event: AuditEvent): void {
  const { type, atMs } = event;
  const isUsual = Number.isInteger(atMs) && Number.isInteger(known.atMs) && digitsAlike(atMs) && digitsAlike(known.atMs);
  if (isUsual) putInteger(known.middle, typeStart.length + type.length + timeStart.length, atMs);
  else known.middle = middleOf(sessionId, event);
  known.atMs = atMs;
}

/** From September 2001 to November 2286. */
function digitsAlike(atMs: number): boolean {
  return atMs >= 1e12 && atMs < 1e13;
}

/** From the end of the action's id to its number of rows. */
function outcomeStart(outcome: PlainOutcome['outcome']): Uint8Array {
  return bytesOf(`${beforeDetail}{"outcome":"${outcome}","rows":`);
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
