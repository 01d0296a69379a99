// What comes in to the API as schemas: bodies, paths, queries. The annotations tie each to its contract type: the two can't drift apart
// without a type error.

import { z } from 'zod';
import type {
  AnswerBody,
  ConfirmSignInBody,
  CredentialBody,
  DecisionBody,
  EnrolmentTokenBody,
  LoginBody,
  LoginLinkBody,
  TokenBody,
} from './contract.ts';
import { shapeApprovalBody } from './shape-schemas.ts';

/** Longest reason, name and filter text that is read. Holds and tokens have their own, shorter limits. */
export const textCharactersMax = 2000;
export const pageSizeDefault = 50;
export const pageSizeMax = 200;

const text = z.string().max(textCharactersMax);

/** What a browser's credential API answers; its insides are checked by the part that verifies it. */
export const passkeyAnswer = z.record(z.string().max(100), z.unknown());
const totpCode = z.string().max(20);
export const answerBody: z.ZodType<AnswerBody> = z.strictObject({
  reason: text.optional(),
  totp: totpCode.optional(),
  passkey: passkeyAnswer.optional(),
  shape: shapeApprovalBody.optional(),
});
export const decisionBody: z.ZodType<DecisionBody> = z.strictObject({ answer: z.enum(['approve', 'deny']), reason: text.optional() });
export const confirmBody: z.ZodType<ConfirmSignInBody> = z.strictObject({ code: z.string().max(20).optional() });
export const tokenBody: z.ZodType<TokenBody> = z.strictObject({
  name: text.optional(),
  person: text.optional(),
  ttl_ms: z.int().positive().optional(),
});
export const loginBody: z.ZodType<LoginBody> = z.union([z.strictObject({ secret: text.min(1) }), z.strictObject({ token: text.min(1) })], {
  error: 'takes {"secret": …} with the secret of a login link, or {"token": …} with an access token',
});
export const loginLinkBody: z.ZodType<LoginLinkBody> = z.strictObject({ person: text.min(1), ttl_ms: z.int().positive().optional() });
const labelKey = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, 'labels have names of 1 to 63 letters, digits and . _ / -');
/** Labels of one agent. */
const labelsMax = 50;
export const enrolmentTokenBody: z.ZodType<EnrolmentTokenBody> = z.strictObject({
  name: text.min(1),
  labels: z
    .record(labelKey, z.string().max(255))
    .refine((labels) => Object.keys(labels).length <= labelsMax, `at most ${labelsMax} labels`)
    .optional(),
  ttl_ms: z.int().positive().optional(),
});
const passwordCharactersMax = 4_096;
const privateKeyCharactersMax = 32_768;
export const credentialBody: z.ZodType<CredentialBody> = z
  .strictObject({
    password: z.string().min(1).max(passwordCharactersMax).optional(),
    private_key: z.string().min(1).max(privateKeyCharactersMax).optional(),
  })
  .refine((body) => (body.password === undefined) !== (body.private_key === undefined), 'give a password or a private_key');
export const noBody = z.strictObject({});

export const idParams = z.object({ id: z.string().min(1).max(100) });
/** A login, sign-in or decision secret in a path. */
export const secretParams = z.object({ secret: z.string().min(1).max(2000) });
export const nameParams = z.object({ name: text.min(1) });

/** Query parameters of every list. */
export const paging = {
  cursor: text.optional(),
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(pageSizeDefault),
};
/** A filter that is not set: left out, or empty as HTML forms send it. */
export const filter = text.optional().transform((value) => (value === '' ? undefined : value));
/** A point in time: ISO 8601, or milliseconds since 1970. */
export const timeFilter = text.optional().transform((value, context) => {
  if (value === undefined || value === '') return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) : Date.parse(value);
  if (Number.isSafeInteger(ms)) return ms;
  context.addIssue({ code: 'custom', message: 'not a time: write it like 2026-11-21T10:00:00Z' });
  return z.NEVER;
});
