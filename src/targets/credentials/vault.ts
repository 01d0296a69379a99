// Credentials from Vault or OpenBao: static ones of the KV engine (version 2), and accounts that its database engine makes for
// one session each, renewed while that lives and revoked when it ends.

import type { Credential, CredentialProvider } from '../../core/credential.ts';
import type { CredentialSource } from '../../core/credential-source.ts';
import { Fault } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Target } from '../../core/target.ts';
import { credentialFrom } from './fields.ts';
import { numberAt, textAt, valueAt } from './http.ts';
import { pathOf } from './vault-client.ts';
import type { VaultClient } from './vault-client.ts';

export function vaultKeyValue(vault: VaultClient): CredentialProvider {
  const read = async (target: Target, version: number | null, signal: AbortSignal): Promise<Credential | null> => {
    const { mount, path, fields } = sourceOf(target, 'vault-kv');
    const where = `${mount}/${path}`;
    const query = version === null ? '' : `?version=${version}`;
    const answer = await vault.ask('GET', `${pathOf(mount, 'data', path)}${query}`, null, signal);
    if (answer === null) return null;
    const known = numberAt(answer, 'data', 'metadata', 'version');
    if (known === null) throw new Fault('target-credential-failed', `Vault's ${where} is no secret of a KV engine of version 2`);
    return credentialFrom(valueAt(answer, 'data', 'data'), fields, `version ${known} of ${where}`, `Vault's ${where}`);
  };
  return {
    read: async (target, signal) => {
      const credential = await read(target, null, signal);
      if (credential !== null) return credential;
      const { mount, path } = sourceOf(target, 'vault-kv');
      throw new Fault('target-credential-failed', `Vault has no secret at ${mount}/${path}, or it was deleted`);
    },
    previous: async (target, signal) => {
      const current = Number(/^version (\d+) of/.exec((await read(target, null, signal))?.version ?? '')?.[1] ?? 0);
      return current > 1 ? read(target, current - 1, signal) : null;
    },
    accepted: () => {},
  };
}

export function vaultDatabase(vault: VaultClient): CredentialProvider {
  return {
    read: async (target, signal) => {
      const { mount, role } = sourceOf(target, 'vault-database');
      const answer = await vault.ask('GET', pathOf(mount, 'creds', role), null, signal);
      const id = textAt(answer, 'lease_id');
      const [user, password] = [textAt(answer, 'data', 'username'), textAt(answer, 'data', 'password')];
      if (id === null || user === null || password === null)
        throw new Fault('target-credential-failed', `Vault has no database role ${mount}/creds/${role} that makes a user and a password`);
      return {
        user,
        password: new Secret(password),
        privateKey: null,
        version: `account ${user} of ${mount}/creds/${role}`,
        lease: {
          durationMs: (numberAt(answer, 'lease_duration') ?? 0) * 1_000,
          isRenewable: valueAt(answer, 'renewable') === true,
          renew: async (renewSignal) => {
            const renewed = await vault.ask('PUT', 'sys/leases/renew', { lease_id: id }, renewSignal);
            return (numberAt(renewed, 'lease_duration') ?? 0) * 1_000;
          },
          revoke: async (revokeSignal) => void (await vault.ask('PUT', 'sys/leases/revoke', { lease_id: id }, revokeSignal)),
        },
      };
    },
    previous: async () => null,
    accepted: () => {},
  };
}

function sourceOf<Kind extends CredentialSource['kind']>(target: Target, kind: Kind): Extract<CredentialSource, { kind: Kind }> {
  if (target.credential?.kind !== kind) throw new Error(`target ${target.name} has no credential of ${kind}`);
  return target.credential as Extract<CredentialSource, { kind: Kind }>;
}
