// Where credentials of targets are kept, from its written form: the section `credentials` and the key `credential` of a target.
// A source that nothing is configured for is an error here, not when the first person signs in.

import type { CredentialFields, CredentialSource, VaultAuth } from '../core/credential-source.ts';
import { Secret } from '../core/secret.ts';
import type { AwsConfig, CredentialsConfig, MasterKeyConfig, VaultConfig } from './config.ts';
import type { ConfigDocument, ValuePath } from './document.ts';
import type { ConfigFiles, Environment } from './files.ts';
import { isLoopback } from '../core/loopback.ts';
import type { Parts } from './validate.ts';

type WrittenTarget = Parts['targets'][number]['value'];
type Written = NonNullable<Parts['credentials']>;
type WrittenKey = NonNullable<Written['master_key']>;

const cacheMsDefault = 60_000;
const defaultMount = { kv: 'secret', database: 'database', transit: 'transit', approle: 'approle' } as const;
const section = 'credentials';

/** What a target is signed in to with. Null: it asks for nothing. Files and variables are checked here and read again at use. */
export function readCredentialSource(
  document: ConfigDocument,
  files: ConfigFiles,
  path: ValuePath,
  value: WrittenTarget,
): CredentialSource | null {
  const { credential, password_env: variable, password_file: file, private_key_file: keyFile } = value;
  if (credential === undefined) {
    if (variable === undefined && file === undefined && keyFile === undefined) return null;
    const password = variable !== undefined ? { variable } : file !== undefined ? { file: files.absolute(file) } : null;
    return { kind: 'local', password, privateKeyFile: keyFile === undefined ? null : files.absolute(keyFile) };
  }
  for (const key of ['password_env', 'password_file', 'private_key_file'] as const)
    if (value[key] !== undefined) document.problem([...path, key], `is one too many: the credential comes from credential, or from ${key}`);
  if (credential === 'stored') return { kind: 'stored' };
  if ('vault_database' in credential) {
    if (value.protocol === 'ssh')
      document.problem([...path, 'credential'], 'vault_database makes accounts of databases, and this target speaks ssh');
    return { kind: 'vault-database', mount: credential.mount ?? defaultMount.database, role: credential.vault_database };
  }
  const fields = readFields(document, path, value, credential);
  return 'vault_kv' in credential
    ? { kind: 'vault-kv', mount: credential.mount ?? defaultMount.kv, path: credential.vault_kv, fields }
    : { kind: 'aws-secret', id: credential.aws_secret, fields };
}

/** Every source that a target names has to be configured. */
export function checkCredentialSources(document: ConfigDocument, parts: Parts): void {
  const { credentials } = parts;
  if (credentials === undefined) return;
  for (const { path, value } of parts.targets) {
    const { credential } = value;
    if (credential === undefined) continue;
    const missing =
      credential === 'stored'
        ? credentials.master_key === undefined && 'master_key'
        : 'aws_secret' in credential
          ? credentials.aws === undefined && 'aws'
          : credentials.vault === undefined && 'vault';
    if (missing !== false) document.problem([...path, 'credential'], `needs ${section}.${missing}, which is not set`);
  }
}

export function readCredentials(
  document: ConfigDocument,
  files: ConfigFiles,
  parts: Parts,
  environment: Environment,
): CredentialsConfig | undefined {
  checkCredentialSources(document, parts);
  const written = parts.credentials;
  if (written === undefined) return undefined;
  const { master_key: present, former_master_keys: former, vault, aws } = written;
  if (present === undefined && former.length > 0)
    document.problem([section, 'former_master_keys'], 'are for changing the master key, and there is no master_key');
  const masterKeys = [
    ...(present === undefined ? [] : [readMasterKey(document, files, written, present, [section, 'master_key'])]),
    ...former.map((key, index) => readMasterKey(document, files, written, key, [section, 'former_master_keys', index])),
  ];
  return {
    masterKeys: masterKeys.filter((key) => key !== null),
    cacheMs: written.cache ?? cacheMsDefault,
    vault: vault === undefined ? null : readVault(document, files, vault),
    aws: aws === undefined ? null : readAws(document, files, aws, environment),
  };
}

function readFields(
  document: ConfigDocument,
  path: ValuePath,
  { protocol }: WrittenTarget,
  written: { password_field?: string | undefined; private_key_field?: string | undefined; user_field?: string | undefined },
): CredentialFields {
  const { password_field: password, private_key_field: privateKey, user_field: user } = written;
  if (protocol !== 'ssh' && privateKey !== undefined)
    document.problem([...path, 'credential', 'private_key_field'], `is for SSH targets, and this one speaks ${protocol}`);
  if (protocol === 'ssh' && user !== undefined)
    document.problem([...path, 'credential', 'user_field'], 'is for databases: the account of an SSH sign-in is user, or one of logins');
  return { user: user ?? null, password: password ?? (privateKey === undefined ? 'password' : null), privateKey: privateKey ?? null };
}

function readMasterKey(
  document: ConfigDocument,
  files: ConfigFiles,
  { vault, aws }: Written,
  written: WrittenKey,
  at: ValuePath,
): MasterKeyConfig | null {
  if ('vault_transit' in written) {
    if (vault === undefined) document.problem(at, `needs ${section}.vault, which is not set`);
    return { kind: 'vault-transit', mount: written.mount ?? defaultMount.transit, key: written.vault_transit };
  }
  if ('aws_kms' in written) {
    if (aws === undefined) document.problem(at, `needs ${section}.aws, which is not set`);
    return { kind: 'aws-kms', keyId: written.aws_kms };
  }
  const text = 'file' in written ? files.secretFile(written.file, [...at, 'file']) : files.secretVariable(written.env, [...at, 'env']);
  if (text === undefined) return null;
  const key = text.reveal().trim();
  if (/^[A-Za-z0-9+/]{43}=$/.test(key)) return { kind: 'local', key: new Secret(key) };
  document.problem(at, 'is not a master key: 32 bytes as base64, as `openssl rand -base64 32` prints them');
  return null;
}

function readVault(document: ConfigDocument, files: ConfigFiles, written: NonNullable<Written['vault']>): VaultConfig | null {
  const at = [section, 'vault'];
  const address = readAddress(document, written.address, [...at, 'address']);
  const ca = written.ca === undefined ? null : files.authorities(written.ca, [...at, 'ca']);
  const auth = readVaultAuth(document, files, written, at);
  return address === null || auth === null ? null : { address, namespace: written.namespace ?? null, ca, auth };
}

function readVaultAuth(
  document: ConfigDocument,
  files: ConfigFiles,
  written: NonNullable<Written['vault']>,
  at: readonly string[],
): VaultAuth | null {
  const ways = (['token_env', 'token_file', 'role_id'] as const).filter((key) => written[key] !== undefined);
  if (ways.length !== 1) {
    const words = ways.length === 0 ? 'says not how to sign in: write' : 'signs in in more than one way: keep one of';
    document.problem(at, `${words} token_file, token_env, or role_id with secret_id_file`);
    return null;
  }
  if (written.token_file !== undefined) {
    files.secretFile(written.token_file, [...at, 'token_file']);
    return { kind: 'token-file', file: files.absolute(written.token_file) };
  }
  if (written.token_env !== undefined) {
    const token = files.secretVariable(written.token_env, [...at, 'token_env']);
    return token === undefined ? null : { kind: 'token', token };
  }
  const { secret_id_env: variable, secret_id_file: file, role_id: roleId = '' } = written;
  if ((variable === undefined) === (file === undefined)) {
    document.problem([...at, 'role_id'], 'needs one of secret_id_file and secret_id_env');
    return null;
  }
  const secretId =
    file !== undefined
      ? files.secretFile(file, [...at, 'secret_id_file'])
      : files.secretVariable(variable as string, [...at, 'secret_id_env']);
  if (secretId === undefined) return null;
  const again = file === undefined ? {} : { secretIdFile: files.absolute(file) };
  return { kind: 'approle', mount: written.approle_mount ?? defaultMount.approle, roleId, secretId, ...again };
}

function readAws(
  document: ConfigDocument,
  files: ConfigFiles,
  written: NonNullable<Written['aws']>,
  environment: Environment,
): AwsConfig | null {
  const at = [section, 'aws'];
  const accessKeyId = files.secretVariable(written.access_key_id_env, [...at, 'access_key_id_env']);
  const secretAccessKey = files.secretVariable(written.secret_access_key_env, [...at, 'secret_access_key_env']);
  const sessionToken = environment[written.session_token_env] ?? '';
  const endpoint = written.endpoint === undefined ? null : readAddress(document, written.endpoint, [...at, 'endpoint']);
  const ca = written.ca === undefined ? null : files.authorities(written.ca, [...at, 'ca']);
  if (accessKeyId === undefined || secretAccessKey === undefined) return null;
  return {
    region: written.region,
    accessKeyId: accessKeyId.reveal(),
    secretAccessKey,
    sessionToken: sessionToken === '' ? null : new Secret(sessionToken),
    endpoint,
    ca,
  };
}

/** Secrets don't go over the network in clear. */
function readAddress(document: ConfigDocument, text: string, at: ValuePath): URL | null {
  const url = URL.parse(text);
  if (
    url === null ||
    (url.protocol !== 'https:' && url.protocol !== 'http:') ||
    url.username !== '' ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    document.problem(at, 'must be an address, as in "https://vault.example.com:8200"');
    return null;
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) document.problem(at, 'must begin with https:// beyond this machine');
  return url;
}
