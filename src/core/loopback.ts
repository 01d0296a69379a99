// Whether a host name or address can only mean this very machine. Names are not looked up: what DNS says may change.

import { isIPv4 } from 'node:net';

export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare === '::1' || bare === '0:0:0:0:0:0:0:1' || (isIPv4(bare) && bare.startsWith('127.'));
}
