// Channels from their written form: secrets read, addresses checked, people looked up. What leaves here carries statements and
// links that answer, so nothing goes in clear beyond this machine.

import type { PersonName } from '../core/ids.ts';
import type {
  ChannelsConfig,
  DeploymentConfig,
  GithubConfig,
  GitlabConfig,
  InboundConfig,
  MailConfig,
  SlackConfig,
} from './channels-config.ts';
import type { WrittenChannels } from './channels-schema.ts';
import type { ConfigDocument, ValuePath } from './document.ts';
import { pemProblem } from './files.ts';
import type { ConfigFiles } from './files.ts';
import { isLoopback } from '../core/loopback.ts';
import { readNeededSecret, readFollowedSecret } from './read-secret.ts';
import { checkPerson, signingSecretProblem } from './read-webhooks.ts';
import { didYouMean } from './validate.ts';
import type { Parts } from './validate.ts';

/** Names under which deliveries of channels are listed. */
const channelNames = ['slack', 'mail', 'teams', 'push', 'github', 'github-comments', 'gitlab', 'gitlab-comments'];

/** What every reader here needs. */
interface Reading {
  readonly document: ConfigDocument;
  readonly files: ConfigFiles;
  readonly parts: Parts;
}

export function readChannels(document: ConfigDocument, files: ConfigFiles, parts: Parts): ChannelsConfig {
  const reading: Reading = { document, files, parts };
  const written: WrittenChannels = parts.channels ?? { inbound: [] };
  for (const { path, value } of parts.webhooks) {
    if (channelNames.includes(value.name))
      document.problem([...path, 'name'], 'is the name of a channel: deliveries could not be told apart');
  }
  checkContacts(reading);
  return {
    contacts: parts.people.map(({ value }) => ({
      name: value.name as PersonName,
      email: value.email ?? null,
      slack: value.slack ?? null,
      teams: value.teams?.toLowerCase() ?? null,
      github: value.github ?? null,
      gitlab: value.gitlab ?? null,
    })),
    slack: written.slack === undefined ? null : readSlack(reading, written.slack),
    mail: written.mail === undefined ? null : readMail(reading, written.mail),
    teams: written.teams === undefined ? null : readTeams(reading, written.teams),
    push: written.push === undefined ? null : { contact: written.push.contact, services: written.push.services ?? null },
    github: written.github === undefined ? null : readGithub(reading, written.github),
    gitlab: written.gitlab === undefined ? null : readGitlab(reading, written.gitlab),
    inbound: readInbound(reading, written.inbound),
  };
}

/** Two people with one address would answer for each other. */
function checkContacts({ document, parts }: Reading): void {
  for (const key of ['email', 'slack', 'teams', 'github', 'gitlab'] as const) {
    const seen = new Map<string, string>();
    for (const { path, value } of parts.people) {
      if (value[key] === undefined) continue;
      const contact = String(value[key]).toLowerCase();
      const other = seen.get(contact);
      if (other !== undefined) document.problem([...path, key], `is ${other}'s already: one address, one person`);
      seen.set(contact, value.name);
    }
  }
}

function readSlack(reading: Reading, written: NonNullable<WrittenChannels['slack']>): SlackConfig | null {
  const path = ['channels', 'slack'];
  const botToken = readNeededSecret(reading, path, 'bot_token', { env: written.bot_token_env, file: written.bot_token_file });
  const signing = { env: written.signing_secret_env, file: written.signing_secret_file };
  const signingSecret = readNeededSecret(reading, path, 'signing_secret', signing);
  checkHttps(reading, [...path, 'api_url'], written.api_url);
  if (written.people_by_email && written.team === undefined) {
    reading.document.problem(
      [...path, 'people_by_email'],
      'needs team: in a channel shared with another workspace, its owner decides which addresses its people have',
    );
  }
  if (botToken === null || signingSecret === null) return null;
  const { channel, team = null, people_by_email: peopleByEmail } = written;
  return { botToken, signingSecret, channel, team, peopleByEmail, apiUrl: withoutSlash(written.api_url) };
}

function readMail(reading: Reading, written: NonNullable<WrittenChannels['mail']>): MailConfig {
  const { document, files } = reading;
  const path = ['channels', 'mail'];
  const { tls, host, user } = written;
  if (tls === 'none' && !isLoopback(host)) {
    document.problem([...path, 'tls'], 'mail carries statements and links that answer: use starttls or implicit beyond this machine');
  }
  const named = written.password_file !== undefined || written.password_env !== undefined;
  const password = readFollowedSecret(reading, path, 'password', { env: written.password_env, file: written.password_file });
  if (user !== undefined && !named) document.problem([...path, 'user'], 'needs a password: use password_file or password_env');
  if (user === undefined && named) document.problem(path, 'has a password and no user');
  return {
    host,
    port: written.port ?? (tls === 'implicit' ? 465 : 587),
    tls,
    ca: written.ca === undefined ? null : files.authorities(written.ca, [...path, 'ca']),
    signIn: user === undefined || password === null ? null : { user, password },
    from: written.from,
    linksAnswer: written.links === 'answer',
  };
}

function readTeams(reading: Reading, written: NonNullable<WrittenChannels['teams']>): ChannelsConfig['teams'] {
  const path = ['channels', 'teams'];
  const url = readNeededSecret(reading, path, 'url', { env: written.url_env, file: written.url_file }, httpsProblem);
  if (url === null) return null;
  const named = { env: written.security_token_env, file: written.security_token_file };
  return { url, securityToken: readFollowedSecret(reading, path, 'security_token', named, securityTokenProblem) };
}

function readGithub(reading: Reading, written: NonNullable<WrittenChannels['github']>): GithubConfig | null {
  const { files } = reading;
  const path = ['channels', 'github'];
  const webhookSecret = readNeededSecret(reading, path, 'webhook_secret', {
    env: written.webhook_secret_env,
    file: written.webhook_secret_file,
  });
  const privateKey = files.privateKey(written.private_key_file, [...path, 'private_key_file']);
  if (privateKey !== undefined) files.follow(privateKey, written.private_key_file, (text) => pemProblem(text, 'PRIVATE KEY'));
  checkHttps(reading, [...path, 'api_url'], written.api_url);
  const deployments = readDeployments(reading, path, written.deployments);
  if (webhookSecret === null || privateKey === undefined) return null;
  const { app_id: appId, comments } = written;
  return { webhookSecret, appId, privateKey, apiUrl: withoutSlash(written.api_url), comments, deployments };
}

function readGitlab(reading: Reading, written: NonNullable<WrittenChannels['gitlab']>): GitlabConfig | null {
  const path = ['channels', 'gitlab'];
  checkHttps(reading, [...path, 'url'], written.url);
  const token = readNeededSecret(reading, path, 'token', { env: written.token_env, file: written.token_file });
  const isSigned = written.signing_token_env !== undefined || written.signing_token_file !== undefined;
  const hasToken = written.secret_token_env !== undefined || written.secret_token_file !== undefined;
  if (isSigned && hasToken)
    reading.document.problem(path, 'has a signing token and a secret token: keep the signing token, the other proves less');
  const signing = { env: written.signing_token_env, file: written.signing_token_file };
  const secret = isSigned
    ? readNeededSecret(reading, path, 'signing_token', signing, signingSecretProblem)
    : readNeededSecret(reading, path, 'secret_token', { env: written.secret_token_env, file: written.secret_token_file });
  const named = written.deployments.map(({ project, ...it }) => ({ ...it, repository: project }));
  const deployments = readDeployments(reading, path, named);
  if (token === null || secret === null) return null;
  const proof = { kind: isSigned ? ('signed' as const) : ('token' as const), secret };
  return { url: withoutSlash(written.url), token, proof, comments: written.comments, deployments };
}

interface WrittenDeployment {
  readonly repository: string;
  readonly environment: string;
  readonly person: string;
  readonly target: string;
  readonly for: number;
  readonly read_only: boolean;
}

function readDeployments({ document, parts }: Reading, path: ValuePath, written: readonly WrittenDeployment[]): DeploymentConfig[] {
  const machines = parts.sign_in?.machines.map(({ name }) => name) ?? [];
  const targets = parts.targets.map(({ value }) => value.name);
  return written.map(({ repository, environment, person, target, for: durationMs, read_only: readOnly }, index) => {
    const at = [...path, 'deployments', index];
    checkPerson(document, [...at, 'person'], person, parts, machines);
    if (!targets.includes(target) && !document.hasProblemIn('targets')) {
      document.problem([...at, 'target'], `there is no target with the name "${target}"${didYouMean(target, targets)}`);
    }
    return { repository, environment, person: person as PersonName, target, durationMs, readOnly };
  });
}

function readInbound(reading: Reading, written: WrittenChannels['inbound']): InboundConfig[] {
  const seen = new Set<string>();
  return written.flatMap((value, index) => {
    const path = ['channels', 'inbound', index];
    if (seen.has(value.name.toLowerCase()))
      reading.document.problem([...path, 'name'], `there is another one with the name "${value.name}"`);
    seen.add(value.name.toLowerCase());
    checkPerson(reading.document, [...path, 'answers_as'], value.answers_as, reading.parts);
    const named = { env: value.secret_env, file: value.secret_file };
    const secret = readNeededSecret(reading, path, 'secret', named, signingSecretProblem);
    if (secret === null) return [];
    return [{ name: value.name, secret, answersAs: value.answers_as as PersonName }];
  });
}

/** Never says the address: it may be a secret. */
function httpsProblem(text: string): string | null {
  const url = URL.parse(text.trim());
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'must be a whole address that begins with https://';
  return url.protocol === 'http:' && !isLoopback(url.hostname) ? 'must begin with https:// beyond this machine' : null;
}

function checkHttps({ document }: Reading, at: ValuePath, text: string): void {
  const problem = httpsProblem(text);
  if (problem !== null) document.problem(at, problem);
}

/** A token of another form would be read as other bytes, and every message be refused. */
function securityTokenProblem(token: string): string | null {
  if (/^[A-Za-z0-9+/]{43}=$/.test(token.trim())) return null;
  return 'is not a security token as Teams shows it: 44 characters of base64 that end with =';
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
