// Channels from their written form: secrets read, addresses checked, people looked up. What leaves here carries statements and
// links that answer, so nothing goes in clear beyond this machine.

import type { PersonName } from '../core/ids.ts';
import type { Secret } from '../core/secret.ts';
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
import type { ConfigFiles } from './files.ts';
import { isLoopback } from './loopback.ts';
import { checkPerson, checkSigningSecret } from './read-webhooks.ts';
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
  const botToken = secretOf(reading, path, 'bot_token', written.bot_token_env, written.bot_token_file);
  const signingSecret = secretOf(reading, path, 'signing_secret', written.signing_secret_env, written.signing_secret_file);
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
  const password = named ? secretOf(reading, path, 'password', written.password_env, written.password_file) : null;
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
  const url = secretOf(reading, path, 'url', written.url_env, written.url_file);
  if (url === null) return null;
  const at = [...path, written.url_file === undefined ? 'url_env' : 'url_file'];
  checkHttps(reading, at, url.reveal().trim());
  const named = written.security_token_file !== undefined || written.security_token_env !== undefined;
  const securityToken = named ? secretOf(reading, path, 'security_token', written.security_token_env, written.security_token_file) : null;
  // A token of another form would be read as other bytes, and every message be refused.
  if (securityToken !== null && !/^[A-Za-z0-9+/]{43}=$/.test(securityToken.reveal().trim())) {
    const tokenAt = [...path, written.security_token_file === undefined ? 'security_token_env' : 'security_token_file'];
    reading.document.problem(tokenAt, 'is not a security token as Teams shows it: 44 characters of base64 that end with =');
  }
  return { url, securityToken };
}

function readGithub(reading: Reading, written: NonNullable<WrittenChannels['github']>): GithubConfig | null {
  const { files } = reading;
  const path = ['channels', 'github'];
  const webhookSecret = secretOf(reading, path, 'webhook_secret', written.webhook_secret_env, written.webhook_secret_file);
  const privateKey = files.privateKey(written.private_key_file, [...path, 'private_key_file']);
  checkHttps(reading, [...path, 'api_url'], written.api_url);
  const deployments = readDeployments(reading, path, written.deployments);
  if (webhookSecret === null || privateKey === undefined) return null;
  const { app_id: appId, comments } = written;
  return { webhookSecret, appId, privateKey, apiUrl: withoutSlash(written.api_url), comments, deployments };
}

function readGitlab(reading: Reading, written: NonNullable<WrittenChannels['gitlab']>): GitlabConfig | null {
  const path = ['channels', 'gitlab'];
  checkHttps(reading, [...path, 'url'], written.url);
  const token = secretOf(reading, path, 'token', written.token_env, written.token_file);
  const isSigned = written.signing_token_env !== undefined || written.signing_token_file !== undefined;
  const hasToken = written.secret_token_env !== undefined || written.secret_token_file !== undefined;
  if (isSigned && hasToken)
    reading.document.problem(path, 'has a signing token and a secret token: keep the signing token, the other proves less');
  const secret = isSigned
    ? secretOf(reading, path, 'signing_token', written.signing_token_env, written.signing_token_file)
    : secretOf(reading, path, 'secret_token', written.secret_token_env, written.secret_token_file);
  const at = [...path, written.signing_token_env === undefined ? 'signing_token_file' : 'signing_token_env'];
  if (secret !== null && isSigned) checkSigningSecret(reading.document, at, secret);
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
    const secret = secretOf(reading, path, 'secret', value.secret_env, value.secret_file);
    if (secret === null) return [];
    checkSigningSecret(reading.document, [...path, value.secret_env === undefined ? 'secret_file' : 'secret_env'], secret);
    return [{ name: value.name, secret, answersAs: value.answers_as as PersonName }];
  });
}

function secretOf(
  { document, files }: Reading,
  path: ValuePath,
  word: string,
  env: string | undefined,
  file: string | undefined,
): Secret | null {
  if (env === undefined && file === undefined) {
    document.problem([...path, `${word}_file`], `is missing: use ${word}_file or ${word}_env`);
    return null;
  }
  if (env !== undefined && file !== undefined) {
    document.problem([...path, `${word}_env`], `is one too many: use ${word}_env or ${word}_file`);
    return null;
  }
  return (
    (env === undefined ? files.secretFile(file ?? '', [...path, `${word}_file`]) : files.secretVariable(env, [...path, `${word}_env`])) ??
    null
  );
}

/** Never says the address: it may be a secret. */
function checkHttps({ document }: Reading, at: ValuePath, text: string): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    document.problem(at, 'must be a whole address that begins with https://');
  else if (url.protocol === 'http:' && !isLoopback(url.hostname)) document.problem(at, 'must begin with https:// beyond this machine');
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
