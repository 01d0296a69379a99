// TLS towards a target, in libpq's modes. What OpenSSL makes of authorities and certificates is made once for each of them.

import type { Duplex } from 'node:stream';
import { connect, createSecureContext } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';
import { Fault } from './errors.ts';
import type { Target, TargetTls } from './target.ts';

const contextOf = new WeakMap<TargetTls, SecureContext>();

function context(tls: TargetTls): SecureContext {
  const known = contextOf.get(tls);
  if (known !== undefined) return known;
  const { ca, certificate, key } = tls;
  const made = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === null ? {} : { ca }),
    ...(certificate === null ? {} : { cert: certificate }),
    ...(key === null ? {} : { key: key.reveal() }),
  });
  contextOf.set(tls, made);
  return made;
}

/**
 * The handshake over `plain`: prefer and require don't verify (require does when a CA is configured), verify-ca checks the chain,
 * verify-full the name too. `protocol` is offered by ALPN. Throws Fault target-tls-failed.
 */
export function secure(plain: Duplex, target: Target, protocol: string | null, signal: AbortSignal): Promise<TLSSocket> {
  const { mode, ca, serverName } = target.tls;
  const verifyChain = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && ca !== null);
  const name = serverName ?? target.host;
  return new Promise((resolve, reject) => {
    const secured = connect({
      socket: plain,
      secureContext: context(target.tls),
      rejectUnauthorized: verifyChain,
      ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
      ...(isAddress(name) ? {} : { servername: name }),
      ...(mode === 'verify-full' ? { host: name } : { checkServerIdentity: () => undefined }),
    });
    const fail = (why: Error): void =>
      reject(new Fault('target-tls-failed', `TLS to target ${target.name} failed: ${why.message}`, { cause: why }));
    const late = (): void => {
      fail(new Error('no answer in time'));
      secured.destroy();
    };
    signal.addEventListener('abort', late, { once: true });
    secured.on('error', fail); // stays: between two steps of the sign-in nobody else listens
    secured.once('close', () => fail(new Error('the connection was closed')));
    secured.once('secureConnect', () => {
      signal.removeEventListener('abort', late);
      resolve(secured);
    });
  });
}

function isAddress(name: string): boolean {
  return /^[\d.]+$/.test(name) || name.includes(':') || name.startsWith('/');
}
