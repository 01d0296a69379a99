// From where a request comes: the other end of its connection, or, with a reverse proxy on this machine, whom that says it carries for.
// Waiting times after failures, limits and the audit log go by it.

import { BlockList, isIP, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    clientAddress: string;
  }
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for addresses of this very machine. */
export function isLoopbackAddress(address: string): boolean {
  return loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/**
 * A proxy appends whom it met to X-Forwarded-For: the last address is its word, those before it anybody's. Only a proxy of this
 * machine is believed, and only where the configuration says that there is one.
 */
export function clientAddressOf({ ip, headers }: Pick<FastifyRequest, 'ip' | 'headers'>, behindProxy: boolean): string {
  if (!behindProxy || !isLoopbackAddress(ip)) return ip;
  const header = headers['x-forwarded-for'];
  const last = (Array.isArray(header) ? header.join(',') : (header ?? '')).split(',').at(-1)?.trim() ?? '';
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+)(?::\d+)?)$/.exec(last) ?? [];
  const address = bracketed ?? plain ?? last;
  return isIP(address) === 0 ? ip : address;
}
