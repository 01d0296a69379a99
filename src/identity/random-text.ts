// Random text that people can read out, type and select with a double click: Crockford's base32, which has no I, L, O or U.

import type { Random } from '../core/clock.ts';

const digits = '0123456789abcdefghjkmnpqrstvwxyz';

/** `bitCount` random bits, rounded up to whole characters of five bits each. */
export function randomText(random: Random, bitCount: number): string {
  const length = Math.ceil(bitCount / 5);
  // 256 is a multiple of 32, so the low five bits of a byte are uniform.
  return Array.from(random.bytes(length), (byte) => digits[byte & 31]).join('');
}

/** A short code to compare on two screens: "K7-4M2". It proves nothing by itself; the secret beside it does. */
export function randomCode(random: Random): string {
  const text = randomText(random, 25).toUpperCase();
  return `${text.slice(0, 2)}-${text.slice(2)}`;
}
