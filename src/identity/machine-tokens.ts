// CI jobs exchange the OIDC token that their system gave them (GitHub, GitLab and others) for an access token of minutes
// (RFC 8693). Issuer, audience and claims say which jobs are which machine; the access token ends with the job's token.

import { decodeJwt } from 'jose';
import type { Clock } from '../core/clock.ts';
import { Fault } from '../core/errors.ts';
import type { MachineIssuer } from '../core/identity-config.ts';
import type { IssuedToken } from './access-tokens.ts';
import type { Identity } from './identity.ts';
import { textsOf } from './oidc-claims.ts';
import type { Claims } from './oidc-claims.ts';
import { OidcIssuerClient } from './oidc-issuer-client.ts';

/** What of a job stands in the token's name, for people who read the audit log. */
const tellingClaims = ['repository', 'project_path', 'ref', 'environment', 'workflow_ref', 'run_id', 'job_id', 'actor', 'user_login'];
const tokenCharactersMax = 20_000;
const nameCharactersMax = 100;

export class MachineTokens {
  readonly #machines: readonly MachineIssuer[];
  readonly #issuers = new Map<string, OidcIssuerClient>();
  readonly #identity: Identity;
  readonly #clock: Clock;

  constructor(machines: readonly MachineIssuer[], identity: Identity, clock: Clock) {
    this.#machines = machines;
    this.#identity = identity;
    this.#clock = clock;
    for (const { issuer } of machines) if (!this.#issuers.has(issuer)) this.#issuers.set(issuer, new OidcIssuerClient(issuer, clock));
    for (const { name, displayName, groups } of machines) {
      identity.provision({ name, source: 'machines', displayName, kind: 'machine', groups, active: true }, null);
    }
    // Those of an earlier configuration may not come back by themselves.
    const names = new Set(machines.map(({ name }) => name));
    for (const { name, source } of identity.provisioned()) if (source === 'machines' && !names.has(name)) identity.unprovision(name, null);
  }

  /** Throws Fault sign-in-failed in words that say what of the token is not as configured, and shows nothing else of it. */
  async exchange(jobToken: string): Promise<IssuedToken> {
    const issuer = this.#issuers.get(issuerOf(jobToken));
    if (issuer === undefined) throw failed('no machine of this gateway takes tokens of that issuer');
    const candidates = this.#machines.filter((machine) => machine.issuer === issuer.issuer);
    const audiences = new Set(candidates.map(({ audience }) => audience));
    let claims: Claims | null = null;
    let refusal: Fault | null = null;
    for (const audience of audiences) {
      try {
        claims = await issuer.verify(jobToken, audience);
        const found = candidates.find((machine) => machine.audience === audience && mismatch(machine, claims as Claims) === null);
        if (found !== undefined) return this.#issue(found, claims);
      } catch (thrown) {
        if (!(thrown instanceof Fault)) throw thrown;
        refusal = thrown;
      }
    }
    if (claims === null) throw refusal ?? failed('the token is not good');
    const why = candidates.map((machine) => `${machine.name}: ${mismatch(machine, claims as Claims) ?? 'another audience'}`);
    throw failed(`the token is good, and no machine is allowed by it (${why.join('; ')})`);
  }

  #issue(machine: MachineIssuer, claims: Claims): IssuedToken {
    const remainingMs = Number(claims['exp']) * 1000 - this.#clock.nowMs();
    const ttlMs = Math.min(machine.tokenLifetimeMs, remainingMs, this.#identity.tokenTtlMsMax);
    if (ttlMs < 1000) throw failed('the token of the job ends in this second');
    const telling = tellingClaims.flatMap((claim) => textsOf(claims[claim]).map((value) => `${claim}=${value}`)).join(' ');
    return this.#identity.issueToken(machine.name, { name: `job ${telling}`.slice(0, nameCharactersMax), ttlMs });
  }
}

/** Which claim is not as configured, or null. */
export function mismatch(machine: MachineIssuer, claims: Claims): string | null {
  for (const [claim, patterns] of Object.entries(machine.claims)) {
    const values = textsOf(claims[claim]);
    if (!values.some((value) => patterns.some((pattern) => matches(pattern, value)))) return `claim "${claim}" is not as configured`;
  }
  return null;
}

/** "*" is any run of characters but "/"; everything else is itself. Walks once, so that no pattern can be made slow. */
function matches(pattern: string, value: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return value === pattern;
  if (!value.startsWith(first)) return false;
  let at = first.length;
  for (const [index, part] of rest.entries()) {
    const isLast = index === rest.length - 1;
    const found = isLast ? value.length - part.length : value.indexOf(part, at);
    if (found < at || !value.startsWith(part, found) || value.slice(at, found).includes('/')) return false;
    at = found + part.length;
  }
  return true;
}

function issuerOf(token: string): string {
  if (token.length > tokenCharactersMax) throw failed('that is not a token of a job: it is too long');
  try {
    return String(decodeJwt(token).iss);
  } catch {
    throw failed('that is not a token of a job (a JWT)');
  }
}

function failed(words: string): Fault {
  return new Fault('sign-in-failed', words);
}
