// Access requests and grants in plain words. No component and no clock in here.

import type { AccessRequestView, AccessScope, GrantView } from '../api/contract.ts';
import { accessStepWords } from '../api/contract-steps.ts';
import type { Tone } from './words.ts';

/** "read-only, as deploy, tables public.orders" */
export function scopeWords({ role, read_only: readOnly, tables }: AccessScope): string {
  const parts = [readOnly ? 'read-only' : '', role === null ? '' : `as ${role}`, tables === null ? '' : `tables ${tables.join(', ')}`];
  return parts.filter((part) => part !== '').join(', ') || 'not limited';
}

export function approverWords({ approvers }: AccessRequestView): string {
  if (approvers.length === 0) return 'nobody: the policies grant it at once';
  return approvers.map(({ groups, count }) => `${count} of ${groups.join(' or ')}`).join(' and ');
}

export function requestState(state: AccessRequestView['state']): { readonly text: string; readonly tone: Tone } {
  switch (state) {
    case 'pending':
      return { text: 'waiting', tone: 'wait' };
    case 'granted':
      return { text: 'granted', tone: 'ok' };
    case 'denied':
      return { text: 'denied', tone: 'bad' };
    case 'expired':
      return { text: 'expired', tone: 'plain' };
    case 'withdrawn':
      return { text: 'withdrawn', tone: 'plain' };
  }
}

export function grantState(grant: GrantView): { readonly text: string; readonly tone: Tone } {
  if (grant.state === 'active') return { text: 'in force', tone: 'ok' };
  if (grant.review === 'open') return { text: 'to review', tone: 'wait' };
  return { text: grant.end_kind === 'revoked' ? 'revoked' : 'ended', tone: 'plain' };
}

const tones: Readonly<Record<string, Tone>> = {
  'access.requested': 'info',
  'access.approval-given': 'ok',
  'access.granted': 'ok',
  'access.extended': 'ok',
  'access.denied': 'bad',
  'grant.used': 'info',
  'grant.revoked': 'bad',
  'grant.review-reminded': 'wait',
  'grant.reviewed': 'ok',
};

export function stepWords(what: string, by: string | null): { readonly text: string; readonly tone: Tone } {
  return { text: accessStepWords(what, by), tone: tones[what] ?? 'plain' };
}

/** Choices for how long; the policies say how much of it is possible. */
export const durations: readonly (readonly [string, string])[] = [
  ['900000', '15 minutes'],
  ['1800000', '30 minutes'],
  ['3600000', '1 hour'],
  ['7200000', '2 hours'],
  ['14400000', '4 hours'],
  ['28800000', '8 hours'],
];
