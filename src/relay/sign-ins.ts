// Sign-in of clients in relay threads: people, tokens, failures and links stay with the main thread. Tokens never come here,
// their verifiers do, for the one sign-in that needs them.

import type { PersonName } from '../core/ids.ts';
import type { Principal } from '../core/principal.ts';
import type {
  BrowserSignIn,
  ConfirmedSignIn,
  LocalSignIns,
  SignInMaterial,
  SignIns,
  TokenVerifier,
  WantedBrowserSignIn,
} from '../core/sign-in.ts';
import type { Calls, Handlers, Methods } from './calls.ts';

export type SignInMethods = {
  'sign-in material': { readonly given: string; readonly answer: SentMaterial };
  'sign-in blocked': { readonly given: Attempt; readonly answer: boolean };
  /** A note. */
  'sign-in failed': { readonly given: Attempt; readonly answer: undefined };
  /** A note. */
  'sign-in succeeded': { readonly given: Success; readonly answer: undefined };
  /** Tells the link, then answers with who has confirmed it. Taking it back gives it up. */
  'sign-in in the browser': { readonly given: WantedBrowserSignIn; readonly answer: ConfirmedSignIn | null; readonly told: Link };
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

/** Of every name in one form and length, known or not: how long it takes on its way tells no client which names there are. */
interface SentMaterial {
  /** Nobody's when the name is not known. */
  readonly principal: Principal;
  readonly isKnown: boolean;
  readonly scramSalt: Uint8Array;
  readonly scramIterations: number;
  /** Of so many tokens; those behind them are nobody's. */
  readonly count: number;
  readonly tokenIds: readonly string[];
  /** `verifierBytes` of each token, one behind the other. */
  readonly verifiers: Uint8Array;
}

/** SHA-256 four times and SHA-1 once. */
const verifierBytes = 4 * 32 + 20;
/** More than most people have tokens. Of more the next multiple is sent. */
const tokensSent = 8;

const nobody: Principal = { name: 'nobody' as PersonName, displayName: 'nobody', kind: 'person', groups: ['nobody'] };
const noVerifier: TokenVerifier = {
  tokenId: 't-0000000000',
  scramStoredKey: Buffer.alloc(32),
  scramServerKey: Buffer.alloc(32),
  sha256Twice: Buffer.alloc(32),
  sha1Twice: Buffer.alloc(20),
  sha256: Buffer.alloc(32),
};

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
  const places = Math.max(1, Math.ceil(verifiers.length / tokensSent)) * tokensSent;
  const sent = Array.from({ length: places }, (_none, index) => verifiers[index] ?? noVerifier);
  const bytes = Buffer.concat(sent.flatMap((it) => [it.scramStoredKey, it.scramServerKey, it.sha256Twice, it.sha1Twice, it.sha256]));
  if (bytes.length !== places * verifierBytes) throw new Error('a verifier of another length');
  return {
    principal: principal ?? nobody,
    isKnown: principal !== null,
    // Memory of its own: a clone takes all that a Buffer is a part of, other secrets with it.
    scramSalt: new Uint8Array(scramSalt),
    scramIterations,
    count: verifiers.length,
    tokenIds: sent.map(({ tokenId }) => tokenId),
    verifiers: new Uint8Array(bytes),
  };
}

function receivedMaterial({ principal, isKnown, scramSalt, scramIterations, count, tokenIds, verifiers }: SentMaterial): SignInMaterial {
  const bytes = Buffer.from(verifiers);
  let at = 0;
  const next = (length: number): Buffer => bytes.subarray(at, (at += length));
  const all = tokenIds.map((tokenId): TokenVerifier => ({
    tokenId,
    scramStoredKey: next(32),
    scramServerKey: next(32),
    sha256Twice: next(32),
    sha1Twice: next(20),
    sha256: next(32),
  }));
  return { principal: isKnown ? principal : null, scramSalt: Buffer.from(scramSalt), scramIterations, verifiers: all.slice(0, count) };
}
