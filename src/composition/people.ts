// Accounts over identity, and what sessions know of a person's second factor.

import type { Config } from '../config/config.ts';
import type { SessionOpening } from '../core/session.ts';
import { Accounts } from '../identity/accounts.ts';
import type { AccountsParts } from '../identity/accounts.ts';
import { ScimDirectory } from '../identity/scim-directory.ts';
import { openScimStore } from '../store/scim.ts';

/** Everything but what the configuration says. */
type Parts = Omit<AccountsParts, 'oidc' | 'machines' | 'passwords'>;

export function openAccounts(config: Config, parts: Parts): Accounts {
  const { oidc, machines, passwords } = config.signIn;
  return new Accounts({ ...parts, oidc, machines, passwords });
}

export function openScim(config: Config, { db, identity, clock }: Parts): ScimDirectory {
  return new ScimDirectory(config.signIn.scim, openScimStore(db), identity, clock);
}

/** The facts of a session with the time of the person's last second factor, read anew for every decision: it moves. */
export function withSecondFactor(accounts: Accounts): (opening: SessionOpening) => SessionOpening['facts'] {
  return ({ facts, principal }) => ({
    ...facts,
    get secondFactorAtMs() {
      return accounts.factors.provedAtMs(principal.name);
    },
  });
}
