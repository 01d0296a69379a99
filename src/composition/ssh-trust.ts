// Whose SSH certificates sign people in, which keys are revoked, and how long sessions last, from the configuration.

import { defaultSshLimits, Revocations } from '../../protocols/ssh/driver.ts';
import type { SshLimits } from '../../protocols/ssh/driver.ts';
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

/** The driver's own limits, those that all protocols share, and what the section `ssh` says. */
export function sshLimits({ ssh }: Config, shared: Partial<SshLimits>): SshLimits {
  const { idleTimeoutMs, sessionTimeoutMs, rekeyAfterBytes } = ssh;
  return {
    ...defaultSshLimits,
    ...shared,
    ...(idleTimeoutMs === null ? {} : { idleTimeoutMs }),
    ...(rekeyAfterBytes === null ? {} : { rekeyAfterBytes }),
    sessionTimeoutMs,
  };
}
