// A session, or a 404 or 403 in words: what every route about one begins with. Whoever is asked to answer something that waits in
// a session sees that session and what was said in it so far, for as long as it waits.

import type { Caller } from './authentication.ts';
import type { SessionView } from './contract.ts';
import { HttpProblem, notFound } from './problems.ts';
import type { ApiServices } from './services.ts';
import { seesRecording, seesSession } from './visibility.ts';

type Viewer = Pick<Caller, 'principal' | 'rights'>;

/** Throws 404 when there is none that the caller may see. */
export function seenSession(services: ApiServices, caller: Caller, id: string): SessionView {
  const session = services.sessions.get(id);
  if (session === null || !(seesSession(caller, session) || isAsked(services, caller, session))) throw notFound(`session ${id}`);
  return session;
}

/** The same for what was said in it: throws 403 for those who may only see that there is a session. */
export function seenRecording(services: ApiServices, caller: Caller, id: string): SessionView {
  const session = seenSession(services, caller, id);
  if (maySeeRecording(services, caller, session)) return session;
  throw new HttpProblem(
    403,
    'not-allowed',
    'recordings are for auditors, for the person of the session, and for those who may answer what waits in it now',
  );
}

export function maySeeRecording(services: ApiServices, viewer: Viewer, session: SessionView): boolean {
  return seesRecording(viewer, session) || isAsked(services, viewer, session);
}

/** Something waits in it that this person may answer, or has answered while others are waited for. */
function isAsked({ holds }: ApiServices, { principal, rights }: Viewer, session: SessionView): boolean {
  return rights.includes('approve') && holds.waitsFor(session.id, principal);
}
