// Who sees what, as pure functions. Own things always; holds by the right to approve; everything by the right to audit.

import type { AccessRequestView, GrantView, HoldView, SessionView } from './contract.ts';
import type { Caller } from './authentication.ts';

type Viewer = Pick<Caller, 'principal' | 'rights'>;

/** Pending holds are for all approvers; settled ones for those who asked, answered, or could have. */
export function seesHold({ principal, rights }: Viewer, hold: HoldView): boolean {
  if (hold.principal === principal.name || rights.includes('audit')) return true;
  if (!rights.includes('approve')) return false;
  return (
    hold.state === 'pending' ||
    hold.settled_by === principal.name ||
    hold.approvals.some(({ by }) => by === principal.name) ||
    hold.approver_groups.some((group) => principal.groups.includes(group))
  );
}

/** Live, an approver also hears how a hold ended that was shown as pending. */
export function hearsOfHold(viewer: Viewer, hold: HoldView): boolean {
  return viewer.rights.includes('approve') || seesHold(viewer, hold);
}

/** Operators see sessions because they may end them; what was said in them is for auditors. */
export function seesSession({ principal, rights }: Viewer, session: SessionView): boolean {
  return session.principal === principal.name || rights.includes('audit') || rights.includes('operate');
}

/** Requests and grants: one's own, and for those who answer, watch or run the gateway; a review for its reviewers. */
export function seesAccess({ principal, rights }: Viewer, it: AccessRequestView | GrantView): boolean {
  if (it.principal === principal.name || (['audit', 'approve', 'operate'] as const).some((right) => rights.includes(right))) return true;
  return 'reviewers' in it && it.review !== 'none' && it.reviewers.some((group) => principal.groups.includes(group));
}

/** The view with `can_answer` corrected by the right to approve, of which requests know nothing. */
export function accessAsSeenBy({ rights }: Viewer, request: AccessRequestView): AccessRequestView {
  if (!request.can_answer || rights.includes('approve')) return request;
  return { ...request, can_answer: false, cannot_answer_because: 'you do not have the right to approve' };
}

export function seesRecording({ principal, rights }: Viewer, session: SessionView): boolean {
  return session.principal === principal.name || rights.includes('audit');
}

/** The view with `can_answer` corrected by the right to approve, of which holds know nothing. */
export function asSeenBy({ rights }: Viewer, hold: HoldView): HoldView {
  if (!hold.can_answer || rights.includes('approve')) return hold;
  return { ...hold, can_answer: false, cannot_answer_because: 'you do not have the right to approve' };
}
