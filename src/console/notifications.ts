// Notices of the operating system for new holds, for those who asked for them and are looking elsewhere.

import type { HoldView } from '../api/contract.ts';
import { preview } from './statement-lines.ts';
import { visibleLine } from './visible.ts';

const bodyCharactersMax = 160;

export type NotificationState = 'unsupported' | 'default' | 'granted' | 'denied';

export function notificationState(): NotificationState {
  return 'Notification' in window ? Notification.permission : 'unsupported';
}

/** Shows a notice for a hold that this person can answer, when the page is not being looked at. */
export function notifyNewHold(hold: HoldView): void {
  if (notificationState() !== 'granted' || document.visibilityState === 'visible' || !hold.can_answer) return;
  const part = preview(hold.text, hold.risks);
  const notice = new Notification(`${visibleLine(hold.principal_name)} waits on ${hold.target}`, {
    body: visibleLine(part.before + part.risk + part.after).slice(0, bodyCharactersMax),
    tag: hold.id,
    icon: '/favicon.svg',
  });
  notice.addEventListener('click', () => {
    window.focus();
    location.assign(`/holds/${encodeURIComponent(hold.id)}`);
    notice.close();
  });
}
