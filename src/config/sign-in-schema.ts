// The section `sign_in` of sallyport.yaml: OpenID Connect issuers, local accounts, CI jobs and SCIM clients.

import { z } from 'zod';

interface Words {
  readonly name: z.ZodType<string>;
  readonly group: z.ZodType<string>;
  readonly path: z.ZodType<string>;
  readonly envName: z.ZodType<string>;
  readonly minutes: z.ZodType<number | undefined>;
}

const claim = z.string().min(1).max(200);
const claimValues = z.array(z.string('write claims as text').max(500)).min(1).max(100);
const issuer = z.string().min(1).max(2_048).describe('Exactly as the issuer writes itself in its discovery document.');
const listMax = 100;

/** Made of the words that other sections use too. */
export function signInSection({ name, group, path, envName, minutes }: Words) {
  const groupsOf = z.record(z.string().min(1).max(500), z.array(group).max(100));
  const oidc = z.strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'use lower-case letters, digits and -'),
    display_name: z.string().min(1).max(100).optional().describe('On the button of the sign-in page.'),
    issuer,
    client_id: z.string().min(1).max(500),
    client_secret_env: envName.optional(),
    client_secret_file: path.optional(),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))
      .max(50)
      .default(['profile', 'email']),
    person_claim: claim.default('email').describe('The claim that is the person’s name here.'),
    groups_claim: claim.default('groups'),
    groups: groupsOf.default({}).describe("The issuer's groups to groups here; others give nothing."),
    everybody: z.array(group).max(100).default([]).describe('Groups of everybody who signs in by this issuer.'),
    required_claims: z.record(claim, claimValues).default({}).describe('Each claim must have one of its values.'),
    email_domains: z.array(z.string().min(1).max(255)).max(100).default([]),
    create_people: z.boolean().default(false).describe('Let people in who are not in this file.'),
    second_factor_amr: z.array(z.string().min(1).max(100)).max(20).default([]).describe('Values of "amr" that count as a second factor.'),
  });
  const machine = z.strictObject({
    name,
    display_name: z.string().min(1).max(200).optional(),
    issuer,
    audience: z.string().min(1).max(2_048),
    claims: z
      .record(claim, claimValues)
      .refine((it) => Object.keys(it).length > 0, 'name at least one claim: without, every job of the issuer would be let in'),
    groups: z.array(group).max(100).default([]),
    token_lifetime: minutes.describe('The access token also ends with the job’s own token.'),
  });
  const scim = z.strictObject({
    name,
    token_env: envName.optional(),
    token_file: path.optional(),
    groups: groupsOf.default({}).describe("The client's groups to groups here; others give nothing."),
  });
  const defaults = { passwords: true, oidc: [], machines: [], scim: [] };
  return z
    .strictObject({
      passwords: z.boolean().default(true).describe('Whether people with a password sign in to the console by it.'),
      oidc: z.array(oidc).max(listMax).default([]),
      machines: z.array(machine).max(listMax).default([]),
      scim: z.array(scim).max(listMax).default([]),
    })
    .default(defaults);
}

export type WrittenSignIn = z.output<ReturnType<typeof signInSection>>;
