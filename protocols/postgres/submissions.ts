// Small parts that the machine makes submissions and answers of.

import { createHash } from 'node:crypto';
import type { Classification } from '../../src/core/classification.ts';
import { notUnderstood } from '../../src/core/summary.ts';
import * as wire from './messages.ts';
import { decodeParameters, parametersIn } from './parameters.ts';
import type { Portal, Statement } from './statements.ts';

/** Longer messages are hashed at once, so that a portal does not keep them. */
const keptBytesMax = 64 * 1024;

/** SHA-256 over these bytes (of a text, its UTF-8), made when it is asked for. */
export function digestOf(...parts: (Buffer | string)[]): () => string {
  return () => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest('hex');
  };
}

/** The same for what is kept for long. */
function lastingDigestOf(...parts: (Buffer | string)[]): () => string {
  const make = digestOf(...parts);
  if (parts.reduce((sum, part) => sum + part.length, 0) <= keptBytesMax) return make;
  const digest = make();
  return () => digest;
}

export function noStatement(name: string): Buffer {
  const message = name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`;
  return wire.diagnostic({ severity: 'ERROR', code: '26000', message });
}

export function noPortal(name: string): Buffer {
  return wire.diagnostic({ severity: 'ERROR', code: '34000', message: `portal "${name}" does not exist` });
}

export function tooMany(what: string): Buffer {
  return wire.diagnostic({ severity: 'ERROR', code: '53400', message: `too many or too large ${what} in one session` });
}

/** What a Bind makes; `bytes` has all that it was made of. */
export function boundPortal(name: string, statement: Statement, bind: wire.BindMessage, bytes: Buffer): Portal {
  const { text } = statement;
  const parameters = decodeParameters(bind, statement.types);
  return { name, statement, text, parameters, digest: lastingDigestOf(text, bytes), run: null, bind: null, executing: 0, gone: false };
}

/** The same of the Bind that a chunk begins with: its fields are known to add up, and begin at `fieldsAt`. */
export function quickPortal(statement: Statement, chunk: Buffer, fieldsAt: number, bindEnd: number): Portal {
  const { text } = statement;
  const isShort = text.length + bindEnd <= keptBytesMax;
  const digest = isShort ? () => digestOf(text, chunk.subarray(0, bindEnd))() : lastingDigestOf(text, chunk.subarray(0, bindEnd));
  const parameters = parametersIn(chunk, fieldsAt, statement.types);
  return { name: '', statement, text, parameters, digest, run: null, bind: null, executing: 0, gone: false };
}

/** A portal that SQL made (DECLARE): executing it is fetching from it. */
export function cursorPortal(name: string, rowsMax: number, bytes: Buffer): Portal {
  const count = rowsMax > 0 ? String(rowsMax) : 'ALL';
  const text = `FETCH FORWARD ${count} FROM "${name.replaceAll('"', '""')}"`;
  return { name, statement: null, text, parameters: null, digest: digestOf(bytes), run: null, bind: null, executing: 0, gone: false };
}

export function functionCallFacts(text: string): Classification {
  return notUnderstood('unknown-construct', `${text}: there is no text to judge`);
}

export const notReadAgain = notUnderstood('unknown-statement', 'the prepared statement could not be read again after the session changed');
