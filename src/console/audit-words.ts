// What the list of audit events says about each: the tone of its type, and the one line of its detail worth reading first.

import type { AuditEventView } from '../api/contract.ts';
import type { Tone } from './words.ts';

/** The types the filter offers. An unknown one in the log is still shown. */
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
  'access.requested',
  'access.granted',
  'access.extended',
  'access.denied',
  'grant.used',
  'grant.revoked',
  'grant.ended',
  'grant.reviewed',
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
  'token.issued',
  'token.revoked',
  'person.disabled',
  'person.enabled',
  'policy.loaded',
  'policy.rejected',
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
  'gateway.started',
  'gateway.stopped',
  'gateway.recovered',
] as const;

export function auditTone(type: string): Tone {
  if (/\.(denied|refused|failed|killed|rejected)$/.test(type)) return 'bad';
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
