// A driver's port.

import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { ListenAddress } from '../config/config.ts';
import { cannotListen } from '../core/cannot-listen.ts';
import type { Driver } from '../core/driver.ts';
import type { Protocol } from '../core/target.ts';
import type { Teardown } from './teardown.ts';

/** Listens for a driver. Throws Fault listen-failed with what to do. */
export async function listenDriver(
  protocol: Protocol,
  address: ListenAddress,
  driver: Driver,
  down: Teardown,
): Promise<{ host: string; port: number }> {
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => driver.serve(socket));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (why) => reject(cannotListen(protocol, address, why)));
    server.listen({ ...address, backlog: listenBacklog }, resolve);
  });
  down.add(async () => {
    server.close();
    await driver.close('the gateway stops');
  });
  return { host: address.host, port: (server.address() as AddressInfo).port };
}

/** Connections that the kernel keeps waiting when many come at once. */
export const listenBacklog = 4096;
