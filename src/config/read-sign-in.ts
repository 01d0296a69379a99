// Sign-in from its written form: secrets read, addresses checked, names told apart.

import type { MachineIssuer, OidcIssuer, ScimClient } from '../core/identity-config.ts';
import type { ConfigDocument, ValuePath } from './document.ts';
import type { ConfigFiles } from './files.ts';
import { isLoopback } from '../core/loopback.ts';
import { readFollowedSecret } from './read-secret.ts';
import type { WrittenSignIn } from './sign-in-schema.ts';
import type { Parts } from './validate.ts';

export interface SignInConfig {
  readonly passwords: boolean;
  readonly oidc: readonly OidcIssuer[];
  readonly machines: readonly MachineIssuer[];
  readonly scim: readonly ScimClient[];
}

/** A job of minutes; the job's own token seldom lives longer. */
const tokenLifetimeDefaultMs = 15 * 60_000;
const scimTokenCharactersMin = 24;

export function readSignIn(document: ConfigDocument, files: ConfigFiles, parts: Parts): SignInConfig {
  const written = parts.sign_in ?? { passwords: true, oidc: [], machines: [], scim: [] };
  unique(document, written.oidc, 'oidc');
  unique(document, written.scim, 'scim');
  unique(document, written.machines, 'machines');
  const people = new Set(parts.people.map(({ value }) => value.name.toLowerCase()));
  for (const [index, { name }] of written.machines.entries()) {
    if (people.has(name.toLowerCase())) {
      document.problem(['sign_in', 'machines', index, 'name'], `there is a person with the name "${name}": jobs need a name of their own`);
    }
  }
  return {
    passwords: written.passwords,
    oidc: written.oidc.map((value, index) => issuerOf(document, files, value, ['sign_in', 'oidc', index])),
    machines: written.machines.map((value, index) => {
      checkIssuer(document, [...['sign_in', 'machines'], index, 'issuer'], value.issuer);
      const { name, issuer, audience, claims, groups } = value;
      const tokenLifetimeMs = value.token_lifetime ?? tokenLifetimeDefaultMs;
      return { name, displayName: value.display_name ?? name, issuer, audience, claims, groups, tokenLifetimeMs };
    }),
    scim: written.scim.flatMap((value, index) => {
      const path = ['sign_in', 'scim', index];
      const named = { env: value.token_env, file: value.token_file };
      const token = readFollowedSecret({ document, files }, path, 'token', named, scimTokenProblem);
      if (token === null) {
        document.problem([...path, 'token_file'], 'is missing: a SCIM client proves itself by a token; use token_file or token_env');
        return [];
      }
      return [{ name: value.name, token, groups: value.groups }];
    }),
  };
}

/** Groups that somebody may be in by signing in, beside those of the people in the file. */
export function groupsOfSignIn(written: WrittenSignIn | undefined): string[] {
  if (written === undefined) return [];
  return [
    ...written.oidc.flatMap(({ groups, everybody }) => [...Object.values(groups).flat(), ...everybody]),
    ...written.machines.flatMap(({ groups }) => groups),
    ...written.scim.flatMap(({ groups }) => Object.values(groups).flat()),
  ];
}

function issuerOf(document: ConfigDocument, files: ConfigFiles, value: WrittenSignIn['oidc'][number], path: ValuePath): OidcIssuer {
  checkIssuer(document, [...path, 'issuer'], value.issuer);
  const known = Object.values(value.groups).flat().length + value.everybody.length;
  if (value.create_people && known === 0) {
    document.problem([...path, 'create_people'], 'lets people in who are in no group: map groups, or name some under "everybody"');
  }
  return {
    name: value.name,
    displayName: value.display_name ?? value.name,
    issuer: value.issuer,
    clientId: value.client_id,
    clientSecret: readFollowedSecret({ document, files }, path, 'client_secret', {
      env: value.client_secret_env,
      file: value.client_secret_file,
    }),
    scopes: value.scopes,
    personClaim: value.person_claim,
    groupsClaim: value.groups_claim,
    groups: value.groups,
    everybody: value.everybody,
    requiredClaims: value.required_claims,
    emailDomains: value.email_domains,
    createPeople: value.create_people,
    secondFactorAmr: value.second_factor_amr,
  };
}

function scimTokenProblem(token: string): string | null {
  return token.length < scimTokenCharactersMin ? 'is too short (make one with: openssl rand -hex 32)' : null;
}

function checkIssuer(document: ConfigDocument, at: ValuePath, text: string): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    document.problem(at, 'must be a whole address, as in "https://accounts.example.com"');
  } else if (url.protocol === 'http:' && !isLoopback(url.hostname)) document.problem(at, 'must begin with https:// beyond this machine');
  else if (url.search !== '' || url.hash !== '') document.problem(at, 'must have no part after ? or #');
}

function unique(document: ConfigDocument, entries: readonly { readonly name: string }[], list: string): void {
  const seen = new Set<string>();
  for (const [index, { name }] of entries.entries()) {
    if (seen.has(name.toLowerCase())) document.problem(['sign_in', list, index, 'name'], `there is another one with the name "${name}"`);
    seen.add(name.toLowerCase());
  }
}
