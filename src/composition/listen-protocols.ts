// The ports that clients connect to: each with a driver in this thread, or with the relay threads that share it.

import { join } from 'node:path';
import { createSshDriver } from '../../protocols/ssh/driver.ts';
import { ecdsaHostKey, openHostKey } from '../../protocols/ssh/host-key.ts';
import type { Config } from '../config/config.ts';
import type { Driver, LocalDriverServices } from '../core/driver.ts';
import type { Protocol } from '../core/target.ts';
import type { Targets } from '../targets/catalogue.ts';
import { databaseDriver, databaseLimits } from './database-drivers.ts';
import { listenDriver } from './listen-driver.ts';
import type { Relays } from './relays.ts';
import { sshLimits, sshTrust } from './ssh-trust.ts';
import type { Teardown } from './teardown.ts';

export type ProtocolAddresses = Partial<Record<Protocol, { host: string; port: number }>>;
/** Everything that a gateway listens on. */
export type GatewayAddresses = { http: string; metrics?: { host: string; port: number } } & ProtocolAddresses;

export interface ListenProtocolsParts {
  readonly services: Omit<LocalDriverServices, 'targetNamed'>;
  readonly targets: Targets;
  /** Null: the main thread relays. */
  readonly relays: Relays | null;
}

/** Listens for each protocol that has a port, and writes into `addresses` where. Rejects with a Fault that says what to do. */
export async function listenProtocols(
  config: Config,
  { services, targets, relays }: ListenProtocolsParts,
  addresses: ProtocolAddresses,
  down: Teardown,
): Promise<void> {
  for (const protocol of ['postgres', 'mysql', 'ssh'] as const) {
    const address = config.listen[protocol];
    if (address === null) continue;
    if (relays !== null && protocol !== 'ssh') {
      addresses[protocol] = await relays.listen(protocol, address);
      continue;
    }
    const targetNamed = (name: string) => [targets.named(name)].find((it) => it?.protocol === protocol);
    const spoken = () => targets.list().filter((it) => it.protocol === protocol);
    const driver = driverOf(protocol, config, { ...services, targetNamed, targets: spoken });
    addresses[protocol] = await listenDriver(protocol, address, driver, down);
  }
}

function driverOf(protocol: Protocol, config: Config, services: LocalDriverServices): Driver {
  const limits = databaseLimits(config);
  if (protocol !== 'ssh') return databaseDriver(protocol, services, limits);
  return createSshDriver(services, {
    hostKeys: [openHostKey(join(config.dataDir, 'ssh_host_ed25519_key')), ecdsaHostKey(join(config.dataDir, 'ssh_host_ecdsa_key'))].filter(
      (it) => it !== null,
    ),
    userAuthorityKey: openHostKey(join(config.dataDir, 'ssh_user_authority')),
    trust: sshTrust(config),
    limits: sshLimits(config, limits),
  });
}
