// What an issuer may answer and still not get anybody in: every check of an ID token, by an issuer that lies as it is told.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import type { JWTPayload } from 'jose';
import t from 'tap';
import type { OidcIssuer } from '../../src/core/identity-config.ts';
import { Secret } from '../../src/core/secret.ts';
import { oidcSignInTtlMs, OidcSignIns } from '../../src/identity/oidc-sign-ins.ts';
import { HandClock, random } from './api-fixture.ts';

interface Answers {
  /** Made of the right claims. */
  idToken: (right: JWTPayload) => Promise<string | undefined>;
  userInfo: object;
  metadata: object;
}

async function world(more: Partial<OidcIssuer> = {}) {
  let pair = await generateKeyPair('ES256');
  let kid = 'one';
  let nonce = '';
  const clock = new HandClock();
  clock.wallMs = Date.now();
  const sign = (claims: JWTPayload) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(pair.privateKey);
  const answers: Answers = { idToken: sign, userInfo: { sub: 'u-1', groups: ['staff'] }, metadata: {} };
  const asked: { authorization: string | undefined; form: URLSearchParams }[] = [];
  const server = createServer((request, response) => {
    const answer = async (): Promise<object> => {
      switch (request.url) {
        case '/.well-known/openid-configuration':
          return {
            issuer,
            authorization_endpoint: `${issuer}/authorize`,
            token_endpoint: `${issuer}/token`,
            userinfo_endpoint: `${issuer}/me`,
            jwks_uri: `${issuer}/keys`,
            ...answers.metadata,
          };
        case '/keys':
          return { keys: [{ ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' }] };
        case '/me':
          return answers.userInfo;
        default: {
          let body = '';
          for await (const chunk of request) body += String(chunk);
          asked.push({ authorization: request.headers.authorization, form: new URLSearchParams(body) });
          const iat = Math.floor(clock.nowMs() / 1000);
          const right = {
            iss: issuer,
            aud: 'sallyport',
            sub: 'u-1',
            iat,
            exp: iat + 300,
            nonce,
            name: 'Una',
            email: 'una@example.com',
            email_verified: true,
          };
          return { access_token: 'at', token_type: 'Bearer', id_token: await answers.idToken(right) };
        }
      }
    };
    void answer().then((json) => response.setHeader('content-type', 'application/json').end(JSON.stringify(json)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config: OidcIssuer = {
    name: 'corp',
    displayName: 'Corp',
    issuer,
    clientId: 'sallyport',
    clientSecret: new Secret('s:cret'),
    scopes: ['email'],
    personClaim: 'email',
    groupsClaim: 'groups',
    groups: { staff: ['engineers'] },
    everybody: [],
    requiredClaims: {},
    emailDomains: [],
    createPeople: true,
    secondFactorAmr: ['mfa'],
    ...more,
  };
  const signIns = new OidcSignIns([config], clock, random, () => 'https://gw.example');
  const begin = async () => {
    const { url, browserSecret } = await signIns.begin('corp', '/', null);
    const parameters = new URL(url).searchParams;
    nonce = parameters.get('nonce') ?? '';
    return { parameters, browserSecret, state: parameters.get('state') ?? '' };
  };
  const end = async () => {
    const { state, browserSecret } = await begin();
    return signIns.end({ state, code: 'a-code' }, browserSecret);
  };
  const rotate = async () => {
    pair = await generateKeyPair('ES256');
    kid = 'two';
  };
  return { answers, asked, begin, clock, end, issuer, rotate, sign, signIns };
}

t.test('ID tokens that are not exactly right', async (t) => {
  const { answers, end, sign } = await world();
  const stranger = await generateKeyPair('ES256');
  const rows: [string, Answers['idToken'], RegExp][] = [
    ['none', async () => undefined, /no ID token/],
    ['unsigned', async (right) => new UnsecuredJWT(right).encode(), /not good/],
    [
      'by a key of nobody',
      (right) => new SignJWT(right).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(stranger.privateKey),
      /signature/,
    ],
    [
      'by a shared key',
      (right) => new SignJWT(right).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode('s:cret, made longer for HMAC')),
      /signed in a way/,
    ],
    ['another nonce', (right) => sign({ ...right, nonce: 'of another sign-in' }), /nonce/],
    ['no nonce', (right) => sign(without(right, 'nonce')), /nonce/],
    ['another audience', (right) => sign({ ...right, aud: 'other' }), /"aud"/],
    ['several audiences and no authorized party', (right) => sign({ ...right, aud: ['sallyport', 'other'] }), /another client/],
    ['another authorized party', (right) => sign({ ...right, azp: 'other' }), /another client/],
    ['another issuer', (right) => sign({ ...right, iss: 'https://evil.example' }), /"iss"/],
    ['expired', (right) => sign({ ...right, iat: Number(right.iat) - 600, exp: Number(right.exp) - 600 }), /expired/],
    ['no end', (right) => sign(without(right, 'exp')), /"exp"/],
    ['no subject', (right) => sign(without(right, 'sub')), /"sub"/],
    ['no usable name', (right) => sign({ ...right, email: 'x y' }), /no usable name/],
    ['an address that is not verified', (right) => sign({ ...right, email_verified: false }), /is verified/],
    ['an address that is not verified, as a text', (right) => sign({ ...right, email_verified: 'false' }), /is verified/],
    ['an address of which nothing is said', (right) => sign(without(right, 'email_verified')), /is verified/],
  ];
  for (const [name, idToken, words] of rows) {
    answers.idToken = idToken;
    await t.rejects(end(), { code: 'sign-in-failed', message: words }, name);
  }
  answers.idToken = sign;
  t.match(
    (await end()).person,
    { sub: 'u-1', name: 'una@example.com', groups: ['engineers'], hasSecondFactor: false },
    'the right one is taken',
  );
  answers.userInfo = { sub: 'somebody else', groups: ['staff'] };
  await t.rejects(end(), { message: /somebody else/ });
});

t.test('what goes to the issuer: PKCE, and the client in the header, form-encoded', async (t) => {
  const { asked, begin, end } = await world();
  const { parameters } = await begin();
  t.match(Object.fromEntries(parameters), {
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: 'https://gw.example/api/v1/oidc/callback',
    scope: 'openid email',
  });
  await end();
  t.equal(Buffer.from(asked[0]?.authorization?.slice('Basic '.length) ?? '', 'base64').toString(), 'sallyport:s%3Acret');
  t.ok((asked[0]?.form.get('code_verifier') ?? '').length >= 43);
  t.equal(asked[0]?.form.has('client_secret'), false);
});

t.test('a key that was changed a moment ago is found; a token signed before is refused', async (t) => {
  const { answers, end, rotate, sign, clock } = await world();
  await end();
  let old = '';
  answers.idToken = async (right) => (old = await sign(right));
  await end();
  await rotate();
  answers.idToken = sign;
  for (let tries = 0; ; tries += 1) {
    try {
      await end();
      break;
    } catch (thrown) {
      if (tries > 50) throw thrown; // keys are asked for at most once a second
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  answers.idToken = async () => old;
  await t.rejects(end(), { message: /signature|nonce/ });
  clock.advance(0);
});

t.test('an issuer that names itself in its answers is not taken without its name', async (t) => {
  const { asked, begin, end, signIns } = await world();
  t.equal((await end()).person.name, 'una@example.com', 'others need not');
  const strict = await world();
  strict.answers.metadata = { authorization_response_iss_parameter_supported: true };
  await t.rejects(strict.end(), { message: /another issuer/ });
  t.equal(strict.asked.length, 0, 'the code goes nowhere');
  const { state, browserSecret } = await strict.begin();
  t.equal((await strict.signIns.end({ state, code: 'a-code', iss: strict.issuer }, browserSecret)).person.name, 'una@example.com');
  const mixed = await begin();
  await t.rejects(signIns.end({ state: mixed.state, code: 'x', iss: strict.issuer }, mixed.browserSecret), { message: /another issuer/ });
  t.equal(asked.length, 1);
});

t.test('a sign-in runs out, and a discovery document for somebody else is refused', async (t) => {
  const { answers, begin, clock, end, signIns } = await world();
  const { state, browserSecret } = await begin();
  clock.advance(oidcSignInTtlMs);
  await t.rejects(signIns.end({ state, code: 'x' }, browserSecret), { message: /run out/ });
  answers.metadata = { issuer: 'https://evil.example' };
  clock.advance(3_600_000);
  await t.rejects(end(), { message: /another issuer/ });
  answers.metadata = { token_endpoint: 'http://169.254.169.254/token' };
  await t.rejects(end(), { message: /not reached over https/ });
});

t.test("an issuer's word for a second factor counts only where the configuration says so", async (t) => {
  const { answers, end, sign } = await world();
  answers.idToken = (right) => sign({ ...right, amr: ['pwd', 'mfa'] });
  t.equal((await end()).person.hasSecondFactor, true);
  answers.idToken = (right) => sign({ ...right, amr: ['pwd', 'sms'] });
  t.equal((await end()).person.hasSecondFactor, false);
});

function without(claims: JWTPayload, name: string): JWTPayload {
  return Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
}
