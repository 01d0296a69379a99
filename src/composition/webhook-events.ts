// Tells receivers of what is neither a hold nor access: shapes that were approved or are over, and sessions that ended.

import type { ApiServices } from '../api/services.ts';
import type { ShapeDesk } from '../approvals/shape-desk.ts';
import { shapeView } from '../approvals/shape-view.ts';
import type { Webhooks } from '../notify/webhook.ts';

interface Parts {
  readonly webhooks: Pick<Webhooks, 'tell' | 'wants'>;
  readonly shapes: Pick<ShapeDesk, 'on'>;
  readonly sessions: Pick<ApiServices['sessions'], 'on'>;
  readonly consoleUrl: () => string;
}

export function joinWebhooks({ webhooks, shapes, sessions, consoleUrl }: Parts): void {
  shapes.on((shape) => {
    // Each use is a change as well, and is in the audit log.
    if (shape.state === 'active' && shape.uses > 0) return;
    const links = { console: `${consoleUrl()}/holds/${shape.holdId}` };
    webhooks.tell(shape.state === 'active' ? 'shape.approved' : 'shape.ended', { ...shapeView(shape, null, false), links });
  });
  sessions.on((sessionNow) => {
    const session = webhooks.wants('session.closed') ? sessionNow() : null;
    if (session?.state === 'closed')
      webhooks.tell('session.closed', { ...session, links: { console: `${consoleUrl()}/sessions/${session.id}` } });
  });
}
