// Through what somebody's answer came, for the audit log and for people who ask later.

/**
 * `link`: a signed link that no channel made. `api`: a program with a token; the command line says of itself that it is `cli`,
 * so that one is what the client claims. `webhook` and `inbound` with the configured name.
 */
export type AnsweredVia =
  'console' | 'cli' | 'api' | 'link' | 'mail' | 'slack' | 'teams' | 'github' | 'gitlab' | `webhook ${string}` | `inbound ${string}`;
