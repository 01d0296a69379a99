// The drivers of databases, which run in the main thread or in relay threads.

import { createMysqlDriver, defaultMysqlLimits, defaultMysqlOptions } from '../../protocols/mysql/driver.ts';
import { createPostgresDriver, defaultPostgresLimits } from '../../protocols/postgres/driver.ts';
import type { Config } from '../config/config.ts';
import type { AcceptCounts } from '../core/accepted-sockets.ts';
import type { Driver, DriverServices } from '../core/driver.ts';

export const databaseProtocols = ['postgres', 'mysql'] as const;
export type DatabaseProtocol = (typeof databaseProtocols)[number];

export interface DatabaseLimits {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly handshakeTimeoutMs: number;
  readonly statementBytesMax: number;
  readonly heldBytesMax: number;
  readonly readingBytesMax: number;
  readonly readingBytesPerPersonMax: number;
}

export function databaseLimits({ limits }: Config): DatabaseLimits {
  const { connections, connectionsPerAddress, handshakeTimeoutMs, statementBytes, heldBytes, readingBytes, readingBytesPerPerson } = limits;
  return {
    connectionsMax: connections,
    connectionsPerAddressMax: connectionsPerAddress,
    handshakeTimeoutMs,
    statementBytesMax: statementBytes,
    heldBytesMax: heldBytes,
    readingBytesMax: readingBytes,
    readingBytesPerPersonMax: readingBytesPerPerson,
  };
}

/** `counts`: connections are counted there, together with other threads'. */
export function databaseDriver(
  protocol: DatabaseProtocol,
  services: DriverServices,
  limits: DatabaseLimits,
  counts?: AcceptCounts,
): Driver {
  const given = { ...limits, ...(counts === undefined ? {} : { counts }) };
  switch (protocol) {
    case 'postgres':
      return createPostgresDriver(services, { ...defaultPostgresLimits, ...given });
    case 'mysql':
      return createMysqlDriver(services, { ...defaultMysqlOptions, limits: { ...defaultMysqlLimits, ...given } });
  }
}
