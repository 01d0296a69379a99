// Reads sallyport.yaml into a Config, or throws one Fault that lists everything that is wrong with it, each with file,
// line, column and what to do.

import { readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { busyPollUsDefault } from '../core/busy-poll.ts';
import { Fault } from '../core/errors.ts';
import type { PersonName } from '../core/ids.ts';
import { checkListen, checkNames, checkPublicUrl, checkRights } from './checks.ts';
import type { Config, Limits, PersonConfig } from './config.ts';
import { ConfigDocument, formatProblem } from './document.ts';
import { ConfigFiles, fileWords } from './files.ts';
import type { Environment } from './files.ts';
import { defaultAgents, defaultLimits } from './limits.ts';
import { readChannels } from './read-channels.ts';
import { readCredentials } from './read-credentials.ts';
import { readOnCall } from './read-on-call.ts';
import { readTargets } from './read-targets.ts';
import { readTls } from './read-tls.ts';
import { readSignIn } from './read-sign-in.ts';
import { readPolicies } from './read-policies.ts';
import { readWebhooks } from './read-webhooks.ts';
import { validate } from './validate.ts';
import type { Parts } from './validate.ts';

/** Ten thousand targets fit; anything larger is the wrong file. */
const configBytesMax = 8 * 1024 ** 2;

/** Loads, checks and completes a configuration file. Throws Fault config-invalid with one line for each problem. */
export function loadConfig(path: string, environment: Environment = process.env): Config {
  return parseConfig(readConfigFile(path), path, environment);
}

/** The same for a text that stands for the file `path`. */
export function parseConfig(text: string, path: string, environment: Environment = process.env): Config {
  const document = new ConfigDocument(text);
  if (document.problems.length > 0) throw invalid(path, document);
  const file = resolve(path);
  const files = new ConfigFiles(document, file, environment);
  const parts = validate(document);
  const config = complete(document, files, parts, file, environment);
  if (config === undefined || document.problems.length > 0) throw invalid(path, document);
  return config;
}

/** Undefined only when a section without a default had problems. */
function complete(document: ConfigDocument, files: ConfigFiles, parts: Parts, file: string, environment: Environment): Config | undefined {
  checkNames(document, parts);
  checkRights(document, parts);
  checkListen(document, parts);
  const publicUrl = checkPublicUrl(document, parts);
  const tls = readTls(document, files, parts);
  const targets = readTargets(document, files, parts);
  const onCall = readOnCall(document, files, parts);
  const signIn = readSignIn(document, files, parts);
  const webhooks = readWebhooks(document, files, parts);
  const channels = readChannels(document, files, parts);
  const credentials = readCredentials(document, files, parts, environment);
  const policies = readPolicies(document, files, parts);
  const { data_dir: dataDir, listen, rights, audit, agents, limits, log, allow_plaintext: allowPlaintext } = parts;
  if (!dataDir || !listen || !rights || !policies || !audit || !agents || !limits || !log || allowPlaintext === undefined) return undefined;
  if (credentials === undefined || parts.relay_threads === undefined) return undefined;
  return {
    file,
    dataDir: files.absolute(dataDir),
    publicUrl,
    listen: {
      http: { host: listen.http.host, port: listen.http.port, behindProxy: listen.http.behind_proxy },
      postgres: listen.postgres ?? null,
      mysql: listen.mysql === undefined ? null : { host: listen.mysql.host, port: listen.mysql.port },
      ssh: listen.ssh ?? null,
      metrics: listen.metrics,
    },
    tls,
    makesCertificate: tls === null && listen.mysql !== undefined && listen.mysql.own_certificate !== false,
    allowPlaintext,
    relayThreads: parts.relay_threads === 'auto' ? relayThreadsOf(availableParallelism()) : parts.relay_threads,
    busyPollUs: parts.busy_poll_us ?? busyPollUsDefault,
    people: parts.people.map(({ value }) => person(value)),
    rights,
    onCall,
    signIn,
    targets,
    ssh: {
      userAuthorities: parts.ssh?.user_authorities ?? [],
      revokedKeysFile: parts.ssh?.revoked_keys === undefined ? null : files.absolute(parts.ssh.revoked_keys),
      idleTimeoutMs: parts.ssh?.idle_timeout ?? null,
      sessionTimeoutMs: parts.ssh?.session_timeout ?? null,
      rekeyAfterBytes: parts.ssh?.rekey_after ?? null,
    },
    policies,
    audit,
    webhooks,
    channels,
    agents: {
      credentialLifetimeMs: agents.credential_lifetime ?? defaultAgents.credentialLifetimeMs,
      linksMax: agents.links ?? defaultAgents.linksMax,
    },
    credentials,
    limits: withDefaults(limits),
    log,
    secretFiles: files.followed,
    warnings: files.warnings,
  };
}

/** With few processors clients, targets and the main thread need them all; beyond eight threads the log they share is what limits. */
export function relayThreadsOf(processors: number): number {
  return processors < 4 ? 0 : Math.min(processors - 2, 8);
}

function person(value: Parts['people'][number]['value']): PersonConfig {
  return {
    name: value.name as PersonName,
    displayName: value.display_name ?? value.name,
    kind: value.kind,
    groups: [...new Set(value.groups)],
    disabled: value.disabled,
    sshKeys: value.ssh_keys,
  };
}

function withDefaults(limits: NonNullable<Parts['limits']>): Limits {
  return {
    connections: limits.connections ?? defaultLimits.connections,
    connectionsPerAddress: limits.connections_per_address ?? defaultLimits.connectionsPerAddress,
    handshakeTimeoutMs: limits.handshake_timeout ?? defaultLimits.handshakeTimeoutMs,
    statementBytes: limits.statement_bytes ?? defaultLimits.statementBytes,
    heldBytes: limits.held_bytes ?? defaultLimits.heldBytes,
    readingBytes: limits.reading_bytes ?? defaultLimits.readingBytes,
    readingBytesPerPerson: limits.reading_bytes_per_person ?? defaultLimits.readingBytesPerPerson,
    dialTimeoutMs: limits.dial_timeout ?? defaultLimits.dialTimeoutMs,
    holds: limits.holds ?? defaultLimits.holds,
    holdsPerPerson: limits.holds_per_person ?? defaultLimits.holdsPerPerson,
    holdsBytes: limits.holds_bytes ?? defaultLimits.holdsBytes,
    holdsBytesPerPerson: limits.holds_bytes_per_person ?? defaultLimits.holdsBytesPerPerson,
    tokenLifetimeMs: limits.token_lifetime ?? defaultLimits.tokenLifetimeMs,
    webhookTimeoutMs: limits.webhook_timeout ?? defaultLimits.webhookTimeoutMs,
    webhookQueue: limits.webhook_queue ?? defaultLimits.webhookQueue,
  };
}

function readConfigFile(path: string): string {
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw new Error('it is a folder');
    if (stat.size > configBytesMax) throw new Error(`it is larger than ${configBytesMax} bytes`);
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw new Fault('config-invalid', `${path}: can't read the configuration: ${fileWords(thrown)}`);
  }
}

function invalid(path: string, document: ConfigDocument): Fault {
  return new Fault('config-invalid', document.problems.map((problem) => formatProblem(path, problem)).join('\n'), {
    hint: 'every key is described in docs/configuration.md',
  });
}
