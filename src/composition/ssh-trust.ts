// Whose SSH certificates sign people in, and which keys are revoked, from the configuration.

import { Revocations } from '../../protocols/ssh/driver.ts';
import type { KeyTrust } from '../../protocols/ssh/public-key-sign-in.ts';
import type { Config } from '../config/config.ts';
import { Fault, messageOf } from '../core/errors.ts';

/** Throws Fault config-invalid when the list of revoked keys can't be read: every key would count as revoked. */
export function sshTrust({ ssh }: Config): KeyTrust {
  if (ssh.revokedKeysFile === null) return { userAuthorities: ssh.userAuthorities, revocations: null };
  const revocations = new Revocations(ssh.revokedKeysFile);
  try {
    revocations.check();
  } catch (thrown) {
    throw new Fault('config-invalid', `ssh.revoked_keys: ${ssh.revokedKeysFile}: ${messageOf(thrown)}`);
  }
  return { userAuthorities: ssh.userAuthorities, revocations };
}
