// Access requests and grants in plain words. No component and no clock in here.

import type { AccessRequestView, AccessScope, GrantView } from '../api/contract.ts';
import type { Tone } from './words.ts';

/** "read-only, as deploy, tables public.orders" */
export function scopeWords({ role, read_only: readOnly, tables }: AccessScope): string {
  const parts = [readOnly ? 'read-only' : '', role === null ? '' : `as ${role}`, tables === null ? '' : `tables ${tables.join(', ')}`];
  return parts.filter((part) => part !== '').join(', ') || 'not limited';
}

export function approverWords({ approvers }: AccessRequestView): string {
  if (approvers.length === 0) return 'nobody: the policies give it at once';
  return approvers.map(({ groups, count }) => `${count} of ${groups.join(' or ')}`).join(' and ');
}

export function requestState(state: AccessRequestView['state']): { readonly text: string; readonly tone: Tone } {
  switch (state) {
    case 'pending':
      return { text: 'waiting', tone: 'wait' };
    case 'granted':
      return { text: 'given', tone: 'ok' };
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

const steps: Readonly<Record<string, { readonly text: string; readonly tone: Tone }>> = {
  'access.requested': { text: 'asked', tone: 'info' },
  'access.approval-given': { text: 'said yes', tone: 'ok' },
  'access.granted': { text: 'gave the access', tone: 'ok' },
  'access.extended': { text: 'lengthened', tone: 'ok' },
  'access.denied': { text: 'said no', tone: 'bad' },
  'access.expired': { text: 'nobody answered', tone: 'plain' },
  'access.withdrawn': { text: 'withdrawn', tone: 'plain' },
  'grant.used': { text: 'used in a session', tone: 'info' },
  'grant.revoked': { text: 'ended by hand', tone: 'bad' },
  'grant.ended': { text: 'ended', tone: 'plain' },
  'grant.review-reminded': { text: 'review asked for again', tone: 'wait' },
  'grant.reviewed': { text: 'reviewed', tone: 'ok' },
};

export function stepWords(what: string, by: string | null): { readonly text: string; readonly tone: Tone } {
  if (what === 'access.granted' && by === null) return { text: 'given by the policies, without asking', tone: 'ok' };
  return steps[what] ?? { text: what, tone: 'plain' };
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
