// Encryption at rest: each value under a data key of its own (AES-256-GCM), the data key wrapped by a master key that is not in
// the database. What a value is for (target, version) is authenticated with it: rows that were swapped don't open.

import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import type { Random } from '../../core/clock.ts';
import { Fault } from '../../core/errors.ts';
import type { Secret } from '../../core/secret.ts';

/** Whatever wraps data keys: a key of this machine, or a service that never gives its key away. */
export interface KeyWrapper {
  /** Says which key wrapped a value: stored beside it. */
  readonly id: string;
  wrap(dataKey: Buffer, context: string, signal: AbortSignal): Promise<Buffer>;
  /** Rejects with Fault target-credential-failed when the key is another one, or the bytes were changed. */
  unwrap(wrapped: Buffer, context: string, signal: AbortSignal): Promise<Buffer>;
}

export interface Sealed {
  readonly bytes: Buffer;
  readonly wrappedKey: Buffer;
  readonly keyId: string;
}

export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** `context` says what the text is for and has to be given again to open it. */
export async function seal(text: string, context: string, wrapper: KeyWrapper, random: Random, signal: AbortSignal): Promise<Sealed> {
  const dataKey = random.bytes(keyBytes);
  try {
    const bytes = encrypt(dataKey, Buffer.from(text, 'utf8'), context, random);
    return { bytes, wrappedKey: await wrapper.wrap(dataKey, context, signal), keyId: wrapper.id };
  } finally {
    dataKey.fill(0);
  }
}

/** Rejects with Fault target-credential-failed. */
export async function open(sealed: Sealed, context: string, wrapper: KeyWrapper, signal: AbortSignal): Promise<string> {
  const dataKey = await wrapper.unwrap(sealed.wrappedKey, context, signal);
  try {
    return decrypt(dataKey, sealed.bytes, context).toString('utf8');
  } finally {
    dataKey.fill(0);
  }
}

/** The same value under another master key; the value itself stays closed. */
export async function rewrap(sealed: Sealed, context: string, from: KeyWrapper, to: KeyWrapper, signal: AbortSignal): Promise<Sealed> {
  const dataKey = await from.unwrap(sealed.wrappedKey, context, signal);
  try {
    return { bytes: sealed.bytes, wrappedKey: await to.wrap(dataKey, context, signal), keyId: to.id };
  } finally {
    dataKey.fill(0);
  }
}

/** A master key of 32 bytes, from a file or the environment. */
export function localWrapper(masterKey: Secret, random: Random): KeyWrapper {
  const key = Buffer.from(masterKey.reveal(), 'base64');
  if (key.length !== keyBytes) throw new Error('a master key has 32 bytes');
  const id = `key:${createHash('sha256').update('sallyport master key id\0').update(key).digest('hex').slice(0, 16)}`;
  return {
    id,
    wrap: async (dataKey, context) => encrypt(key, dataKey, `${id}\0${context}`, random),
    unwrap: async (wrapped, context) => decrypt(key, wrapped, `${id}\0${context}`),
  };
}

/** nonce, tag, ciphertext. */
function encrypt(key: Buffer, plain: Buffer, context: string, random: Random): Buffer {
  const nonce = random.bytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(context, 'utf8'));
  const bytes = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), bytes]);
}

function decrypt(key: Buffer, sealed: Buffer, context: string): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAAD(Buffer.from(context, 'utf8')).setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]);
  } catch {
    throw new Fault('target-credential-failed', 'it does not open: the master key is another one, or what is stored was changed');
  }
}
