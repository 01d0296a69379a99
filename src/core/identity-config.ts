// How people and machines of other systems sign in here: what the configuration says and identity obeys.

import type { Secret } from './secret.ts';

/** An OpenID Connect issuer that signs people in. */
export interface OidcIssuer {
  /** Short name, in addresses: "corp". */
  readonly name: string;
  /** On the button of the sign-in page. */
  readonly displayName: string;
  /** Exactly as the issuer writes itself in its discovery document and tokens. */
  readonly issuer: string;
  readonly clientId: string;
  /** Null: a public client; PKCE is used in any case. */
  readonly clientSecret: Secret | null;
  readonly scopes: readonly string[];
  /** The claim that is the person's name here. */
  readonly personClaim: string;
  readonly groupsClaim: string;
  /** The issuer's groups to groups here; what is not named gives nothing. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Groups of everybody who signs in by it. */
  readonly everybody: readonly string[];
  /** Each claim must have one of these values. */
  readonly requiredClaims: Readonly<Record<string, readonly string[]>>;
  /** Domains of which the verified e-mail address must be; empty: not asked. */
  readonly emailDomains: readonly string[];
  /** Whether somebody who is not in the configuration gets an account at the first sign-in. */
  readonly createPeople: boolean;
  /** Values of the claim `amr` (RFC 8176) that count as a second factor. */
  readonly secondFactorAmr: readonly string[];
}

/** Whose tokens a kind of CI job exchanges for access tokens, and which of them. */
export interface MachineIssuer {
  /** The machine's name here: the principal of its sessions. */
  readonly name: string;
  readonly displayName: string;
  readonly issuer: string;
  readonly audience: string;
  /** Each claim must match one of these; "*" stands for any run of characters but "/". */
  readonly claims: Readonly<Record<string, readonly string[]>>;
  readonly groups: readonly string[];
  /** The access token ends with the job's token at the latest. */
  readonly tokenLifetimeMs: number;
}

/** A system that provisions people by SCIM. */
export interface ScimClient {
  readonly name: string;
  readonly token: Secret;
  /** Its groups to groups here; what is not named gives nothing. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/** Who is in a group by the clock. Wall times are milliseconds since 1970 as if the zone's clock showed UTC. */
export interface OnCallSchedule {
  readonly group: string;
  /** Of the IANA time zone database: "Europe/Berlin". */
  readonly zone: string;
  readonly startsWallMs: number;
  /** Length of a turn on the clock on the wall: a day has 24 hours there, also when it really has 23 or 25. */
  readonly everyWallMs: number;
  /** In the order of their turns; at least one. */
  readonly people: readonly string[];
  /** Stand in for the rotation; of two at the same time the later in the list. */
  readonly overrides: readonly { readonly fromWallMs: number; readonly toWallMs: number; readonly person: string }[];
}
