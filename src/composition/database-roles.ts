// The role of a database that a session runs as: that of the access grants in force when it opens. Sessions of a role end with its
// grant, also when no rule asked for one.

import type { AccessDesk } from '../approvals/access-desk.ts';
import type { OpenedSession, Sessions } from '../core/session.ts';

/** Sessions that are opened as the role of their grants. */
export function withDatabaseRoles(sessions: Sessions, access: Pick<AccessDesk, 'inForce' | 'used'>): Sessions {
  return {
    open: async (opening, lane) => {
      const { principal, target } = opening;
      const granted = () => access.inForce(principal.name, target.name).filter(({ databaseRole }) => databaseRole !== undefined);
      const roles = [...new Set(granted().map(({ databaseRole }) => databaseRole))];
      const [role] = roles;
      if (role === undefined) return sessions.open(opening, lane);
      if (roles.length > 1)
        return refuse(
          `you have access to ${target.name} as ${roles.join(' and as ')}, and a session runs as one role`,
          'End the access that you do not need now: sallyport grants revoke g-…',
        );
      const opened = await sessions.open({ ...opening, facts: { ...opening.facts, role } }, lane);
      if (opened.kind === 'refuse') return opened;
      // It may have ended while somebody was asked about the session.
      const now = granted().filter(({ databaseRole }) => databaseRole === role);
      if (now.length === 0) {
        opened.session.close('the access that it was opened by has ended');
        return refuse(`your access to ${target.name} as ${role} has ended`, null);
      }
      for (const { id } of now) access.used(id, opened.session.id);
      return opened;
    },
  };
}

function refuse(message: string, hint: string | null): OpenedSession {
  return { kind: 'refuse', refusal: { reason: 'denied', message, hint, holdId: null, offset: null } };
}
