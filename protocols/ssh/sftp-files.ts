// The files that a client of SFTP has open, and what passes through them: for hashes and for how they are told of at the end.

import type { Outcome } from '../../src/core/outcome.ts';
import type { Permit } from '../../src/core/permit.ts';
import type { FileHashes } from './sftp-hashes.ts';
import * as sftp from './sftp-messages.ts';

export interface OpenFile {
  readonly permit: Permit;
  readonly writes: boolean;
  /** Null for a folder. */
  readonly hashes: FileHashes | null;
}

/** A WRITE that is passing, and a READ that is being answered: where in the file what comes next belongs. */
export interface Writing {
  readonly file: OpenFile;
  offset: bigint;
}

export interface Reading {
  readonly file: OpenFile;
  offset: bigint;
}

/** A whole WRITE. Throws Fault protocol-violation for one that is malformed. */
export function wroteAll(file: OpenFile, packet: Buffer): void {
  const fields = new sftp.FieldReader(packet, 9);
  fields.bytes();
  file.hashes?.write(fields.uint64(), fields.bytes());
}

/** The beginning of a WRITE, with the data that is there; the rest is for `wrote`. */
export function writingOf(file: OpenFile, head: Buffer): Writing {
  const fields = new sftp.FieldReader(head, 9);
  fields.bytes();
  const writing = { file, offset: fields.uint64() };
  wrote(writing, fields.rest());
  return writing;
}

export function wrote(writing: Writing, data: Buffer): void {
  writing.file.hashes?.write(writing.offset, data);
  writing.offset += BigInt(data.length);
}

export function read(reading: Reading, data: Buffer): void {
  reading.file.hashes?.read(reading.offset, data);
  reading.offset += BigInt(data.length);
}

/** A whole answer to a READ. */
export function noteRead(reading: Reading, answer: Buffer): void {
  const fields = new sftp.FieldReader(answer, 9);
  if (sftp.typeOf(answer) === sftp.type.data) read(reading, fields.bytes());
  else if (sftp.typeOf(answer) === sftp.type.status && fields.uint32() === sftp.status.endOfFile)
    reading.file.hashes?.readEnd(reading.offset);
}

/** How the file was left, with what went through it; for the audit log in short. */
export function closing({ hashes }: OpenFile, kind: 'completed' | 'unknown'): Outcome {
  const transfer = hashes?.result(kind === 'completed') ?? null;
  if (transfer === null) return { kind, rows: null, error: null };
  const { bytes, sha256, whole } = transfer;
  const detail = { bytes, ...(sha256 === null ? {} : { sha256 }), ...(whole ? {} : { partial: 'yes' }) };
  return { kind, rows: null, error: null, detail, transfer };
}

export function readOffset(packet: Buffer): bigint {
  const fields = new sftp.FieldReader(packet);
  fields.uint32();
  fields.bytes();
  return fields.uint64();
}

export function outcomeOf(answer: Buffer): Outcome {
  if (sftp.typeOf(answer) !== sftp.type.status) return { kind: 'completed', rows: null, error: null };
  const fields = new sftp.FieldReader(answer);
  fields.uint32();
  const code = fields.uint32();
  if (code === sftp.status.ok) return { kind: 'completed', rows: null, error: null };
  return { kind: 'failed', rows: null, error: { code: `sftp-${code}`, message: fields.bytes().toString('utf8').slice(0, 200) } };
}
