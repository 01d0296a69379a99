// One audit event as one line of JSON. The hash is SHA-256 over the exact bytes of the line with its last member,
// ,"hash":"…", taken out; `prev` is the hash of the line before. So anybody can check a log with sha256sum and patience.
// Nothing here knows files.

import { hash as digest } from 'node:crypto';
import type { AuditEvent } from '../core/audit.ts';

/** A longer event has its detail cut; a line stays small enough to be written in one go and read whole. */
export const eventCharsMax = 32 * 1024;
/** What is kept of a long string in the detail of an event that is too long; its length and SHA-256 stand beside it. */
export const detailCharsMax = 4096;
/** What is kept of a name (principal, target, ids) in an event that is too long. Hostile sign-in names come here. */
export const nameCharsMax = 256;
/** No line is longer: three UTF-8 bytes for each UTF-16 unit, and the hash. A reader that meets more gives up. */
export const lineBytesMax = 4 * eventCharsMax;

export const noHash = '0'.repeat(64);

/** Number and previous hash stand before it. */
const bodyCharsMax = eventCharsMax - '{"seq":,"prev":""'.length - 15 - noHash.length;

/** A line of the log as it was read. Ids are null when the event has none. */
export interface AuditLine {
  readonly seq: number;
  readonly prev: string;
  readonly type: string;
  readonly at_ms: number;
  readonly principal: string | null;
  readonly target: string | null;
  readonly session: string | null;
  readonly action: string | null;
  readonly hold: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly hash: string;
}

/** Stands in searches for a line that isn't JSON: somebody damaged the file. Verification names it. */
export function unreadableLine(seq: number): AuditLine {
  const nothing = { principal: null, target: null, session: null, action: null, hold: null };
  return { seq, prev: noHash, type: 'log.unreadable', at_ms: 0, ...nothing, detail: {}, hash: noHash };
}

/** What the chain needs of a line; the rest is covered by the hash. */
export interface Link {
  readonly seq: number;
  readonly prev: string;
  readonly hash: string;
}

/** Makes the line (with its newline) of an event that follows the event with hash `prev`. */
export function chainLine(seq: number, prev: string, event: AuditEvent): { line: string; hash: string } {
  const unhashed = `{"seq":${seq},"prev":"${prev}"${boundedBody(event)}`;
  const hash = digest('sha256', unhashed, 'hex');
  return { line: `${unhashed.slice(0, -1)},"hash":"${hash}"}\n`, hash };
}

/** What a line says of its event, within its limits: from the comma before its type to the last brace. Throws when the detail is no JSON. */
export function boundedBody(event: AuditEvent): string {
  let body = bodyOf(event, jsonOf(event));
  if (body.length <= bodyCharsMax) return body;
  const clipped = clippedNames(event);
  body = bodyOf(clipped, JSON.stringify(clippedDetail(event.detail)));
  if (body.length <= bodyCharsMax) return body;
  return bodyOf(clipped, JSON.stringify({ detail_cut: fingerprint(event.detail) }));
}

function jsonOf({ detail, detailJson }: AuditEvent): string {
  return detailJson instanceof Uint8Array ? Buffer.from(detailJson).toString() : (detailJson ?? JSON.stringify(detail));
}

/** By hand, because the detail may be JSON already. */
function bodyOf(event: AuditEvent, detail: string): string {
  const { type, atMs, principal, target, sessionId, actionId, holdId } = event;
  const names = `"principal":${json(principal)},"target":${json(target)},"session":${json(sessionId)}`;
  return `,"type":"${type}","at_ms":${atMs},${names},"action":${json(actionId)},"hold":${json(holdId)},"detail":${detail}}`;
}

function json(name: string | null): string {
  return JSON.stringify(name);
}

function clippedNames(event: AuditEvent): AuditEvent {
  const clip = (name: string | null) => (name === null ? null : name.slice(0, nameCharsMax));
  const { principal, target, sessionId, actionId, holdId } = event;
  return {
    ...event,
    principal: clip(principal),
    target: clip(target),
    sessionId: clip(sessionId),
    actionId: clip(actionId),
    holdId: clip(holdId),
  };
}

function clippedDetail(detail: AuditEvent['detail']): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(detail)) {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
    if (text.length <= detailCharsMax) {
      kept[key] = value;
      continue;
    }
    kept[key] = text.slice(0, detailCharsMax);
    kept[`${key}_length`] = text.length;
    kept[`${key}_sha256`] = digest('sha256', text, 'hex');
  }
  return kept;
}

function fingerprint(detail: AuditEvent['detail']): { length: number; sha256: string } {
  const text = JSON.stringify(detail);
  return { length: text.length, sha256: digest('sha256', text, 'hex') };
}

const tailPattern = /^,"hash":"([0-9a-f]{64})"\}$/;
const tailBytes = ',"hash":""}'.length + 64;
const headPattern = /^\{"seq":([1-9][0-9]{0,14}),"prev":"([0-9a-f]{64})","type":"/;
const headBytesMax = '{"seq":,"prev":"","type":"'.length + 15 + 64;
const closing = Buffer.from('}');

/** Reads what the chain needs of a line (without newline) and checks its hash; says in words what is wrong with it. */
export function readLink(line: Buffer): Link | { readonly why: string } {
  const head = headPattern.exec(line.toString('latin1', 0, headBytesMax));
  const tail = tailPattern.exec(line.toString('latin1', Math.max(0, line.length - tailBytes)));
  if (head === null || tail === null) return { why: 'the line does not have the form of an audit event' };
  const body = Buffer.concat([line.subarray(0, line.length - tailBytes), closing]);
  const hash = tail[1] as string;
  if (digest('sha256', body, 'hex') !== hash) return { why: 'its hash does not match its content' };
  return { seq: Number(head[1]), prev: head[2] as string, hash };
}
