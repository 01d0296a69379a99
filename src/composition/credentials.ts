// Credentials of targets: the providers that are configured, the desk that signs in with them, and what operators do with them.

import type { CredentialView } from '../api/contract.ts';
import type { ApiCredentials } from '../api/services.ts';
import type { CredentialsConfig, MasterKeyConfig } from '../config/config.ts';
import type { AuditEvent, AuditEventType } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import type { CredentialProvider } from '../core/credential.ts';
import type { CredentialSource } from '../core/credential-source.ts';
import type { Log } from '../core/driver.ts';
import { Fault } from '../core/errors.ts';
import { followAuthorities } from '../core/pem-files.ts';
import { Secret } from '../core/secret.ts';
import type { Target } from '../core/target.ts';
import type { Db } from '../store/database.ts';
import { openTargetCredentialStore } from '../store/target-credentials.ts';
import type { Targets } from '../targets/catalogue.ts';
import { awsClient, awsSecrets } from '../targets/credentials/aws.ts';
import { TargetCredentials } from '../targets/credentials/desk.ts';
import { localWrapper } from '../targets/credentials/envelope.ts';
import type { KeyWrapper } from '../targets/credentials/envelope.ts';
import { awsKmsWrapper, vaultTransitWrapper } from '../targets/credentials/key-services.ts';
import { localCredentials } from '../targets/credentials/local.ts';
import { StoredCredentials } from '../targets/credentials/stored.ts';
import { VaultClient } from '../targets/credentials/vault-client.ts';
import { vaultDatabase, vaultKeyValue } from '../targets/credentials/vault.ts';

export interface CredentialParts {
  readonly config: CredentialsConfig;
  readonly db: Db;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly event: (
    type: AuditEventType,
    detail: AuditEvent['detail'],
    who: { readonly principal: string; readonly target: string | null },
  ) => void;
}

export interface OpenedCredentials {
  readonly desk: TargetCredentials;
  readonly api: ApiCredentials;
  /** Revokes what is leased, within a few seconds. */
  close(): Promise<void>;
}

export function openCredentials({ config, db, targets, clock, random, log, event }: CredentialParts): OpenedCredentials {
  const vault = config.vault === null ? null : new VaultClient({ ...config.vault, ca: followAuthorities(config.vault.ca, log) });
  const aws = config.aws === null ? null : awsClient({ ...config.aws, ca: followAuthorities(config.aws.ca, log) });
  const wrapperOf = (key: MasterKeyConfig): KeyWrapper => {
    switch (key.kind) {
      case 'local':
        return localWrapper(key.key, random);
      case 'vault-transit':
        return vaultTransitWrapper(needed(vault), key.mount, key.key);
      case 'aws-kms':
        return awsKmsWrapper(needed(aws), key.keyId);
    }
  };
  const stored = new StoredCredentials({ store: openTargetCredentialStore(db), wrappers: config.masterKeys.map(wrapperOf), clock, random });
  const desk = new TargetCredentials({
    providers: {
      local: localCredentials(process.env, clock),
      stored,
      'vault-kv': vault === null ? notConfigured : vaultKeyValue(vault),
      'vault-database': vault === null ? notConfigured : vaultDatabase(vault),
      'aws-secret': aws === null ? notConfigured : awsSecrets(aws),
    },
    clock,
    log,
    cacheMs: config.cacheMs,
  });
  const named = (name: string): Target => {
    const target = targets.named(name);
    if (target === undefined) throw new Fault('not-found', `there is no target "${name}"`);
    return target;
  };
  const view = (target: Target): CredentialView => {
    const uses = desk.uses(target.name);
    return {
      target: target.name,
      protocol: target.protocol,
      source: target.credential?.kind ?? 'none',
      where: placeWords(target.credential ?? null),
      versions:
        target.credential?.kind !== 'stored'
          ? []
          : stored.list(target.name).map(({ version, keyId, isKeyKnown, createdAtMs, createdBy }) => ({
              version,
              created_at: new Date(createdAtMs).toISOString(),
              created_by: createdBy,
              master_key: keyId,
              readable: isKeyKnown,
              connections: uses.get(`version ${version}`) ?? 0,
            })),
      connections: [...uses.values()].reduce((sum, count) => sum + count, 0),
    };
  };
  return {
    desk,
    api: {
      list: () => targets.list().map(view),
      set: async (name, value, by) => {
        const target = named(name);
        if (target.credential?.kind !== 'stored')
          throw new Fault(
            'invalid-request',
            `the credential of "${target.name}" is not kept here: write \`credential: stored\` at the target`,
          );
        if ((value.privateKey !== null) !== (target.protocol === 'ssh' && value.password === null))
          throw new Fault(
            'invalid-request',
            `"${target.name}" speaks ${target.protocol}: give ${target.protocol === 'ssh' ? 'a password or a private key' : 'a password'}`,
          );
        const secret = (text: string | null): Secret | null => (text === null ? null : new Secret(text));
        const version = await stored.set(
          target.name,
          { password: secret(value.password), privateKey: secret(value.privateKey) },
          by,
          AbortSignal.timeout(answerMsMax),
        );
        desk.changed(target.name);
        event('credential.set', { version }, { principal: by, target: target.name });
        return { target: target.name, version };
      },
      remove: (name, by) => {
        // A target that is not configured any more may still have something stored.
        const target = targets.named(name)?.name ?? name;
        const versions = stored.remove(target);
        if (versions === 0) throw new Fault('not-found', `no credential of "${name}" is stored here`);
        desk.changed(target);
        event('credential.removed', { versions }, { principal: by, target });
        return { removed: versions };
      },
      check: async (name) => {
        const { version, user } = await desk.check(named(name), AbortSignal.timeout(answerMsMax));
        return { target: named(name).name, version, user };
      },
      rewrap: async (by) => {
        const rewrapped = await stored.rewrap();
        for (const { name } of targets.list()) desk.changed(name);
        event('credential.rewrapped', { versions: rewrapped }, { principal: by, target: null });
        return { rewrapped };
      },
    },
    close: async () => {
      await desk.close();
      vault?.close();
    },
  };
}

const answerMsMax = 15_000;

function needed<T>(part: T | null): T {
  if (part === null) throw new Fault('config-invalid', 'credentials: a master key stays in a service that is not configured');
  return part;
}

const notConfigured: CredentialProvider = {
  read: () => Promise.reject(new Fault('target-credential-failed', 'where it is kept is not configured')),
  previous: async () => null,
  accepted: () => {},
};

/** Where it is, for people: "Vault secret/orders", "secrets/orders.password". */
function placeWords(source: CredentialSource | null): string {
  if (source === null) return 'none';
  switch (source.kind) {
    case 'stored':
      return 'in the gateway, encrypted';
    case 'vault-kv':
      return `Vault ${source.mount}/${source.path}`;
    case 'vault-database':
      return `Vault ${source.mount}/creds/${source.role}`;
    case 'aws-secret':
      return `AWS ${source.id}`;
    case 'local': {
      const password = source.password === null ? null : 'file' in source.password ? source.password.file : `$${source.password.variable}`;
      return [password, source.privateKeyFile].filter((it) => it !== null).join(', ');
    }
  }
}
