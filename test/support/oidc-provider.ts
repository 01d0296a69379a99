// A real OpenID Connect provider (the npm package oidc-provider, certified) in this process, over plain HTTP on loopback, whose
// sign-in pages answer by themselves for whoever the test names. And an issuer of tokens that tests forge as they like.

import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import Provider from 'oidc-provider';
import type { Teardown } from './directories.ts';

export interface TestAccount {
  readonly sub: string;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface TestProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Who signs in when the browser comes next. */
  account: TestAccount;
}

/** `redirectUri` is where it may send browsers back: asked for each start, because gateways choose their ports. */
export async function startOidcProvider(t: Teardown, redirectUri: () => string): Promise<TestProvider> {
  const server = createServer();
  const port = await listen(t, server);
  const issuer = `http://127.0.0.1:${port}`;
  const provider: TestProvider = {
    issuer,
    clientId: 'sallyport',
    clientSecret: 'a secret of the client',
    account: { sub: '', claims: {} },
  };
  const accounts = new Map<string, TestAccount>();
  let app: Provider | null = null;
  const build = (): Provider => {
    const made = new Provider(issuer, {
      clients: [
        {
          client_id: provider.clientId,
          client_secret: provider.clientSecret,
          redirect_uris: [redirectUri()],
          post_logout_redirect_uris: [redirectUri().replace('/api/v1/oidc/callback', '/login')],
        },
      ],
      claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
      scopes: ['openid', 'profile', 'email', 'groups'],
      pkce: { required: () => true },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
      findAccount: (_context, sub) => {
        const claims = accounts.get(sub)?.claims ?? {};
        return { accountId: sub, claims: async () => ({ sub, ...claims }) };
      },
    });
    made.use(async (context, next) => {
      if (!context.path.startsWith('/interaction/')) return next();
      const { prompt, params, session } = await made.interactionDetails(context.req, context.res);
      const { account } = provider;
      accounts.set(account.sub, account);
      if (prompt.name === 'login') {
        await made.interactionFinished(context.req, context.res, { login: { accountId: account.sub, remember: false } });
      } else {
        const grant = new made.Grant({ accountId: session?.accountId ?? account.sub, clientId: String(params['client_id']) });
        grant.addOIDCScope('openid profile email groups');
        await made.interactionFinished(context.req, context.res, { consent: { grantId: await grant.save() } });
      }
      context.respond = false;
    });
    return made;
  };
  server.on('request', (request, response) => void (app ??= build()).callback()(request, response));
  return provider;
}

export interface TokenForge {
  readonly issuer: string;
  /** Signs claims with the present key; `iss`, `iat` and `exp` (in five minutes) unless the claims say otherwise. */
  sign(claims: JWTPayload, options?: { readonly kid?: string }): Promise<string>;
  /** A new key under a new id; the old one is published no more. */
  rotate(): Promise<void>;
}

/** An issuer with keys and a discovery document, like the ones of CI systems. */
export async function startTokenIssuer(t: Teardown): Promise<TokenForge> {
  let kid = 0;
  let pair = await generateKeyPair('RS256');
  const server = createServer((request, response) => {
    const answer = async () => {
      const json =
        request.url === '/keys'
          ? { keys: [{ ...(await exportJWK(pair.publicKey)), kid: `k${kid}`, alg: 'RS256', use: 'sig' }] }
          : { issuer, jwks_uri: `${issuer}/keys` };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(json));
    };
    void answer();
  });
  const issuer = `http://127.0.0.1:${await listen(t, server)}`;
  return {
    issuer,
    sign: (claims, options = {}) => {
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: issuer, iat: now, exp: now + 300, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: options.kid ?? `k${kid}` })
        .sign(pair.privateKey);
    },
    rotate: async () => {
      kid += 1;
      pair = await generateKeyPair('RS256');
    },
  };
}

async function listen(t: Teardown, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
