// Hold numbers for people: "h-7K3M9Q". Crockford's base 32 has no I, L, O, U, so a number survives being read out and typed in.

import type { Random } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { HoldId } from '../core/ids.ts';

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const digits = 6;

export function makeHoldId(random: Random): HoldId {
  let id = 'h-';
  for (const byte of random.bytes(digits)) id += alphabet[byte & 31];
  return id as HoldId;
}

/** What a person typed, as a hold number: any case, with or without "h-", O for 0, I and L for 1. Null when it can't be one. */
export function parseHoldId(text: string): HoldId | null {
  const plain = text.trim().toUpperCase().replace(/^H-/, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
  return /^[0-9A-HJKMNP-TV-Z]{6}$/.test(plain) ? (`h-${plain}` as HoldId) : null;
}

/** With 2^30 numbers a collision is rare; several in a row mean that the source of randomness is broken. */
const triesMax = 8;

/** A number that is not in use. Throws Fault store-failed. */
export function freeId<Id extends string>(random: Random, make: (random: Random) => Id, isTaken: (id: string) => boolean): Id {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const id = make(random);
    if (!isTaken(id)) return id;
  }
  throw new Fault('store-failed', 'no free number was found');
}
