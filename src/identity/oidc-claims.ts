// From the claims of an ID token to somebody here: name, groups, and whether they may come in at all. Pure.

import { Fault } from '../core/errors.ts';
import type { OidcIssuer } from '../core/identity-config.ts';

export interface ClaimedPerson {
  readonly sub: string;
  readonly name: string;
  readonly displayName: string;
  readonly groups: readonly string[];
  /** False: the claim that groups here come from was not sent at all. */
  readonly groupsSent: boolean;
  readonly hasSecondFactor: boolean;
}

export type Claims = Readonly<Record<string, unknown>>;

/** As in the configuration: people type it before a colon. */
export const personNamePattern = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}$/;
const groupsMax = 1000;
const displayCharactersMax = 200;

/** Throws Fault sign-in-failed with what is missing, for the person and for the log. */
export function personOf(claims: Claims, issuer: OidcIssuer): ClaimedPerson {
  for (const [claim, values] of Object.entries(issuer.requiredClaims)) {
    if (textsOf(claims[claim]).some((value) => values.includes(value))) continue;
    throw refused(`${issuer.displayName} did not say that your "${claim}" is ${values.join(' or ')}`);
  }
  if (issuer.emailDomains.length > 0) checkDomain(claims, issuer);
  const name = claims[issuer.personClaim];
  if (typeof name !== 'string' || !personNamePattern.test(name)) {
    throw refused(`${issuer.displayName} gave no usable name for you (claim "${issuer.personClaim}")`);
  }
  // An address that the issuer has not verified is whatever its owner typed.
  if (issuer.personClaim === 'email' && !isVerified(claims))
    throw refused(`${issuer.displayName} did not say that your e-mail address is verified`);
  const theirs = textsOf(claims[issuer.groupsClaim]).slice(0, groupsMax);
  const groups = [
    ...new Set([
      ...issuer.everybody,
      ...theirs.flatMap((group) => (Object.hasOwn(issuer.groups, group) ? (issuer.groups[group] ?? []) : [])),
    ]),
  ];
  const display = claims['name'];
  const displayName = typeof display === 'string' && display.trim() !== '' ? display.trim().slice(0, displayCharactersMax) : name;
  const hasSecondFactor = textsOf(claims['amr']).some((method) => issuer.secondFactorAmr.includes(method));
  return {
    sub: String(claims['sub']),
    name,
    displayName,
    groups,
    groupsSent: theirs.length > 0 || Array.isArray(claims[issuer.groupsClaim]),
    hasSecondFactor,
  };
}

function checkDomain(claims: Claims, issuer: OidcIssuer): void {
  const { email } = claims;
  const domain = typeof email === 'string' ? email.slice(email.lastIndexOf('@') + 1).toLowerCase() : '';
  if (isVerified(claims) && issuer.emailDomains.some((allowed) => allowed.toLowerCase() === domain)) return;
  throw refused(`only verified addresses of ${issuer.emailDomains.join(' or ')} may sign in by ${issuer.displayName}`);
}

/** Some issuers send it as a text (OpenID Connect Core 1.0, 5.1 says boolean). */
function isVerified(claims: Claims): boolean {
  return claims['email_verified'] === true || claims['email_verified'] === 'true';
}

/** A claim as texts: one, several, or none. */
export function textsOf(claim: unknown): string[] {
  const values = Array.isArray(claim) ? claim : [claim];
  return values.flatMap((value) =>
    typeof value === 'string' ? [value] : typeof value === 'boolean' || typeof value === 'number' ? [String(value)] : [],
  );
}

function refused(words: string): Fault {
  return new Fault('sign-in-failed', words);
}
