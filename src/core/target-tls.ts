// TLS towards a target, in libpq's modes. What OpenSSL makes of authorities and certificates is made once for each of them; their files
// are looked at again for each handshake, so that whoever renews them has nothing to restart.

import type { Duplex } from 'node:stream';
import { connect, createSecureContext } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Log } from './driver.ts';
import { Fault, messageOf } from './errors.ts';
import { authoritiesProblem, pairProblem, PemFiles } from './pem-files.ts';
import type { PemFile } from './pem-files.ts';
import type { Target, TargetTls } from './target.ts';

/** Behind some of its words; it is about starting Node, which is not how the gateway is told whom to trust. */
const nodesAdvice = /; if the root CA is installed locally.*$/s;

type Part = 'ca' | 'certificate' | 'key';
type Texts = Readonly<Partial<Record<Part, string>>>;

interface Followed {
  readonly files: PemFiles<Part>;
  /** What OpenSSL made of them last. */
  made: { readonly texts: Texts; readonly context: SecureContext } | null;
}

/** By target and files, because a session's target is often an object of its own. As many as there are targets. */
const followed = new Map<string, Followed>();
const contextOf = new WeakMap<TargetTls, SecureContext>();

/** By what the target's files hold now. */
async function contextNow({ name, tls }: Target, log: Pick<Log, 'warn'>): Promise<SecureContext> {
  if (tls.files === undefined) {
    const known = contextOf.get(tls) ?? contextFor(textsOf(tls));
    contextOf.set(tls, known);
    return known;
  }
  const key = JSON.stringify([name, tls.files]);
  const known = followed.get(key) ?? { files: new PemFiles(filesOf(tls), problemOf, log), made: null };
  followed.set(key, known);
  const texts = await known.files.current();
  if (known.made?.texts !== texts) known.made = { texts, context: contextFor(texts) };
  return known.made.context;
}

function filesOf(tls: TargetTls): Partial<Record<Part, PemFile>> {
  const paths: Texts = tls.files ?? {};
  return Object.fromEntries(Object.entries(textsOf(tls)).map(([part, text]) => [part, { path: paths[part as Part] ?? '', text }]));
}

function textsOf({ ca, certificate, key }: TargetTls): Texts {
  return {
    ...(ca === null ? {} : { ca }),
    ...(certificate === null ? {} : { certificate }),
    ...(key === null ? {} : { key: key.reveal() }),
  };
}

function problemOf({ ca, certificate, key }: Texts): string | null {
  const problem = ca === undefined ? null : authoritiesProblem(ca);
  return problem ?? (certificate === undefined || key === undefined ? null : (pairProblem(certificate, key)?.words ?? null));
}

function contextFor({ ca, certificate, key }: Texts): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined ? {} : { cert: certificate }),
    ...(key === undefined ? {} : { key }),
  });
}

/**
 * The handshake over `plain`: prefer and require don't verify (require does when a CA is configured), verify-ca checks the chain,
 * verify-full the name too. `protocol` is offered by ALPN. Throws Fault target-tls-failed.
 */
export async function secure(
  plain: Duplex,
  target: Target,
  protocol: string | null,
  log: Pick<Log, 'warn'>,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const { mode, ca, serverName } = target.tls;
  const verifyChain = mode === 'verify-ca' || mode === 'verify-full' || (mode === 'require' && ca !== null);
  const name = serverName ?? target.host;
  const failed = (why: string, cause?: unknown) => new Fault('target-tls-failed', `TLS to target ${target.name} failed: ${why}`, { cause });
  plain.on('error', () => undefined); // until the handshake listens; then it says the same
  const secureContext = await contextNow(target, log).catch((thrown: unknown) => {
    throw failed(messageOf(thrown), thrown);
  });
  if (plain.destroyed) throw failed('the connection was closed');
  return new Promise((resolve, reject) => {
    const secured = connect({
      socket: plain,
      secureContext,
      rejectUnauthorized: verifyChain,
      ...(protocol === null ? {} : { ALPNProtocols: [protocol] }),
      ...(isAddress(name) ? {} : { servername: name }),
      ...(mode === 'verify-full' ? { host: name } : { checkServerIdentity: () => undefined }),
    });
    const fail = (why: Error): void => reject(failed(why.message.replace(nodesAdvice, ''), why));
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
