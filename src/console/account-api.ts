// The typed client of the addresses for signing in and for one's own account.

import type {
  AccessAnswerBody,
  AccessRequestView,
  AccountView,
  AnswerBody,
  CliLoginView,
  HoldView,
  Me,
  PasskeyAnswer,
  PasskeyOptions,
  ProveBody,
  SignInMethods,
  TotpSetup,
} from '../api/contract.ts';
import { request } from './api.ts';

const id = encodeURIComponent;

export const accountApi = {
  methods: (signal?: AbortSignal) => request<SignInMethods>('GET', '/sign-in-methods', undefined, signal),
  loginByPassword: (name: string, password: string, totp: string | undefined) =>
    request<Me>('POST', '/login/password', totp === undefined ? { name, password } : { name, password, totp }),
  passkeyLoginOptions: () => request<PasskeyOptions>('POST', '/login/passkey/options'),
  loginByPasskey: (answer: PasskeyAnswer) => request<Me>('POST', '/login/passkey', { answer }),
  /** Signs out here; the address signs out of the sign-in service too. */
  signOut: () => request<{ readonly url: string | null }>('POST', '/oidc/sign-out'),

  account: (signal?: AbortSignal) => request<AccountView>('GET', '/account', undefined, signal),
  proveOptions: () => request<PasskeyOptions>('POST', '/account/prove/options'),
  prove: (given: ProveBody) => request<AccountView>('POST', '/account/prove', given),
  newPasskeyOptions: () => request<PasskeyOptions>('POST', '/account/passkeys/options'),
  addPasskey: (name: string, answer: PasskeyAnswer) => request<AccountView>('POST', '/account/passkeys', { name, answer }),
  removePasskey: (passkeyId: string) => request<unknown>('DELETE', `/account/passkeys/${id(passkeyId)}`),
  newTotp: () => request<TotpSetup>('POST', '/account/totp'),
  confirmTotp: (code: string) => request<AccountView>('POST', '/account/totp/confirm', { code }),
  removeTotp: () => request<unknown>('DELETE', '/account/totp'),
  changePassword: (old: string, password: string) => request<AccountView>('POST', '/account/password', { old, password }),

  cliLogin: (secret: string, signal?: AbortSignal) => request<CliLoginView>('GET', `/cli-logins/${id(secret)}`, undefined, signal),
  confirmCliLogin: (secret: string, code: string) => request<unknown>('POST', `/cli-logins/${id(secret)}/confirm`, { code }),
  refuseCliLogin: (secret: string) => request<unknown>('POST', `/cli-logins/${id(secret)}/refuse`),

  approvalChallenge: (holdId: string) => request<PasskeyOptions>('POST', `/holds/${id(holdId)}/passkey-challenge`),
  accessChallenge: (requestId: string) => request<PasskeyOptions>('POST', `/access-requests/${id(requestId)}/passkey-challenge`),
  approveAccess: (requestId: string, body: AccessAnswerBody) =>
    request<AccessRequestView>('POST', `/access-requests/${id(requestId)}/approve`, body),
  approve: (holdId: string, body: AnswerBody) => request<HoldView>('POST', `/holds/${id(holdId)}/approve`, body),
};
