// The contract of accounts as schemas, as schemas.ts does for the rest.

import { z } from 'zod';
import type {
  AccountView,
  ChangePasswordBody,
  CliLoginBegun,
  CliLoginBody,
  CliLoginPollBody,
  CliLoginPolled,
  CliLoginView,
  PasskeyBody,
  PasskeyLoginBody,
  PasskeyOptions,
  PasswordLoginBody,
  PersonBody,
  ProveBody,
  SetPasswordBody,
  SignInMethods,
  TokenActivity,
  TokenExchangeBody,
  TokenExchanged,
  TotpConfirmBody,
  TotpSetup,
} from './contract.ts';
import { passkeyAnswer } from './request-schemas.ts';
import { holdView } from './schemas.ts';

const name = z.string().min(1).max(200);
const secret = z.string().min(1).max(500);
const code = z.string().min(1).max(20);
const time = z.string().meta({ format: 'date-time' });

export const signInMethods: z.ZodType<SignInMethods> = z
  .object({ passwords: z.boolean(), oidc: z.array(z.object({ name: z.string(), display_name: z.string() })) })
  .meta({ id: 'SignInMethods' });
export const passwordLoginBody: z.ZodType<PasswordLoginBody> = z.strictObject({
  name,
  password: z.string().min(1).max(1000),
  totp: code.optional(),
});
export const passkeyOptions: z.ZodType<PasskeyOptions> = z.record(z.string(), z.unknown());
export const passkeyLoginBody: z.ZodType<PasskeyLoginBody> = z.strictObject({ answer: passkeyAnswer });

const machine = z.string().max(100);
export const cliLoginBody: z.ZodType<CliLoginBody> = z.strictObject({ machine });
export const cliLoginBegun: z.ZodType<CliLoginBegun> = z
  .object({ poll_secret: z.string(), url: z.string(), code: z.string(), expires_at: time })
  .meta({ id: 'CliLoginBegun' });
export const cliLoginPollBody: z.ZodType<CliLoginPollBody> = z.strictObject({ poll_secret: secret, machine });
export const cliLoginPolled: z.ZodType<CliLoginPolled> = z.union([
  z.object({ state: z.literal('confirmed'), token: z.string(), person: z.string(), expires_at: time }),
  z.object({ state: z.enum(['waiting', 'refused', 'gone']) }),
]);
export const cliLoginView: z.ZodType<CliLoginView> = z
  .object({ code: z.string(), client_address: z.string(), machine: z.string(), expires_at: time })
  .meta({ id: 'CliLogin' });

export const accountView: z.ZodType<AccountView> = z
  .object({
    passkeys: z.array(z.object({ id: z.string(), name: z.string(), host: z.string(), created_at: time, last_used_at: time.nullable() })),
    totp: z.boolean(),
    totp_locked: z.boolean(),
    has_password: z.boolean(),
    passwords: z.boolean(),
    second_factor_at: time.nullable(),
  })
  .meta({ id: 'Account' });
export const proveBody: z.ZodType<ProveBody> = z.strictObject({ totp: code.optional(), passkey: passkeyAnswer.optional() });
export const passkeyBody: z.ZodType<PasskeyBody> = z.strictObject({ name: z.string().max(100), answer: passkeyAnswer });
export const totpSetup: z.ZodType<TotpSetup> = z.object({ secret: z.string(), url: z.string() }).meta({ id: 'TotpSetup' });
export const totpConfirmBody: z.ZodType<TotpConfirmBody> = z.strictObject({ code });
export const changePasswordBody: z.ZodType<ChangePasswordBody> = z.strictObject({
  old: z.string().max(1000),
  password: z.string().min(1).max(1000),
});

const group = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$/, 'groups have names of 1 to 128 letters, digits and . _ : / @ + -');
export const personBody: z.ZodType<PersonBody> = z.strictObject({
  name,
  display_name: name.optional(),
  groups: z.array(group).max(1000),
});
export const setPasswordBody: z.ZodType<SetPasswordBody> = z.strictObject({ password: z.string().min(1).max(1000) });

/** RFC 8693 lets clients send more fields (audience, scope); they change nothing here. */
export const tokenExchangeBody: z.ZodType<TokenExchangeBody> = z.looseObject({
  grant_type: z.string().max(200),
  subject_token: z.string().min(1).max(20_000),
  subject_token_type: z.string().max(200),
});
export const tokenExchanged: z.ZodType<TokenExchanged> = z
  .object({
    access_token: z.string(),
    issued_token_type: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    person: z.string(),
    token_id: z.string(),
  })
  .meta({ id: 'TokenExchanged' });
export const tokenActivity: z.ZodType<TokenActivity> = z
  .object({ sessions: z.int(), denied: z.int(), holds: z.array(holdView) })
  .meta({ id: 'TokenActivity' });
