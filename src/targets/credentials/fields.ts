// From a secret with fields to a credential: which field is the password, the account or the key is said in the configuration.

import type { Credential } from '../../core/credential.ts';
import type { CredentialFields } from '../../core/credential-source.ts';
import { Fault } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import { textAt } from './http.ts';

/** `where` names the secret for people. Throws Fault target-credential-failed when a field that is named is not there. */
export function credentialFrom(data: unknown, fields: CredentialFields, version: string, where: string): Credential {
  const read = (name: string | null): string | null => {
    if (name === null) return null;
    const text = textAt(data, name);
    if (text === null || text === '') throw new Fault('target-credential-failed', `${where} has no field "${name}" with a text in it`);
    return text;
  };
  const [user, password, privateKey] = [read(fields.user), read(fields.password), read(fields.privateKey)];
  return {
    user,
    password: password === null ? null : new Secret(password),
    privateKey: privateKey === null ? null : new Secret(privateKey),
    version,
    lease: null,
  };
}
