// TLS towards clients, with the gateway's own certificate. What OpenSSL makes of certificate and key is made once.

import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { Fault } from './errors.ts';

/** PEM certificate chain and key of the gateway itself. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
}

interface Prepared {
  readonly context: SecureContext;
  readonly certificate: X509Certificate;
}

const preparedOf = new WeakMap<ServerTls, Prepared>();

function prepared(tls: ServerTls): Prepared {
  const known = preparedOf.get(tls);
  if (known !== undefined) return known;
  const context = createSecureContext({ cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' });
  const made = { context, certificate: new X509Certificate(tls.certificate) };
  preparedOf.set(tls, made);
  return made;
}

/** The certificate that clients see. */
export function ownCertificate(tls: ServerTls): X509Certificate {
  return prepared(tls).certificate;
}

/** Answers a client's handshake on `socket`. Throws Fault protocol-violation, and has closed the socket then. */
export async function acceptTls(socket: Socket, tls: ServerTls, protocol: string | null, signal: AbortSignal): Promise<TLSSocket> {
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: prepared(tls).context,
    ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
  });
  secured.on('error', () => undefined); // ends in 'close'; between two steps of the sign-in nobody else listens
  await new Promise<void>((resolve, reject) => {
    const settle = (then: () => void): void => {
      secured.off('error', onError).off('close', onClose).off('secure', onSecure);
      signal.removeEventListener('abort', onAbort);
      then();
    };
    const fail = (why: string): void =>
      settle(() => {
        socket.destroy(); // words in plain text would mean nothing to the other side
        reject(new Fault('protocol-violation', `TLS failed: ${why}`));
      });
    const onError = (why: Error): void => fail(why.message);
    const onClose = (): void => fail('the client closed the connection');
    const onAbort = (): void => fail('it took too long');
    const onSecure = (): void => settle(resolve);
    secured.once('secure', onSecure).once('error', onError).once('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  return secured;
}
