// Frames of the agent link: one WebSocket message is one frame. Type (1 byte), stream (4 bytes, big endian; 0 for the link
// itself), then the type's own payload. Pure: bytes in, frame or ProtocolError out. Types from 0x80 on may be added by later
// versions and are skipped by those that don't know them.

import { dataBytesMax, openRequestBytesMax, reasonBytesMax } from './limits.ts';

/** Why a stream was given up, for the program at the other end. */
export type ResetCode = 'aborted' | 'not-allowed' | 'unreachable' | 'limit' | 'reset-by-target' | 'stopping';

export type Frame =
  | { readonly kind: 'open'; readonly stream: number; readonly windowBytes: number; readonly host: string; readonly port: number }
  | { readonly kind: 'opened'; readonly stream: number; readonly windowBytes: number }
  | { readonly kind: 'data'; readonly stream: number; readonly bytes: Buffer }
  | { readonly kind: 'window'; readonly stream: number; readonly moreBytes: number }
  | { readonly kind: 'fin'; readonly stream: number }
  | { readonly kind: 'reset'; readonly stream: number; readonly code: ResetCode; readonly reason: string }
  | { readonly kind: 'ping'; readonly number: number }
  | { readonly kind: 'pong'; readonly number: number }
  | { readonly kind: 'credential'; readonly text: string }
  | { readonly kind: 'drain'; readonly reason: string }
  | { readonly kind: 'skipped' };

/** The other end broke the protocol. The link closes with these words. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}

const headerBytes = 5;
const skippableFrom = 0x80;
const type = { open: 1, opened: 2, data: 3, window: 4, fin: 5, reset: 6, ping: 7, pong: 8, credential: 9, drain: 10 } as const;
const resetCodes: readonly ResetCode[] = ['aborted', 'not-allowed', 'unreachable', 'limit', 'reset-by-target', 'stopping'];

export function encode(frame: Exclude<Frame, { kind: 'data' | 'skipped' }>): Buffer {
  switch (frame.kind) {
    case 'open': {
      const host = Buffer.from(frame.host);
      const bytes = start(type.open, frame.stream, 6 + host.length);
      bytes.writeUInt32BE(frame.windowBytes, headerBytes);
      bytes.writeUInt16BE(frame.port, headerBytes + 4);
      host.copy(bytes, headerBytes + 6);
      return bytes;
    }
    case 'opened':
      return withNumber(type.opened, frame.stream, frame.windowBytes);
    case 'window':
      return withNumber(type.window, frame.stream, frame.moreBytes);
    case 'fin':
      return start(type.fin, frame.stream, 0);
    case 'reset': {
      const reason = cutText(frame.reason);
      const bytes = start(type.reset, frame.stream, 1 + reason.length);
      bytes[headerBytes] = resetCodes.indexOf(frame.code);
      reason.copy(bytes, headerBytes + 1);
      return bytes;
    }
    case 'ping':
      return withNumber(type.ping, 0, frame.number);
    case 'pong':
      return withNumber(type.pong, 0, frame.number);
    case 'credential':
      return withText(type.credential, Buffer.from(frame.text));
    case 'drain':
      return withText(type.drain, cutText(frame.reason));
  }
}

export const dataHeaderBytes = headerBytes;

/** The beginning of a data frame, written at `at`; its bytes follow. */
export function writeDataHeader(into: Buffer, at: number, stream: number): void {
  into[at] = type.data;
  into.writeUInt32BE(stream, at + 1);
}

/** Throws ProtocolError for whatever is not a frame. */
export function decode(bytes: Buffer): Frame {
  if (bytes.length < headerBytes) throw new ProtocolError('a frame shorter than its header');
  const kind = bytes[0] ?? 0;
  const stream = bytes.readUInt32BE(1);
  const payload = bytes.subarray(headerBytes);
  const isLinkFrame = kind === type.ping || kind === type.pong || kind === type.credential || kind === type.drain;
  if (kind < skippableFrom && isLinkFrame !== (stream === 0)) throw new ProtocolError(`a frame of type ${kind} on stream ${stream}`);
  switch (kind) {
    case type.open:
      return decodeOpen(stream, payload);
    case type.opened:
      return { kind: 'opened', stream, windowBytes: number(payload, 'opened') };
    case type.data:
      if (payload.length === 0 || payload.length > dataBytesMax) throw new ProtocolError(`a data frame of ${payload.length} bytes`);
      return { kind: 'data', stream, bytes: payload };
    case type.window: {
      const moreBytes = number(payload, 'window');
      if (moreBytes === 0) throw new ProtocolError('a window frame that grants nothing');
      return { kind: 'window', stream, moreBytes };
    }
    case type.fin:
      if (payload.length > 0) throw new ProtocolError('a fin frame with a payload');
      return { kind: 'fin', stream };
    case type.reset:
      if (payload.length < 1) throw new ProtocolError('a reset frame without a code');
      return { kind: 'reset', stream, code: resetCodes[payload[0] ?? 0] ?? 'aborted', reason: text(payload.subarray(1)) };
    case type.ping:
      return { kind: 'ping', number: number(payload, 'ping') };
    case type.pong:
      return { kind: 'pong', number: number(payload, 'pong') };
    case type.credential:
      return { kind: 'credential', text: payload.toString('latin1') };
    case type.drain:
      return { kind: 'drain', reason: text(payload) };
    default:
      if (kind >= skippableFrom) return { kind: 'skipped' };
      throw new ProtocolError(`a frame of the unknown type ${kind}`);
  }
}

function decodeOpen(stream: number, payload: Buffer): Frame {
  if (payload.length <= 6 || payload.length > openRequestBytesMax) throw new ProtocolError(`an open frame of ${payload.length} bytes`);
  const host = payload.toString('utf8', 6);
  // Names and addresses are visible ASCII (RFC 952, 4291; IDNs travel as punycode). Anything else is made to confuse a resolver or a log.
  if (!/^[!-~]{1,255}$/.test(host)) throw new ProtocolError('an open frame with a host that is none');
  const port = payload.readUInt16BE(4);
  if (port === 0) throw new ProtocolError('an open frame for port 0');
  return { kind: 'open', stream, windowBytes: payload.readUInt32BE(0), host, port };
}

function start(kind: number, stream: number, payloadBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(headerBytes + payloadBytes);
  bytes[0] = kind;
  bytes.writeUInt32BE(stream, 1);
  return bytes;
}

function withNumber(kind: number, stream: number, value: number): Buffer {
  const bytes = start(kind, stream, 4);
  bytes.writeUInt32BE(value, headerBytes);
  return bytes;
}

function withText(kind: number, words: Buffer): Buffer {
  const bytes = start(kind, 0, words.length);
  words.copy(bytes, headerBytes);
  return bytes;
}

function number(payload: Buffer, word: string): number {
  if (payload.length !== 4) throw new ProtocolError(`a ${word} frame of ${payload.length} bytes`);
  return payload.readUInt32BE(0);
}

function cutText(words: string): Buffer {
  return Buffer.from(words).subarray(0, reasonBytesMax);
}

/** Words of the other end, for logs and people: bounded, and without anything that a terminal would obey. */
function text(payload: Buffer): string {
  if (payload.length > reasonBytesMax) throw new ProtocolError(`a reason of ${payload.length} bytes`);
  return printable(payload.toString('utf8'));
}

/** Control, bidirectional and zero-width characters become "?". */
export function printable(words: string): string {
  return words.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, '?');
}
