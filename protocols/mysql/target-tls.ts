// TLS towards a target, in libpq's modes.

import type { Duplex } from 'node:stream';
import { connect as tlsConnect, type TLSSocket } from 'node:tls';
import { Fault } from '../../src/core/errors.ts';
import type { Target } from '../../src/core/target.ts';

/** prefer and require don't verify (require does when a CA is configured), verify-ca checks the chain, verify-full the name too. */
export function secure(plain: Duplex, target: Target, signal: AbortSignal): Promise<TLSSocket> {
  const { mode, ca, certificate, key, serverName } = target.tls;
  const verifyChain = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && ca !== null);
  const name = serverName ?? target.host;
  const isAddress = /^[\d.]+$/.test(name) || name.includes(':') || name.startsWith('/');
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({
      socket: plain,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: verifyChain,
      ...(isAddress ? {} : { servername: name }),
      ...(ca === null ? {} : { ca }),
      ...(certificate === null ? {} : { cert: certificate }),
      ...(key === null ? {} : { key: key.reveal() }),
      ...(mode === 'verify-full' ? { host: name } : { checkServerIdentity: () => undefined }),
    });
    const fail = (why: string) => reject(new Fault('target-tls-failed', `TLS to target ${target.name} failed: ${why}`));
    const onError = (why: Error) => fail(why.message);
    const onAbort = () => {
      secured.destroy();
      fail('it took too long');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    secured.once('error', onError);
    secured.once('secureConnect', () => {
      secured.off('error', onError);
      signal.removeEventListener('abort', onAbort);
      resolve(secured);
    });
  });
}
