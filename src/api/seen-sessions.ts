// A session, or a 404 or 403 in words: what every route about one begins with.

import type { Caller } from './authentication.ts';
import type { SessionView } from './contract.ts';
import { HttpProblem, notFound } from './problems.ts';
import type { ApiServices } from './services.ts';
import { seesRecording, seesSession } from './visibility.ts';

/** Throws 404 when there is none that the caller may see. */
export function seenSession(services: ApiServices, caller: Caller, id: string): SessionView {
  const session = services.sessions.get(id);
  if (session === null || !seesSession(caller, session)) throw notFound(`session ${id}`);
  return session;
}

/** The same for what was said in it: throws 403 for those who may only see that there is a session. */
export function seenRecording(services: ApiServices, caller: Caller, id: string): SessionView {
  const session = seenSession(services, caller, id);
  if (seesRecording(caller, session)) return session;
  throw new HttpProblem(403, 'not-allowed', 'recordings are for auditors and for the person of the session');
}
