// The section `channels`: every example of docs/channels.md loads, and what would be unsafe or could never work does not.

import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';

const text = readFileSync(new URL('../../docs/channels.md', import.meta.url), 'utf8');
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTE=';
const files = {
  policies: {},
  secrets: {
    'slack-bot-token': 'xoxb-1',
    'slack-signing-secret': 'x',
    'smtp-password': 'x',
    'teams-url': 'https://example.com/workflows/1?sig=hidden-signature\n',
    'plain-url': 'http://example.com/workflows/1?sig=hidden-signature',
    'github-app.pem': privateKey.export({ type: 'pkcs1', format: 'pem' }) as string,
    'github-webhook': 'x',
    'gitlab-token': 'x',
    'gitlab-signing-token': `whsec_${secret}`,
    'teams-security-token': 'vqF0En+Z0ucuRTM/01o2GuhMH3hKKk/N2bOmlM31zaA=\n',
    'chat-bot': secret,
    short: 'abc',
  },
};
const people = 'people: [{ name: bob, groups: [dba] }, { name: ci, kind: machine }]\n';
const base = 'data_dir: data\npolicies: { dir: policies }\n';

t.test('the documented examples load', async (t) => {
  const dir = t.testdir(files);
  const examples = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, example]) => example ?? '');
  t.equal(examples.length, 10);
  for (const example of examples) {
    // The password of a target is not what this page is about.
    const listen = example.includes('targets:') ? 'listen: { postgres: { port: 5432 } }\n' : '';
    const whole = listen + example.replace('user: gateway }', 'user: gateway, password_env: PASSWORD }');
    t.doesNotThrow(() => parseConfig(base + whole, `${dir}/sallyport.yaml`, { PASSWORD: 'x' }), example);
    t.ok(parse(example));
  }
});

t.test('what is read', async (t) => {
  const dir = t.testdir(files);
  const load = (more: string) => parseConfig(base + more, `${dir}/sallyport.yaml`, {}).channels;
  t.match(load(people), { slack: null, mail: null, teams: null, push: null, github: null, gitlab: null, inbound: [] });
  t.match(load(`${people}channels: { mail: { host: smtp.example.com, from: a@example.com } }`).mail, {
    ...{ port: 587, tls: 'starttls', signIn: null, linksAnswer: true },
  });
  t.match(load(`${people}channels: { mail: { host: smtp.example.com, tls: implicit, from: a@example.com, links: sign_in } }`).mail, {
    ...{ port: 465, linksAnswer: false },
  });
  const teams = load(`${people}channels: { teams: { url_file: secrets/teams-url } }`);
  t.notMatch(JSON.stringify(teams), /hidden-signature/, 'the address is a secret');
  t.equal(teams.teams?.securityToken, null, 'no commands unless they are wanted');
  const id = '7FAF8AB2-3d56-4244-b585-20c8a42ed2b8';
  const commands = load(
    `people: [{ name: bob, teams: ${id} }]\nchannels: { teams: { url_file: secrets/teams-url, security_token_file: secrets/teams-security-token } }`,
  );
  t.match(commands.contacts, [{ name: 'bob', teams: id.toLowerCase() }]);
  t.match(commands.teams?.securityToken?.reveal(), /^vqF0/);
  t.notMatch(JSON.stringify(commands), /vqF0/);
});

t.test('what does not load, and the words for it', async (t) => {
  const dir = t.testdir(files);
  const slack = 'bot_token_file: secrets/slack-bot-token, signing_secret_file: secrets/slack-signing-secret, channel: C012ABCDEF';
  const mail = 'from: a@example.com';
  const github = 'app_id: "1", private_key_file: secrets/github-app.pem, webhook_secret_file: secrets/github-webhook';
  const table: [string, string, RegExp][] = [
    ['mail in clear to elsewhere', `mail: { host: smtp.example.com, tls: none, ${mail} }`, /starttls or implicit beyond this machine/],
    ['a user without a password', `mail: { host: smtp.example.com, user: x, ${mail} }`, /needs a password/],
    ['a password without a user', `mail: { host: smtp.example.com, password_file: secrets/smtp-password, ${mail} }`, /no user/],
    ['a password in the file', `mail: { host: smtp.example.com, user: x, password: y, ${mail} }`, /password_file/],
    ['people by address of any workspace', `slack: { ${slack}, people_by_email: true }`, /needs team/],
    ['an API in clear', `slack: { ${slack}, api_url: "http://slack.example.com" }`, /https:\/\/ beyond this machine/],
    ['no signing secret', 'slack: { bot_token_file: secrets/slack-bot-token, channel: C012ABCDEF }', /signing_secret_file: is missing/],
    ['a channel by its name', `slack: { ${slack.replace('C012ABCDEF', '"#general"')} }`, /id as Slack shows it/],
    ['a card in clear', 'teams: { url_file: secrets/plain-url }', /https:\/\/ beyond this machine/],
    [
      'a token that Teams did not give',
      'teams: { url_file: secrets/teams-url, security_token_file: secrets/short }',
      /security_token_file: is not a security token as Teams shows it/,
    ],
    [
      'two tokens',
      'teams: { url_file: secrets/teams-url, security_token_file: secrets/teams-security-token, security_token_env: X }',
      /one too many/,
    ],
    ['commands without cards', 'teams: { security_token_file: secrets/teams-security-token }', /url_file: is missing/],
    ['a weak secret', 'inbound: [{ name: bot, secret_file: secrets/short, answers_as: bob }]', /24 to 64 random bytes/],
    ['answers of nobody', 'inbound: [{ name: bot, secret_file: secrets/chat-bot, answers_as: bop }]', /no person with the name "bop".*bob/],
    [
      'two of one name',
      `inbound: [${'{ name: bot, secret_file: secrets/chat-bot, answers_as: bob }, '.repeat(2)}]`,
      /another one with the name/,
    ],
    [
      'a deployment for no target',
      `github: { ${github}, deployments: [{ repository: a/b, environment: e, person: ci, target: orders, for: 1h }] }`,
      /no target with the name "orders"/,
    ],
    ['a push contact that is none', 'push: { contact: bob }', /mailto:/],
    ['a misspelt channel', 'slak: {}', /"slak"|slak:/],
  ];
  for (const [name, written, words] of table) {
    const load = () => parseConfig(`${base}${people}channels: { ${written} }`, `${dir}/sallyport.yaml`, {});
    t.throws(load, { message: words }, name);
    try {
      load();
    } catch (thrown) {
      t.notMatch((thrown as Error).message, /hidden-signature/, `${name}: no secret in the words`);
    }
  }
  const twice = 'people: [{ name: bob, email: b@example.com }, { name: dana, email: B@example.com }]';
  t.throws(() => parseConfig(base + twice, `${dir}/sallyport.yaml`, {}), { message: /is bob's already/ });
  const shared =
    'people: [{ name: bob, teams: 7FAF8AB2-3d56-4244-b585-20c8a42ed2b8 }, { name: dana, teams: 7faf8ab2-3d56-4244-b585-20c8a42ed2b8 }]';
  t.throws(() => parseConfig(base + shared, `${dir}/sallyport.yaml`, {}), { message: /teams: is bob's already/ });
  const byName = 'people: [{ name: bob, teams: bob@example.com }]';
  t.throws(() => parseConfig(base + byName, `${dir}/sallyport.yaml`, {}), { message: /object id of the user in Microsoft Entra/ });
  const named = `${people}webhooks: [{ name: slack, url: "https://a.example.com", secret_file: secrets/chat-bot }]`;
  t.throws(() => parseConfig(base + named, `${dir}/sallyport.yaml`, {}), { message: /name of a channel/ });
});

t.test('secrets that stand in files are followed, and one that comes by a pipe is read once', (t) => {
  const dir = t.testdir({ ...files, pipe: {} });
  const pipe = `${dir}/pipe/secret`;
  execFileSync('mkfifo', [pipe]);
  spawn('sh', ['-c', `echo ${secret} > ${pipe}`], { stdio: 'ignore' }).unref();
  const inbound = ['chat-bot', 'other'].map((name, at) => ({ name, secret_file: at === 0 ? 'secrets/chat-bot' : pipe, answers_as: 'bob' }));
  const config = parseConfig(`${base}${people}channels: { inbound: ${JSON.stringify(inbound)} }\n`, `${dir}/sallyport.yaml`, {});
  t.same(
    config.channels.inbound.map((it) => it.secret.reveal()),
    [secret, secret],
  );
  t.same(
    config.secretFiles.map(({ path }) => path),
    [`${dir}/secrets/chat-bot`],
  );
  t.end();
});
