// Secrets with known values are planted, everybody is busy, things go wrong on purpose; then everything that the gateway wrote,
// answered or printed is searched for them.

import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { LoginLinkIssued, Page, SessionView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { targetOf } from '../support/gateway.ts';
import { sallyport, startGatewayProcess } from '../support/gateway-process.ts';
import { startPostgres } from '../support/postgres.ts';
import { run, start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';

/** For the whole file, on a slow and busy machine; it takes a fraction. */
const fileMsMax = 180_000;

const webhookSecret = 'cGxhbnRlZC13ZWJob29rLXNlY3JldC1vZi10aGUtdGVzdCE=';
const wrongPassword = 'planted-wrong-target-password';
const typedPassword = 'planted-wrong-client-password';

t.setTimeout(fileMsMax);

t.test('no secret is in a log, recording, answer or message', { timeout: fileMsMax }, async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments AS SELECT n AS id FROM generate_series(1, 10) AS n');
  const receiver = await startWebhookReceiver(t, webhookSecret);
  const orders = targetOf(server, 'orders', { env: 'production' });
  const gateway = await startGatewayProcess(t, {
    targets: [orders, { ...orders, name: 'broken', password: wrongPassword }, { ...orders, name: 'away', port: 1 }],
    env: { HOOK_SECRET: webhookSecret },
    config: { log: { level: 'debug' }, webhooks: [{ name: 'chat', url: receiver.url, secret_env: 'HOOK_SECRET' }] },
  });
  const printed: string[] = [];
  const psql = tool('psql', 'postgresql-client');
  const say = async (url: string, text: string) => {
    const { stdout, stderr } = await run(t, psql, [url, '-Atc', text]);
    printed.push(stdout, stderr);
    return stdout + stderr;
  };
  const url = (target: string) => gateway.url('alice', target);

  t.match(await say(url('orders'), 'SELECT count(*) FROM payments'), '10');
  await say(url('orders'), 'SELECT * FROM missing; SELEC 1');
  t.match(await say(url('broken'), 'SELECT 1'), /could not|password|sign/i, 'a target that refuses the gateway');
  t.match(await say(url('away'), 'SELECT 1'), /could not|refused|reach/i, 'a target that is not there');
  const wrong = url('orders').replace(gateway.token('alice'), typedPassword);
  t.match(await say(wrong, 'SELECT 1'), /password authentication failed/);

  receiver.answers(500);
  const held = start(t, psql, [url('orders'), '-c', 'DELETE FROM payments']);
  const hold = await gateway.api('bob').pendingHold();
  await eventually('the webhook was tried again', () => receiver.received.length >= 2, 20_000);
  const links = [...(receiver.received[0]?.body.matchAll(/\/decide\/([\w.-]+)/g) ?? [])].map(([, token]) => token ?? '');
  t.equal(links.length, 2);
  t.equal((await gateway.api('bob').post(`/holds/${hold.id}/approve`, { reason: 'fine' })).status, 200);
  const { stdout, stderr } = await held.end();
  printed.push(stdout, stderr);

  const { body: link } = await gateway.api('erin').post<LoginLinkIssued>('/login-links', { person: 'bob' });
  const loginSecret = link.url.split('#')[1] ?? '';
  const login = await fetch(`${gateway.http}/api/v1/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: gateway.http },
    body: JSON.stringify({ secret: loginSecret }),
  });
  const cookie = (login.headers.getSetCookie()[0] ?? '').split(';')[0]?.split('=')[1] ?? '';
  const { body: unused } = await gateway.api('erin').post<LoginLinkIssued>('/login-links', { person: 'dana' });
  // Secrets in paths that are wrong, so that errors would carry them.
  for (const path of [`/decisions/${links[0]}x`, `/sign-ins/${loginSecret}`, `/holds/${hold.id}?token=${gateway.token('bob')}`]) {
    await fetch(`${gateway.http}/api/v1${path}`, { headers: { authorization: `Bearer ${gateway.token('bob')}` } });
  }
  const terminal = start(t, psql, [url('orders').replace(`alice:${gateway.token('alice')}`, 'alice%2Bbrowser')]);
  const signIn = (await terminal.waitFor(/\/sign-in\/(\w+)/))[1] ?? '';
  await terminal.stop();
  const cli = (...args: string[]) =>
    run(t, process.execPath, [sallyport, ...args], { env: { SALLYPORT_SERVER: gateway.http, SALLYPORT_TOKEN: gateway.token('carol') } });
  for (const args of [['audit'], ['sessions'], ['holds', '--state', 'all'], ['audit', '--json'], ['targets']]) {
    const ended = await cli(...args);
    printed.push(ended.stdout, ended.stderr);
  }
  const answers = await everyAnswer(gateway.http, gateway.token('carol'), gateway.token('erin'));
  t.equal(await gateway.stop(), 0);

  const secrets = new Map(
    Object.entries({
      'target password': server.password,
      'wrong target password': wrongPassword,
      'typed password': typedPassword,
      'webhook secret': webhookSecret,
      'login link': loginSecret,
      'unused login link': unused.url.split('#')[1] ?? '',
      cookie,
      'sign-in link': signIn,
      ...Object.fromEntries(['alice', 'bob', 'carol', 'erin'].map((person) => [`token of ${person}`, gateway.token(person)])),
    }),
  );
  const decisionLinks = new Map(links.map((token, index) => [`decision link ${index}`, token]));
  for (const [name, secret] of [...secrets, ...decisionLinks]) t.ok(secret.length > 10, `${name} is known to the test`);

  const files = filesIn(gateway.dataDir).filter((path) => !path.endsWith('/login-link'));
  t.ok(files.some((path) => path.endsWith('sallyport.db')) && files.some((path) => path.includes('/recordings/')));
  for (const path of files) {
    const text = readFileSync(path, 'latin1');
    t.same(foundIn(text, secrets), [], path.slice(gateway.dataDir.length));
    // A delivery that waits has its links in the store; nothing else has them.
    if (!path.includes('sallyport.db')) t.same(foundIn(text, decisionLinks), [], path.slice(gateway.dataDir.length));
    t.equal(statSync(path).mode & 0o077, 0, `${path.slice(gateway.dataDir.length)} is its owner's only`);
  }
  const every = new Map([...secrets, ...decisionLinks]);
  t.same(foundIn(gateway.output(), every), [], 'the log at level debug');
  t.match(gateway.output(), /could not be reached|turned away/, 'which does say what went wrong');
  t.same(foundIn(printed.join('\n'), every), [], 'what clients printed');
  t.same(foundIn(answers.join('\n'), every), [], 'what the API answered');
  // The search itself finds what is there.
  writeFileSync(join(gateway.dataDir, 'planted'), `x${Buffer.from(server.password).toString('base64')}x`);
  t.same(foundIn(readFileSync(join(gateway.dataDir, 'planted'), 'latin1'), every), ['target password as base64']);
});

/** Every list and document that auditors and operators can read. */
async function everyAnswer(http: string, ...tokens: string[]): Promise<string[]> {
  const answers: string[] = [];
  for (const token of tokens) {
    const get = async (path: string) => {
      const text = await (await fetch(`${http}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })).text();
      answers.push(text);
      return text;
    };
    const { items } = JSON.parse(await get('/sessions?limit=200')) as Page<SessionView>;
    for (const { id } of items) await get(`/sessions/${id}/recording`);
    for (const path of ['/holds', '/audit?limit=200', '/targets', '/policies', '/people', '/tokens', '/webhooks/deliveries', '/me'])
      await get(path);
  }
  return answers;
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Names of the secrets that the text has, in the spellings that programs give them. */
function foundIn(text: string, secrets: ReadonlyMap<string, string>): string[] {
  return [...secrets].flatMap(([name, secret]) => {
    const spellings = {
      'it is': secret,
      base64: Buffer.from(secret).toString('base64').replaceAll('=', ''),
      hex: Buffer.from(secret).toString('hex'),
      'a URL part': encodeURIComponent(secret),
    };
    const found = Object.entries(spellings).find(([, spelling]) => text.includes(spelling));
    return found === undefined ? [] : [`${name} as ${found[0]}`];
  });
}
