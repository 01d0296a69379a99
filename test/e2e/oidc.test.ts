// Sign-in by a real OpenID Connect provider, driven as a browser drives it: with cookies and redirects. First what must not get in.

import t from 'tap';
import type { AuditEventView, Me, Page } from '../../src/api/contract.ts';
import { startTestGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startOidcProvider } from '../support/oidc-provider.ts';
import type { TestProvider } from '../support/oidc-provider.ts';

/** A browser's cookies and its habit of following redirects, one at a time. */
class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();

  async get(url: string): Promise<{ status: number; location: string | null; body: string }> {
    const { origin } = new URL(url);
    const jar = this.#cookies.get(origin) ?? new Map<string, string>();
    this.#cookies.set(origin, jar);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: cookie === '' ? {} : { cookie } });
    for (const set of response.headers.getSetCookie()) {
      const [pair = ''] = set.split(';');
      const [name = '', ...value] = pair.split('=');
      if (/expires=Thu, 01 Jan 1970/i.test(set) || value.join('=') === '') jar.delete(name);
      else jar.set(name, value.join('='));
    }
    const location = response.headers.get('location');
    return { status: response.status, location: location === null ? null : new URL(location, url).href, body: await response.text() };
  }

  cookie(origin: string, name: string): string | undefined {
    return this.#cookies.get(origin)?.get(name);
  }

  /** Follows redirects until one begins with `stop`, or none is left; gives that address. */
  async follow(url: string, stop: string): Promise<string> {
    for (let at = url, hops = 0; hops < 12; hops += 1) {
      if (hops > 0 && at.startsWith(stop)) return at;
      const { location, status, body } = await this.get(at);
      if (location === null) throw new Error(`${at} answered ${status}: ${body.slice(0, 300)}`);
      at = location;
    }
    throw new Error('the redirects do not end');
  }
}

const issuerOptions = {
  name: 'corp',
  client_id: 'sallyport',
  scopes: ['profile', 'email', 'groups'],
  groups: { admins: ['dba'], staff: ['engineers'] },
  email_domains: ['example.com'],
  create_people: true,
  client_secret_env: 'OIDC_TEST_SECRET',
};

async function start(t: Tap, more: object = {}): Promise<{ gateway: TestGateway; provider: TestProvider }> {
  let gateway: TestGateway | null = null;
  const provider = await startOidcProvider(t, () => `${gateway?.http ?? ''}/api/v1/oidc/callback`);
  process.env['OIDC_TEST_SECRET'] = provider.clientSecret;
  gateway = await startTestGateway(t, { config: { sign_in: { oidc: [{ ...issuerOptions, issuer: provider.issuer, ...more }] } } });
  return { gateway, provider };
}

type Tap = Parameters<typeof startTestGateway>[0];

const frank = {
  sub: 'u-1',
  claims: { email: 'frank@example.com', email_verified: true, name: 'Frank Fischer', groups: ['staff', 'cleaners'] },
};

const begin = (gateway: TestGateway, to = '/targets') => `${gateway.http}/api/v1/oidc/corp/start?to=${encodeURIComponent(to)}`;
const callback = (gateway: TestGateway) => `${gateway.http}/api/v1/oidc/callback`;

async function whoIs(gateway: TestGateway, browser: Browser): Promise<Me | null> {
  const cookie = browser.cookie(gateway.http, 'sallyport');
  if (cookie === undefined) return null;
  const response = await fetch(`${gateway.http}/api/v1/me`, { headers: { cookie: `sallyport=${cookie}` } });
  return response.ok ? ((await response.json()) as Me) : null;
}

const problemOf = (gateway: TestGateway, browser: Browser) => decodeURIComponent(browser.cookie(gateway.http, 'sallyport-problem') ?? '');

t.test('sign-in by a real provider', async (t) => {
  const { gateway, provider } = await start(t);
  provider.account = frank;

  await t.test('an answer with a state that nobody gave out, or that is used, or from another browser, signs nobody in', async (t) => {
    const browser = new Browser();
    t.equal(await browser.follow(`${callback(gateway)}?code=x&state=made-up`, `${gateway.http}/login`), `${gateway.http}/login`);
    t.match(problemOf(gateway, browser), /used already or has run out/);
    const answer = await browser.follow(begin(gateway), callback(gateway));
    const thief = new Browser();
    await thief.get(answer);
    t.match(problemOf(gateway, thief), /another browser/);
    t.equal(await whoIs(gateway, thief), null);
    const forged = new URL(answer);
    forged.searchParams.set('iss', 'https://evil.example');
    await browser.get(forged.href);
    t.match(problemOf(gateway, browser), /another issuer/);
    await browser.get(answer);
    t.match(problemOf(gateway, browser), /used already/, 'the mix-up used it up');
    t.equal(await whoIs(gateway, browser), null);
  });

  await t.test('a wrong code and a refusal by the provider are told', async (t) => {
    const browser = new Browser();
    const answer = new URL(await browser.follow(begin(gateway), callback(gateway)));
    answer.searchParams.set('code', 'forged');
    await browser.get(answer.href);
    t.match(problemOf(gateway, browser), /invalid_grant/);
    const again = new URL(await browser.follow(begin(gateway), callback(gateway)));
    again.searchParams.delete('code');
    again.searchParams.set('error', 'access_denied');
    await browser.get(again.href);
    t.match(problemOf(gateway, browser), /refused: access_denied/);
  });

  await t.test('who comes in has the mapped groups, and goes on to where they wanted', async (t) => {
    const browser = new Browser();
    const answer = await browser.follow(begin(gateway), callback(gateway));
    const { location } = await browser.get(answer);
    t.equal(location, `${gateway.http}/targets`);
    t.match(await whoIs(gateway, browser), { name: 'frank@example.com', display_name: 'Frank Fischer', groups: ['engineers'] });
    await browser.get(answer);
    t.match(problemOf(gateway, browser), /used already/, 'an answer is good once');
  });

  await t.test('a way back that leaves the console is not taken', async (t) => {
    for (const to of ['//evil.example', 'https://evil.example', '/\\evil.example']) {
      const browser = new Browser();
      const { location } = await browser.get(await browser.follow(begin(gateway, to), callback(gateway)));
      t.equal(location, `${gateway.http}/`, to);
    }
  });

  await t.test('groups follow the provider at the next sign-in', async (t) => {
    provider.account = { sub: 'u-1', claims: { ...frank.claims, groups: ['admins'] } };
    const browser = new Browser();
    await browser.get(await browser.follow(begin(gateway), callback(gateway)));
    t.same((await whoIs(gateway, browser))?.groups, ['dba']);
  });

  await t.test('an issuer that sends no groups at all, though some are mapped, is told to the operator', async (t) => {
    const { groups: _, ...claims } = frank.claims;
    const told = () => gateway.log.filter(({ message }) => /sent no claim "groups"/.test(message));
    t.equal(told().length, 0);
    provider.account = { sub: 'u-1', claims };
    const browser = new Browser();
    await browser.get(await browser.follow(begin(gateway), callback(gateway)));
    t.same((await whoIs(gateway, browser))?.groups, []);
    t.match(told(), [{ level: 'warn', fields: { issuer: 'corp', person: 'frank@example.com' } }]);
  });

  await t.test('another account with the same name does not become the person', async (t) => {
    provider.account = { sub: 'u-2', claims: frank.claims };
    const browser = new Browser();
    await browser.get(await browser.follow(begin(gateway), callback(gateway)));
    t.match(problemOf(gateway, browser), /belongs to another account/);
    t.equal(await whoIs(gateway, browser), null);
  });

  await t.test('another domain, an unverified address and a disabled person stay out', async (t) => {
    const refused = async (account: TestProvider['account']) => {
      provider.account = account;
      const browser = new Browser();
      await browser.get(await browser.follow(begin(gateway), callback(gateway)));
      t.equal(await whoIs(gateway, browser), null);
      return problemOf(gateway, browser);
    };
    t.match(
      await refused({ sub: 'u-3', claims: { email: 'eve@evil.example', email_verified: true } }),
      /only verified addresses of example.com/,
    );
    t.match(await refused({ sub: 'u-3', claims: { email: 'eve@example.com', email_verified: false } }), /only verified addresses/);
    t.match(await refused({ sub: 'u-3', claims: { email_verified: true } }), /only verified addresses/);
    gateway.running.identity.setDisabled('frank@example.com', true, 'erin');
    t.match(await refused({ sub: 'u-1', claims: frank.claims }), /disabled/);
    const { body } = await gateway.api('carol').get<Page<AuditEventView>>('/audit?type=sign-in.failed');
    t.ok(
      body.items.some(({ detail }) => /only verified addresses/.test(String(detail['why']))),
      'and it is in the audit log',
    );
  });

  await t.test('signing out leads to the provider too', async (t) => {
    gateway.running.identity.setDisabled('frank@example.com', false, 'erin');
    provider.account = frank;
    const browser = new Browser();
    await browser.get(await browser.follow(begin(gateway), callback(gateway)));
    const response = await fetch(`${gateway.http}/api/v1/oidc/sign-out`, {
      method: 'POST',
      headers: {
        cookie: `sallyport=${browser.cookie(gateway.http, 'sallyport') ?? ''}`,
        origin: gateway.http,
        'content-type': 'application/json',
      },
      body: '{}',
    });
    const { url } = (await response.json()) as { url: string };
    t.match(url, new RegExp(`^${provider.issuer}/session/end\\?id_token_hint=`));
    t.equal(await whoIs(gateway, browser), null, 'and this console is left at once');
    t.equal((await browser.get(url)).status, 200, 'the provider knows the address');
  });
});

t.test('without create_people only people in the configuration come in, and required claims hold', async (t) => {
  const people = [
    { name: 'frank@example.com', groups: ['auditors'] },
    { name: 'bob', groups: ['dba'] },
    { name: 'erin', groups: ['operators'] },
  ];
  let gateway: TestGateway | null = null;
  const provider = await startOidcProvider(t, () => `${gateway?.http ?? ''}/api/v1/oidc/callback`);
  process.env['OIDC_TEST_SECRET'] = provider.clientSecret;
  const issuer = { ...issuerOptions, issuer: provider.issuer, create_people: false, required_claims: { groups: ['staff'] } };
  gateway = await startTestGateway(t, { people, config: { sign_in: { oidc: [issuer] } } });
  const signIn = async (account: TestProvider['account']) => {
    provider.account = account;
    const browser = new Browser();
    await browser.get(await browser.follow(begin(gateway as TestGateway), callback(gateway as TestGateway)));
    return { me: await whoIs(gateway as TestGateway, browser), problem: problemOf(gateway as TestGateway, browser) };
  };
  const nobody = await signIn({ sub: 'u-9', claims: { email: 'nobody@example.com', email_verified: true, groups: ['staff'] } });
  t.match(nobody.problem, /no account here/);
  const wrongGroup = await signIn({ sub: 'u-1', claims: { ...frank.claims, groups: ['cleaners'] } });
  t.match(wrongGroup.problem, /did not say that your "groups" is staff/);
  const good = await signIn(frank);
  t.same([...(good.me?.groups ?? [])].sort(), ['auditors', 'engineers'], 'the groups of the file and of the provider');
  const unlink = () => (gateway as TestGateway).api('erin').post('/people/frank@example.com/unlink', {});
  t.equal((await unlink()).status, 204, 'the operator forgets which account it was');
  t.equal((await unlink()).status, 404, 'once');
});
