// TLS towards clients, with the gateway's own certificate. What OpenSSL makes of certificate and key is made once. They can be replaced
// while the gateway runs: connections that have begun go on with what they began with.

import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { Fault } from './errors.ts';

/** In PEM: the certificate with its chain, and its key. Never to be put into words. */
export interface CertificateAndKey {
  readonly certificate: string;
  readonly key: string;
}

/** One that was in use from some moment on. */
export interface OwnCertificate {
  readonly pem: CertificateAndKey;
  readonly context: SecureContext;
  /** What clients see. */
  readonly certificate: X509Certificate;
}

/** The gateway's own certificate, for all that listens in one thread. */
export class ServerTls {
  readonly #listeners: ((own: OwnCertificate) => void)[] = [];
  #current: OwnCertificate;

  /** Throws an Error when OpenSSL can't use them. */
  constructor(pem: CertificateAndKey) {
    this.#current = prepared(pem);
  }

  get current(): OwnCertificate {
    return this.#current;
  }

  /** For connections from now on. Throws an Error, and changes nothing, when OpenSSL can't use them. */
  replace(pem: CertificateAndKey): void {
    this.#current = prepared(pem);
    for (const listener of this.#listeners) listener(this.#current);
  }

  onReplaced(listener: (own: OwnCertificate) => void): void {
    this.#listeners.push(listener);
  }
}

function prepared(pem: CertificateAndKey): OwnCertificate {
  const context = createSecureContext({ cert: pem.certificate, key: pem.key, minVersion: 'TLSv1.2' });
  return { pem, context, certificate: new X509Certificate(pem.certificate) };
}

/** Answers a client's handshake on `socket`. Throws Fault protocol-violation, and has closed the socket then. */
export async function acceptTls(socket: Socket, own: OwnCertificate, protocol: string | null, signal: AbortSignal): Promise<TLSSocket> {
  const secured = new TLSSocket(socket, {
    isServer: true,
    secureContext: own.context,
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
