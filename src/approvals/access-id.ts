// Numbers of access requests ("r-7K3M9Q") and grants ("g-7K3M9Q"), in the same letters as those of holds.

import type { Random } from '../core/clock.ts';
import type { AccessRequestId, GrantId } from '../core/ids.ts';
import { Fault } from '../core/errors.ts';
import { makeHoldId, parseHoldId } from './hold-id.ts';

export function makeRequestId(random: Random): AccessRequestId {
  return makeHoldId(random).replace(/^h-/, 'r-') as string as AccessRequestId;
}

export function makeGrantId(random: Random): GrantId {
  return makeHoldId(random).replace(/^h-/, 'g-') as string as GrantId;
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

/** What a person typed: any case, with or without "r-". Null when it can't be one. */
export function parseRequestId(text: string): AccessRequestId | null {
  return parse(text, 'r') as AccessRequestId | null;
}

export function parseGrantId(text: string): GrantId | null {
  return parse(text, 'g') as GrantId | null;
}

function parse(text: string, letter: 'r' | 'g'): string | null {
  const plain = text.trim().replace(new RegExp(`^${letter}-`, 'i'), '');
  return parseHoldId(plain)?.replace(/^h-/, `${letter}-`) ?? null;
}
