// Sign-in of clients in relay threads: people, tokens, failures and links stay with the main thread. Tokens never come here,
// their verifiers do, for the one sign-in that needs them.

import type { Principal } from '../core/principal.ts';
import type { BrowserSignIn, LocalSignIns, SignInMaterial, SignIns, TokenVerifier, WantedBrowserSignIn } from '../core/sign-in.ts';
import type { Calls, Handlers, Methods } from './calls.ts';

export type SignInMethods = {
  'sign-in material': { readonly given: string; readonly answer: SentMaterial };
  'sign-in blocked': { readonly given: Attempt; readonly answer: boolean };
  /** A note. */
  'sign-in failed': { readonly given: Attempt; readonly answer: undefined };
  /** A note. */
  'sign-in succeeded': { readonly given: Success; readonly answer: undefined };
  /** Tells the link, then answers with who has confirmed it. Taking it back gives it up. */
  'sign-in in the browser': { readonly given: WantedBrowserSignIn; readonly answer: Principal | null; readonly told: Link };
};

interface Attempt {
  readonly name: string;
  readonly clientAddress: string;
}

interface Success {
  readonly principal: Principal;
  readonly tokenId: string | null;
  readonly clientAddress: string;
  readonly protocol: string;
}

type Link = Pick<BrowserSignIn, 'url' | 'code'>;

type SentBytes<Type> = { readonly [Name in keyof Type]: Type[Name] extends Buffer ? Uint8Array : Type[Name] };
type SentMaterial = Omit<SentBytes<SignInMaterial>, 'verifiers'> & { readonly verifiers: readonly SentBytes<TokenVerifier>[] };

/** For the main thread. */
export function signInHandlers(signIns: LocalSignIns): Handlers<SignInMethods> {
  return {
    'sign-in material': (name) => sentMaterial(signIns.material(name)),
    'sign-in blocked': ({ name, clientAddress }) => signIns.blocked(name, clientAddress),
    'sign-in failed': ({ name, clientAddress }) => void signIns.failed(name, clientAddress),
    'sign-in succeeded': ({ principal, tokenId, clientAddress, protocol }) =>
      void signIns.succeeded(principal, tokenId, clientAddress, protocol),
    'sign-in in the browser': (wanted, { signal, tell }) => {
      const { url, code, confirmed, cancel } = signIns.browser(wanted);
      signal.addEventListener('abort', () => cancel(), { once: true });
      tell({ url, code });
      return confirmed;
    },
  };
}

/** For a thread. Notes go the same way as questions: a failure is counted before the next question of this thread is answered. */
export function remoteSignIns(calls: Pick<Calls<SignInMethods, Methods>, 'ask' | 'note'>): SignIns {
  return {
    material: async (name) => receivedMaterial(await calls.ask('sign-in material', name)),
    blocked: (name, clientAddress) => calls.ask('sign-in blocked', { name, clientAddress }),
    failed: (name, clientAddress) => calls.note('sign-in failed', { name, clientAddress }),
    succeeded: (principal, tokenId, clientAddress, protocol) =>
      calls.note('sign-in succeeded', { principal, tokenId, clientAddress, protocol }),
    browser: (wanted) => browserSignIn(calls, wanted),
  };
}

/** Resolves with the link. Rejects when the main thread has none to give. */
function browserSignIn(calls: Pick<Calls<SignInMethods, Methods>, 'ask'>, wanted: WantedBrowserSignIn): Promise<BrowserSignIn> {
  const leaving = new AbortController();
  const cancel = (): void => leaving.abort(new Error('the client gave the sign-in up'));
  return new Promise((resolve, reject) => {
    const asked = calls.ask('sign-in in the browser', wanted, {
      signal: leaving.signal,
      onTold: (link) => resolve({ ...link, confirmed, cancel }),
    });
    const confirmed = asked.catch((thrown: unknown) => {
      reject(thrown); // nothing happens when the link was told
      return null;
    });
  });
}

function sentMaterial({ principal, scramSalt, scramIterations, verifiers }: SignInMaterial): SentMaterial {
  const sent = (it: TokenVerifier): SentBytes<TokenVerifier> => ({
    tokenId: it.tokenId,
    scramStoredKey: alone(it.scramStoredKey),
    scramServerKey: alone(it.scramServerKey),
    sha256Twice: alone(it.sha256Twice),
    sha1Twice: alone(it.sha1Twice),
    sha256: alone(it.sha256),
  });
  return { principal, scramSalt: alone(scramSalt), scramIterations, verifiers: verifiers.map(sent) };
}

function receivedMaterial({ principal, scramSalt, scramIterations, verifiers }: SentMaterial): SignInMaterial {
  const received = (it: SentBytes<TokenVerifier>): TokenVerifier => ({
    tokenId: it.tokenId,
    scramStoredKey: Buffer.from(it.scramStoredKey),
    scramServerKey: Buffer.from(it.scramServerKey),
    sha256Twice: Buffer.from(it.sha256Twice),
    sha1Twice: Buffer.from(it.sha1Twice),
    sha256: Buffer.from(it.sha256),
  });
  return { principal, scramSalt: Buffer.from(scramSalt), scramIterations, verifiers: verifiers.map(received) };
}

/** Memory of its own: a clone takes all that a Buffer is a part of, other secrets with it. */
function alone(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}
