// Targets and webhooks from their written form: defaults by protocol, credentials wrapped, TLS settings that contradict
// each other refused.

import type { TargetName } from '../core/ids.ts';
import type { AgentSelector, Protocol, Target, TargetSsh, TargetTls, TlsMode } from '../core/target.ts';
import { checkPair } from './read-tls.ts';
import type { ConfigDocument, ValuePath } from './document.ts';
import type { ConfigFiles } from './files.ts';
import { isLoopback } from '../core/loopback.ts';
import { readCredentialSource } from './read-credentials.ts';
import { readSecret } from './read-secret.ts';
import type { Entry, Parts } from './validate.ts';

type Written = Parts['targets'][number]['value'];

/** A sign-in takes seconds; clocks differ by more. */
const certificateLifetimeMs = 5 * 60_000;
const defaultPort: Readonly<Record<Protocol, number>> = { postgres: 5432, mysql: 3306, ssh: 22 };

export function readTargets(document: ConfigDocument, files: ConfigFiles, parts: Parts): Target[] {
  return parts.targets.map((entry) => readTarget(document, files, entry));
}

function readTarget(document: ConfigDocument, files: ConfigFiles, { path, value }: Entry<Written>): Target {
  if (value.host.includes('/') && !value.host.startsWith('/')) {
    document.problem([...path, 'host'], 'must be a host name, an address, or the folder of a Unix socket (an absolute path)');
  }
  if (value.protocol === 'ssh' && value.database !== undefined) {
    document.problem([...path, 'database'], 'ssh has no databases');
  }
  if (value.protocol !== 'mysql' && value.server_version !== undefined) {
    document.problem([...path, 'server_version'], `is for MySQL targets, and this one speaks ${value.protocol}`);
  }
  return {
    name: value.name as TargetName,
    protocol: value.protocol,
    labels: value.labels,
    host: value.host,
    port: value.port ?? defaultPort[value.protocol],
    user: value.user,
    // Not followed: its file is looked at for every sign-in.
    password: readSecret({ document, files }, path, 'password', { env: value.password_env, file: value.password_file }),
    database: value.database ?? null,
    ...(value.roles === undefined ? {} : { roles: value.roles }),
    ...(value.server_version === undefined ? {} : { serverVersion: value.server_version }),
    tls: readTargetTls(document, files, path, value),
    ...readTargetSsh(document, files, path, value),
    agent: readAgent(document, path, value),
    credential: readCredentialSource(document, files, path, value),
  };
}

function readAgent(document: ConfigDocument, path: ValuePath, { agent, host }: Written): AgentSelector | null {
  if (agent === undefined) return null;
  if (host.startsWith('/')) document.problem([...path, 'agent'], 'agents reach hosts and ports, not Unix sockets');
  if (typeof agent === 'string') return { kind: 'name', name: agent };
  if (Object.keys(agent).length === 0)
    document.problem([...path, 'agent'], 'names no labels: any agent would do; write its name, or labels');
  return { kind: 'labels', labels: agent };
}

/** The host key is pinned, never learnt: whoever answered first would be believed for ever. */
function readTargetSsh(document: ConfigDocument, files: ConfigFiles, path: ValuePath, value: Written): { ssh?: TargetSsh } {
  if (value.protocol === 'ssh' && value.roles !== undefined)
    document.problem([...path, 'roles'], 'is for databases; the accounts of an SSH target are logins');
  if (value.protocol !== 'ssh') {
    for (const key of ['host_keys', 'host_authorities', 'private_key_file', 'certificate', 'shell', 'logins'] as const) {
      if (value[key] !== undefined) document.problem([...path, key], `is for SSH targets, and this one speaks ${value.protocol}`);
    }
    return {};
  }
  if (value.host_keys === undefined && value.host_authorities === undefined) {
    document.problem(
      [...path, 'host_keys'],
      `is missing: pin the target's own key, as ssh-keyscan ${value.host} prints it, or name host_authorities`,
    );
  }
  if (
    value.private_key_file === undefined &&
    value.password_env === undefined &&
    value.password_file === undefined &&
    value.credential === undefined &&
    value.certificate === undefined
  ) {
    document.problem([...path, 'private_key_file'], 'is missing: the gateway signs in to the target with a key or a password');
  }
  const privateKey =
    value.private_key_file === undefined ? null : (files.privateKey(value.private_key_file, [...path, 'private_key_file']) ?? null);
  const [shell = 'mediated', ...shellElse] = typeof value.shell === 'string' ? [value.shell] : (value.shell ?? []);
  const certificate = value.certificate === undefined ? null : { lifetimeMs: value.certificate.lifetime ?? certificateLifetimeMs };
  const { host_keys: hostKeys = [], host_authorities: hostAuthorities = [], logins = [] } = value;
  return { ssh: { hostKeys, hostAuthorities, privateKey, certificate, shell, shellElse, logins } };
}

function readTargetTls(document: ConfigDocument, files: ConfigFiles, path: ValuePath, value: Written): TargetTls {
  const at = [...path, 'tls'];
  const tls = value.tls ?? {};
  if (value.protocol === 'ssh' && value.tls !== undefined) document.problem(at, 'ssh brings its own encryption: leave tls out');
  const mode = tls.mode ?? defaultMode(value);
  if (tls.ca !== undefined && !mode.startsWith('verify')) {
    document.problem([...at, 'ca'], `has no effect with mode ${mode}: use verify-full or verify-ca`);
  }
  if (tls.server_name !== undefined && mode !== 'verify-full') {
    document.problem([...at, 'server_name'], `has no effect with mode ${mode}: use verify-full`);
  }
  if ((tls.certificate === undefined) !== (tls.key === undefined)) {
    const missing = tls.key === undefined ? 'key' : 'certificate';
    document.problem([...at, missing], 'is missing: a client certificate needs both certificate and key');
  }
  if (tls.certificate !== undefined && mode === 'disable') document.problem([...at, 'certificate'], 'has no effect with mode disable');
  const ca = tls.ca === undefined ? null : (files.authorities(tls.ca, [...at, 'ca'])?.text ?? null);
  const certificate = tls.certificate === undefined ? null : (files.pem(tls.certificate, [...at, 'certificate'], 'CERTIFICATE') ?? null);
  const key = tls.key === undefined ? null : (files.privateKey(tls.key, [...at, 'key']) ?? null);
  if (certificate !== null && key !== null) checkPair(document, certificate, key, at);
  const written = { ca: tls.ca, certificate: tls.certificate, key: tls.key };
  const paths = Object.entries(written).flatMap(([part, path]) => (path === undefined ? [] : [[part, files.absolute(path)]]));
  return {
    ...{ mode, ca, certificate, key, serverName: tls.server_name ?? null },
    ...(paths.length === 0 ? {} : { files: Object.fromEntries(paths) as NonNullable<TargetTls['files']> }),
  };
}

/** Verified unless the bytes can't leave this machine. */
function defaultMode(value: Written): TlsMode {
  if (value.protocol === 'ssh' || value.host.startsWith('/')) return 'disable';
  return isLoopback(value.host) ? 'prefer' : 'verify-full';
}
