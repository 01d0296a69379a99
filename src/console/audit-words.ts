// What the list of audit events says about each: the tone of its type, and the one line of its detail worth reading first.

import type { AuditEventView } from '../api/contract.ts';
import type { Tone } from './words.ts';

/** The types the filter offers: all that there are. An unknown one in the log is still shown. */
export const auditTypes = [
  'action.held',
  'action.released',
  'action.denied',
  'action.finished',
  'hold.approval-given',
  'hold.approved',
  'hold.denied',
  'hold.expired',
  'hold.withdrawn',
  'hold.changed',
  'hold.changes-requested',
  'hold.approval-taken-back',
  'hold.escalated',
  'delegation.given',
  'delegation.ended',
  'access.requested',
  'access.granted',
  'access.extended',
  'access.denied',
  'access.approval-given',
  'access.changed',
  'access.expired',
  'access.withdrawn',
  'grant.used',
  'grant.revoked',
  'grant.ended',
  'grant.reviewed',
  'grant.review-reminded',
  'shape.approved',
  'shape.revoked',
  'shape.ended',
  'session.opened',
  'session.closed',
  'session.refused',
  'session.killed',
  'recording.opened',
  'recording.watched',
  'sign-in.succeeded',
  'sign-in.failed',
  'second-factor.proved',
  'second-factor.refused',
  'token.issued',
  'token.revoked',
  'person.disabled',
  'person.enabled',
  'person.added',
  'person.changed',
  'person.removed',
  'password.set',
  'passkey.registered',
  'passkey.removed',
  'totp.registered',
  'totp.removed',
  'policy.loaded',
  'policy.rejected',
  'credential.set',
  'credential.removed',
  'credential.rewrapped',
  'webhook.delivered',
  'webhook.failed',
  'channel.delivered',
  'channel.failed',
  'agent.token-issued',
  'agent.enrolled',
  'agent.connected',
  'agent.lost',
  'agent.refused',
  'agent.revoked',
  'agent.token-revoked',
  'gateway.started',
  'gateway.stopped',
  'gateway.recovered',
  'log.created',
] as const;

export function auditTone(type: string): Tone {
  if (/\.(denied|refused|failed|killed|rejected|changes-requested)$/.test(type)) return 'bad';
  if (/\.(held|expired|withdrawn|recovered)$/.test(type)) return 'wait';
  if (/\.(approved|approval-given)$/.test(type)) return 'ok';
  return type === 'action.released' ? 'info' : 'plain';
}

const firstFields = ['text', 'reason', 'message', 'why', 'error', 'rule', 'outcome', 'name', 'version', 'person', 'of'] as const;

/** The most telling field of the detail, as text; empty when there is none. */
export function auditWords(event: Pick<AuditEventView, 'detail'>): string {
  for (const field of firstFields) {
    const value = event.detail[field];
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}
