// Numbers of access requests ("r-7K3M9Q") and grants ("g-7K3M9Q"), in the same letters as those of holds.

import type { Random } from '../core/clock.ts';
import type { AccessRequestId, GrantId } from '../core/ids.ts';
import { makeHoldId, parseHoldId } from './hold-id.ts';

export function makeRequestId(random: Random): AccessRequestId {
  return makeHoldId(random).replace(/^h-/, 'r-') as string as AccessRequestId;
}

export function makeGrantId(random: Random): GrantId {
  return makeHoldId(random).replace(/^h-/, 'g-') as string as GrantId;
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
