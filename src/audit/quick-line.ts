// The line of an action, without its hash, put straight into bytes. Between the events of a session only number, previous hash,
// time, the action's number and some of the detail differ; what is the same is made once and copied. It says byte for byte what
// boundedBody() says, which makes the lines of everything else.

import { PlainOutcome, type AuditEvent } from '../core/audit.ts';
import { putDigitsOf, putInteger, putMillis } from '../core/digits.ts';
import { nameCharsMax } from './line.ts';

/** A longer detail is rare, and boundedBody() may have to cut it. */
const quickDetailCharsMax = 8192;
/** What is put beside the detail: names have their own limit, ids and numbers are short. */
const besideDetailBytesMax = 2048;
/** UTF-8 takes at most so many bytes for a UTF-16 unit. */
const bytesPerUnitMax = 3;
/** Room that an event needs; more than any that is put here. */
export const quickBytesMax = quickDetailCharsMax * bytesPerUnitMax + besideDetailBytesMax;

interface SessionParts {
  readonly principal: string | null;
  readonly target: string | null;
  /** How the ids of its actions begin. */
  readonly idStart: string;
  /** From the principal to the beginning of the action's id. */
  readonly who: Uint8Array;
  /** The last detail that was JSON already, and its bytes from the second time on: the same statement runs again and again. */
  detailJson: string;
  detail: Uint8Array | null;
}

/** Of sessions that are alive now; when there are more than are open at once, it begins anew. */
const sessions = new Map<string, SessionParts>();
const sessionsMax = 20_000;
/** Of each type: `","type":"…","at_ms":` */
const types = new Map<string, Uint8Array>();

const seqStart = bytesOf('{"seq":');
const prevStart = bytesOf(',"prev":"');
const detailStart = bytesOf('","hold":null,"detail":');
const rowsStart = bytesOf(',"rows":');
const durationStart = bytesOf(',"duration_ms":');
const nothing = bytesOf('null');
const outcomes: Readonly<Record<PlainOutcome['outcome'], Uint8Array>> = {
  completed: bytesOf('{"outcome":"completed"'),
  failed: bytesOf('{"outcome":"failed"'),
  cancelled: bytesOf('{"outcome":"cancelled"'),
  unknown: bytesOf('{"outcome":"unknown"'),
};
const closingBrace = 0x7d;

/** Many events have the same millisecond. */
let lastTime: { readonly atMs: number; readonly bytes: Uint8Array } = { atMs: 0, bytes: bytesOf('0') };

/**
 * Puts the body of an event that follows the event with hash `prev` and gives its end; null when boundedBody() must make it. There
 * must be room for quickBytesMax. Throws when the detail is no JSON.
 */
export function putQuickBody(bytes: Buffer, start: number, seq: number, prev: string, event: AuditEvent): number | null {
  const { sessionId, actionId, detail } = event;
  if (sessionId === null || actionId === null || event.holdId !== null) return null;
  const parts = partsOf(sessionId, event);
  if (parts === null || !actionId.startsWith(parts.idStart)) return null;
  let at = put(bytes, start, seqStart);
  at = putInteger(bytes, at, seq);
  at = put(bytes, at, prevStart);
  at += bytes.write(prev, at, 'latin1');
  at = put(bytes, at, typePart(event.type));
  at = put(bytes, at, timePart(event.atMs));
  at = put(bytes, at, parts.who);
  const id = putDigitsOf(bytes, at, actionId, parts.idStart.length);
  if (id === null) return null;
  at = put(bytes, id, detailStart);
  if (detail instanceof PlainOutcome) return putOutcome(bytes, at, detail);
  const json = event.detailJson ?? JSON.stringify(detail);
  if (json.length > quickDetailCharsMax) return null;
  at = event.detailJson === undefined ? at + bytes.write(json, at) : putDetail(bytes, at, json, parts);
  bytes[at] = closingBrace;
  return at + 1;
}

function putOutcome(bytes: Buffer, start: number, { outcome, rows, duration_ms }: PlainOutcome): number {
  let at = put(bytes, start, outcomes[outcome]);
  at = put(bytes, at, rowsStart);
  at = rows === null ? put(bytes, at, nothing) : putInteger(bytes, at, rows);
  at = put(bytes, at, durationStart);
  at = putMillis(bytes, at, duration_ms);
  bytes[at] = closingBrace;
  bytes[at + 1] = closingBrace;
  return at + 2;
}

function putDetail(bytes: Buffer, at: number, json: string, parts: SessionParts): number {
  const isAgain = parts.detailJson === json;
  if (isAgain && parts.detail !== null) return put(bytes, at, parts.detail);
  const end = at + bytes.write(json, at);
  parts.detailJson = json;
  parts.detail = isAgain ? Uint8Array.from(bytes.subarray(at, end)) : null;
  return end;
}

function put(bytes: Buffer, at: number, part: Uint8Array): number {
  bytes.set(part, at);
  return at + part.length;
}

/** Null when a name is so long that it may have to be cut. */
function partsOf(sessionId: string, { principal, target }: AuditEvent): SessionParts | null {
  const known = sessions.get(sessionId);
  if (known !== undefined && known.principal === principal && known.target === target) return known;
  const idStart = `${sessionId}-`;
  const names = `,"principal":${JSON.stringify(principal)},"target":${JSON.stringify(target)},"session":${JSON.stringify(sessionId)}`;
  if (names.length > nameCharsMax) return null;
  if (sessions.size >= sessionsMax) sessions.clear();
  const who = bytesOf(`${names},"action":${JSON.stringify(idStart).slice(0, -1)}`);
  const parts = { principal, target, idStart, who, detailJson: '', detail: null };
  sessions.set(sessionId, parts);
  return parts;
}

function typePart(type: string): Uint8Array {
  let part = types.get(type);
  if (part === undefined) types.set(type, (part = bytesOf(`","type":"${type}","at_ms":`)));
  return part;
}

function timePart(atMs: number): Uint8Array {
  if (atMs !== lastTime.atMs) lastTime = { atMs, bytes: bytesOf(String(atMs)) };
  return lastTime.bytes;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
