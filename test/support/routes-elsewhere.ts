// Routes of the API that api.test.ts does not use itself, and the test that does: each needs something that would make that file long
// (an agent, a terminal, an identity provider, a browser with a passkey, a channel).

const elsewhere: Readonly<Record<string, readonly string[]>> = {
  'agent.test.ts': ['DELETE /api/v1/agents/{name}'],
  'api-people.test.ts': [
    'GET /api/v1/delegations',
    'GET /api/v1/delegations/candidates',
    'GET /api/v1/on-call',
    'POST /api/v1/delegations',
    'POST /api/v1/delegations/{id}/end',
    'DELETE /api/v1/account/totp',
    'DELETE /api/v1/agents/enrolment-tokens/{id}',
    'DELETE /api/v1/credentials/{name}',
    'DELETE /api/v1/people/{name}',
    'GET /api/v1/access-requests',
    'GET /api/v1/access-requests/{id}',
    'GET /api/v1/account',
    'GET /api/v1/agents/enrolment-tokens',
    'GET /api/v1/cli-logins/{secret}',
    'GET /api/v1/credentials',
    'GET /api/v1/grants',
    'GET /api/v1/grants/{id}',
    'GET /api/v1/policies/versions',
    'GET /api/v1/policies/versions/{version}',
    'GET /api/v1/sign-in-methods',
    'GET /api/v1/tokens/{id}/activity',
    'POST /api/v1/access-requests',
    'POST /api/v1/access-requests/{id}/approve',
    'POST /api/v1/access-requests/{id}/deny',
    'POST /api/v1/access-requests/{id}/withdraw',
    'POST /api/v1/account/password',
    'POST /api/v1/account/prove',
    'POST /api/v1/account/totp',
    'POST /api/v1/account/totp/confirm',
    'POST /api/v1/cli-logins',
    'POST /api/v1/cli-logins/poll',
    'POST /api/v1/cli-logins/{secret}/confirm',
    'POST /api/v1/cli-logins/{secret}/refuse',
    'POST /api/v1/credentials/rewrap',
    'POST /api/v1/credentials/{name}/check',
    'POST /api/v1/credentials/{name}/versions',
    'POST /api/v1/grants/{id}/extend',
    'POST /api/v1/grants/{id}/review',
    'POST /api/v1/grants/{id}/revoke',
    'POST /api/v1/login/password',
    'POST /api/v1/people',
    'POST /api/v1/people/{name}/password',
    'POST /api/v1/people/{name}/reset-factors',
  ],
  'channels-mail.test.ts': ['POST /api/v1/inbound/{name}'],
  'channels-push.test.ts': ['DELETE /api/v1/push/subscriptions/{id}', 'POST /api/v1/push/subscriptions'],
  'console-terminals.test.ts': [
    'GET /api/v1/sessions/{id}/terminals',
    'GET /api/v1/sessions/{id}/terminals/{index}',
    'GET /api/v1/sessions/{id}/terminals/{index}/index',
    'GET /api/v1/sessions/{id}/terminals/{index}/search',
  ],
  'identity-machines.test.ts': ['POST /api/v1/token-exchange'],
  'identity-passkeys.test.ts': [
    'DELETE /api/v1/account/passkeys/{secret}',
    'POST /api/v1/account/passkeys',
    'POST /api/v1/account/passkeys/options',
    'POST /api/v1/account/prove/options',
    'POST /api/v1/access-requests/{id}/passkey-challenge',
    'POST /api/v1/holds/{id}/passkey-challenge',
    'POST /api/v1/login/passkey',
    'POST /api/v1/login/passkey/options',
  ],
  'oidc.test.ts': [
    'GET /api/v1/oidc/callback',
    'GET /api/v1/oidc/{name}/start',
    'POST /api/v1/oidc/sign-out',
    'POST /api/v1/people/{name}/unlink',
  ],
  'shape-psql.test.ts': ['GET /api/v1/shapes/{id}', 'GET /api/v1/holds/{id}/shape', 'POST /api/v1/shapes/{id}/revoke'],
  'ssh-certificates.test.ts': ['GET /api/v1/ssh/keys'],
};

/** "METHOD path" of routes that a test answers for. */
export function routesTriedIn(file: string): readonly string[] {
  return elsewhere[file] ?? [];
}

export const testsNamed: readonly string[] = Object.keys(elsewhere);
export const triedElsewhere: readonly string[] = Object.values(elsewhere).flat();
