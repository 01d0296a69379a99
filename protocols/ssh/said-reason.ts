// What a channel is for, as its client says it: an environment variable that goes no further. It stands with everything that the channel
// does, as `SET sallyport.reason` does in a database.

import type { Session, Submission } from '../../src/core/session.ts';

export const reasonVariable = 'SALLYPORT_REASON';
/** A sentence and a ticket; more is another kind of text. */
export const reasonCharsMax = 1_000;

/** The session, with this reason in all that is submitted; null: the session itself. */
export function forReason(session: Session, reason: string | null): Session {
  if (reason === null) return session;
  const said = (submission: Submission): Submission => ({ ...submission, reason });
  return {
    id: session.id,
    principal: session.principal,
    target: session.target,
    role: session.role,
    ended: session.ended,
    onNotice: (listener) => session.onNotice?.(listener),
    submit: (submission, lane) => session.submit(said(submission), lane),
    submitSoon: (submission, lane, then) => session.submitSoon(said(submission), lane, then),
    finish: (permit, outcome) => session.finish(permit, outcome),
    recordRows: (permit, rows) => session.recordRows(permit, rows),
    recordTerminal: (size) => session.recordTerminal?.(size) ?? null,
    classify: (submission, signal) => session.classify(said(submission), signal),
    foresee: (submission, classification) => session.foresee(said(submission), classification),
    ...(session.foreseeSurely === undefined
      ? {}
      : { foreseeSurely: (submission, classification) => session.foreseeSurely!(said(submission), classification) }),
    close: (why) => session.close(why),
  };
}
