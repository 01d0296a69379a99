// A relay thread with the fronts of PostgreSQL and MySQL, which take requests to cancel, and beside them connections that can be
// cancelled. `make` makes one of both protocols, and tells how clients know it; what is done to it is told as it happens.

import { createHash, randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { ConnectionIds } from '../../../protocols/mysql/connection-ids.ts';
import { createMysqlDriver } from '../../../protocols/mysql/driver.ts';
import { CancelKeys } from '../../../protocols/postgres/cancel-keys.ts';
import { createPostgresDriver } from '../../../protocols/postgres/driver.ts';
import type { Driver, DriverServices } from '../../../src/core/driver.ts';
import { Calls } from '../../../src/relay/calls.ts';
import { cancelHandlers, remoteCancelling, type CancellingMethods } from '../../../src/relay/cancelling.ts';

/** `block`: answers nothing until the gate is not 0. */
export type Command = { readonly kind: 'make'; readonly person: string } | { readonly kind: 'block'; readonly gate: Int32Array };
export interface Made {
  readonly kind: 'made';
  readonly processId: number;
  readonly secret: Uint8Array;
  readonly number: number;
}

const { port } = workerData as { readonly port: MessagePort };
const random = { bytes: (count: number) => randomBytes(count) };
const keys = new CancelKeys(random);
const ids = new ConnectionIds(random);
/** The connections of a driver, without its sockets. */
const connections: Driver = {
  serve: () => undefined,
  close: () => Promise.resolve(),
  cancel: (wish) => {
    if (wish.kind === 'by-secret') return keys.cancel(wish.connection, wish.secret);
    return ids.kill(wish.person, wish.target, wish.connection, wish.ends === 'statement' ? 'query' : 'connection');
  },
};
const calls: Calls<CancellingMethods, CancellingMethods> = new Calls(
  port,
  cancelHandlers(() => [...drivers, connections]),
);
const token = (algorithm: string) => createHash(algorithm).update('token').digest();
const services = {
  signIns: {
    blocked: () => false,
    material: (name: string) => ({
      principal: { name, displayName: name, kind: 'person', groups: [] },
      scramSalt: Buffer.alloc(16),
      scramIterations: 4096,
      verifiers: [{ tokenId: 't', sha256: token('sha256'), sha256Twice: createHash('sha256').update(token('sha256')).digest() }],
    }),
    failed: () => undefined,
    succeeded: () => undefined,
  },
  targetNamed: () => undefined,
  targets: () => [],
  cancelElsewhere: remoteCancelling(calls),
  tls: null,
  allowPlaintext: true,
  clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
  random,
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
} as unknown as DriverServices;
const drivers = [createPostgresDriver(services), createMysqlDriver(services)] as const;

async function listening(driver: Driver): Promise<number> {
  const server = createServer((socket) => driver.serve(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

parentPort?.on('message', (command: Command) => {
  if (command.kind === 'block') {
    parentPort?.postMessage({ kind: 'blocks' });
    Atomics.wait(command.gate, 0, 0);
    return;
  }
  const { processId, secret } = keys.issue(0, random.bytes(4).readInt32BE(0), {
    cancel: async () => parentPort?.postMessage({ kind: 'cancelled', processId }),
  });
  const number = ids.issue();
  ids.bind(number, {
    principalName: command.person,
    targetName: 'shop',
    targetConnectionId: 17,
    kill: (what) => parentPort?.postMessage({ kind: 'killed', number, what }),
  });
  const made: Made = { kind: 'made', processId, secret: new Uint8Array(secret), number };
  parentPort?.postMessage(made);
});
parentPort?.postMessage({ postgres: await listening(drivers[0]), mysql: await listening(drivers[1]) });
