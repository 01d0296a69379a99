// A target as plain data, for the way between threads of one process: its secrets are revealed for that way alone and wrapped again at
// once where they arrive. Nothing of it is logged, recorded or kept.

import { Secret } from '../core/secret.ts';
import type { Target, TargetSsh, TargetTls } from '../core/target.ts';

/** Never to be put into words: it holds credentials in clear. */
export interface SentTarget extends Omit<Target, 'password' | 'tls' | 'ssh'> {
  readonly password: string | null;
  readonly tls: Omit<TargetTls, 'key'> & { readonly key: string | null };
  readonly ssh?: Omit<TargetSsh, 'privateKey'> & { readonly privateKey: string | null };
}

export function sentTarget({ password, tls, ssh, ...plain }: Target): SentTarget {
  return {
    ...plain,
    password: revealed(password),
    tls: { ...tls, key: revealed(tls.key) },
    ...(ssh === undefined ? {} : { ssh: { ...ssh, privateKey: revealed(ssh.privateKey) } }),
  };
}

export function receivedTarget({ password, tls, ssh, ...plain }: SentTarget): Target {
  return {
    ...plain,
    password: wrapped(password),
    tls: { ...tls, key: wrapped(tls.key) },
    ...(ssh === undefined ? {} : { ssh: { ...ssh, privateKey: wrapped(ssh.privateKey) } }),
  };
}

function revealed(secret: Secret | null): string | null {
  return secret === null ? null : secret.reveal();
}

function wrapped(text: string | null): Secret | null {
  return text === null ? null : new Secret(text);
}
