// The steps of a timeline of access in words, after the name of who took them: the same in the console and on the command line.

const words: Readonly<Record<string, string>> = {
  'access.requested': 'asked',
  'access.approval-given': 'approved',
  'access.granted': 'granted it',
  'access.extended': 'lengthened it',
  'access.denied': 'denied',
  'access.expired': 'expired',
  'access.withdrawn': 'withdrew it',
  'grant.used': 'used it in a session',
  'grant.revoked': 'revoked it',
  'grant.ended': 'ended',
  'grant.review-reminded': 'review asked for again',
  'grant.reviewed': 'reviewed it',
};
/** Those that nobody took. */
const byNobody: Readonly<Record<string, string>> = {
  'access.granted': 'granted by the policies, without asking',
  'access.extended': 'lengthened by the policies, without asking',
  'access.withdrawn': 'withdrawn',
};

/** `what` is the name of the audit event that says the same. */
export function accessStepWords(what: string, by: string | null): string {
  return (by === null ? byNobody[what] : undefined) ?? words[what] ?? what;
}
