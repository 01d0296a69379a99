// A configured, protected system. Its credentials are Secrets and leave only through the driver's sign-in to the target.

import type { TargetName } from './ids.ts';
import type { Secret } from './secret.ts';

export type Protocol = 'postgres' | 'mysql' | 'ssh';

/** libpq's sslmode words, used for every protocol. */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface TargetTls {
  readonly mode: TlsMode;
  /** PEM of the authorities to trust; null means the system's. */
  readonly ca: string | null;
  /** PEM client certificate and key, for targets that ask for one. */
  readonly certificate: string | null;
  readonly key: Secret | null;
  readonly serverName: string | null;
}

export interface Target {
  readonly name: TargetName;
  readonly protocol: Protocol;
  readonly labels: Readonly<Record<string, string>>;
  readonly host: string;
  readonly port: number;
  /** The account the gateway uses there. */
  readonly user: string;
  readonly password: Secret | null;
  /** Default database; null where the protocol has none. */
  readonly database: string | null;
  readonly tls: TargetTls;
}
