// What stands in the place of a hidden value, as text. Values of one gateway's life keep their hash, so that rows can be told
// apart and joined by eye; its key is never shown, so that guessing values offline is no use.

import { createHmac } from 'node:crypto';
import { maskMethods, type MaskMethod } from '../../src/core/masking.ts';

export const fixedText = '***';

/** Characters of a hash: 64 bits. */
const hashChars = 16;
/** A value with fewer letters and digits shows none of them at its end. */
const showsEndFrom = 8;

/** Null is SQL NULL. `key` is of the gateway's own. */
export function masked(value: string, method: MaskMethod, key: Buffer): string | null {
  switch (method) {
    case 'partial':
      return partial(value);
    case 'hash':
      return createHmac('sha256', key).update(value).digest('hex').slice(0, hashChars);
    case 'fixed':
      return fixedText;
    case 'null':
      return null;
  }
}

/** a***@example.org, ***4242, J***. Never more than one character in front and four behind. */
function partial(value: string): string {
  const at = value.lastIndexOf('@');
  if (at > 0 && at < value.length - 1 && !/\s/.test(value)) return `${firstOf(value)}${fixedText}${value.slice(at)}`;
  const signs = [...value.matchAll(/[\p{L}\p{N}]/gu)].map(([sign]) => sign);
  const digits = signs.filter((sign) => /\p{N}/u.test(sign)).length;
  if (signs.length >= showsEndFrom && digits * 2 >= signs.length) return `${fixedText}${signs.slice(-4).join('')}`;
  return signs.length >= 4 ? `${firstOf(value)}${fixedText}` : fixedText;
}

function firstOf(value: string): string {
  const [first = ''] = value;
  return first;
}

/** The one that shows less. */
export function stricter(one: MaskMethod, other: MaskMethod): MaskMethod {
  return maskMethods.indexOf(one) >= maskMethods.indexOf(other) ? one : other;
}
