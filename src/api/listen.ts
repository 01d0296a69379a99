// Where the API may listen: anywhere with TLS, on loopback addresses only without it.

import { lookup } from 'node:dns/promises';
import type { FastifyInstance } from 'fastify';
import { cannotListen } from '../core/cannot-listen.ts';
import { Fault } from '../core/errors.ts';
import { isLoopbackAddress } from './client-address.ts';

/**
 * Listens, and gives the address in use. Throws Fault listen-failed, and config-invalid for plain HTTP on an address that others
 * can reach: tokens and cookies would be read on the way.
 */
export async function listenApi(
  app: FastifyInstance,
  at: { readonly host: string; readonly port: number; readonly tls: boolean },
): Promise<{ host: string; port: number }> {
  if (!at.tls && !(await isLoopback(at.host))) {
    throw new Fault('config-invalid', `plain HTTP is served on loopback addresses only, and listen.http.host is ${at.host}`, {
      hint: 'set tls.certificate and tls.key, or listen on 127.0.0.1 behind a proxy that speaks HTTPS',
    });
  }
  try {
    await app.listen({ host: at.host, port: at.port });
  } catch (thrown) {
    throw cannotListen('console and API', at, thrown);
  }
  const address = app.server.address();
  if (typeof address !== 'object' || address === null) throw new Error('a TCP server without an address');
  return { host: at.host, port: address.port };
}

/** Every address that the name stands for; one that is not is enough to be reached by others. */
async function isLoopback(host: string): Promise<boolean> {
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.length > 0 && addresses.every(({ address }) => isLoopbackAddress(address));
}
