// Master keys that stay in a service: Vault's transit engine and AWS KMS. They see data keys, never a credential.

import { Fault } from '../../core/errors.ts';
import type { AwsClient } from './aws.ts';
import type { KeyWrapper } from './envelope.ts';
import { textAt } from './http.ts';
import { pathOf } from './vault-client.ts';
import type { VaultClient } from './vault-client.ts';

export function vaultTransitWrapper(vault: VaultClient, mount: string, key: string): KeyWrapper {
  // The context goes along as associated data: transit checks it, as AES-GCM does here.
  const bound = (context: string) => Buffer.from(context, 'utf8').toString('base64');
  return {
    id: `vault-transit:${mount}/${key}`,
    wrap: async (dataKey, context, signal) => {
      const body = { plaintext: dataKey.toString('base64'), associated_data: bound(context) };
      const text = textAt(await vault.ask('POST', pathOf(mount, 'encrypt', key), body, signal), 'data', 'ciphertext');
      if (text === null) throw failed(`Vault's transit key ${mount}/${key} encrypted nothing`);
      return Buffer.from(text, 'utf8');
    },
    unwrap: async (wrapped, context, signal) => {
      const body = { ciphertext: wrapped.toString('utf8'), associated_data: bound(context) };
      const text = textAt(await vault.ask('POST', pathOf(mount, 'decrypt', key), body, signal), 'data', 'plaintext');
      if (text === null) throw failed(`Vault's transit key ${mount}/${key} decrypted nothing`);
      return Buffer.from(text, 'base64');
    },
  };
}

export function awsKmsWrapper(aws: AwsClient, keyId: string): KeyWrapper {
  const bound = (context: string) => ({ sallyport: Buffer.from(context, 'utf8').toString('base64') });
  const call = async (operation: 'Encrypt' | 'Decrypt', field: 'CiphertextBlob' | 'Plaintext', body: object, signal: AbortSignal) => {
    const text = textAt(await aws.call('kms', operation, { KeyId: keyId, ...body }, signal), field);
    if (text === null) throw failed(`AWS KMS has no key ${keyId}`);
    return Buffer.from(text, 'base64');
  };
  return {
    id: `aws-kms:${keyId}`,
    wrap: (dataKey, context, signal) =>
      call('Encrypt', 'CiphertextBlob', { Plaintext: dataKey.toString('base64'), EncryptionContext: bound(context) }, signal),
    unwrap: (wrapped, context, signal) =>
      call('Decrypt', 'Plaintext', { CiphertextBlob: wrapped.toString('base64'), EncryptionContext: bound(context) }, signal),
  };
}

function failed(words: string): Fault {
  return new Fault('target-credential-failed', words);
}
