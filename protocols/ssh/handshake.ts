// Sign-in of a client (RFC 4252): who it is, by a registered public key, an access token, or the browser, and which target and
// account the user name asks for. ssh2 does the packets; this decides.

import { timingSafeEqual, createHash } from 'node:crypto';
import type { AuthContext, Connection, KeyboardAuthContext } from 'ssh2';
import type { LocalDriverServices } from '../../src/core/driver.ts';
import type { Principal } from '../../src/core/principal.ts';
import { duration } from '../../src/core/words.ts';
import type { Restrictions } from './certificate.ts';
import { byPublicKey } from './public-key-sign-in.ts';
import type { KeyTrust } from './public-key-sign-in.ts';

/** Tries of one connection. An agent with many keys takes one for each. */
export const triesMax = 12;
/** What a sign-in in the browser may take; who keeps it has a shorter limit of its own. */
export const browserSignInMsMax = 240_000;
const browserWordsMs = 180_000;
const methods = ['publickey', 'keyboard-interactive', 'password'] as const;

export interface WantedName {
  readonly person: string;
  readonly target: string;
  /** The account at the target; null is the configured one. */
  readonly login: string | null;
}

export interface SignedIn {
  readonly principal: Principal;
  readonly method: 'public-key' | 'certificate' | 'token' | 'browser';
  readonly wanted: WantedName;
  /** Null unless it was a token. */
  readonly tokenId: string | null;
  /** What a certificate says beyond who it is; null or missing: nothing. */
  readonly restrictions?: Restrictions | null;
}

/**
 * `alice:web-1`, `alice:root%web-1`; or with `=` for the colon, which scp, git and addresses (`sftp://alice=web-1@gateway/`) read as the
 * host's. No name has either. Null when no target is named.
 */
export function parseUser(user: string): WantedName | null {
  const found = /^([^:=]{1,200})[:=](?:([^%:=]{1,200})%)?([^%:=]{1,200})$/.exec(user);
  if (found === null) return null;
  return { person: found[1] ?? '', login: found[2] ?? null, target: found[3] ?? '' };
}

/** Answers the authentication requests of a connection. Resolves once somebody is signed in; never rejects: the connection ends instead. */
export function signIn(
  connection: Connection,
  clientAddress: string,
  services: LocalDriverServices,
  trust: KeyTrust,
  extend: () => void,
): Promise<SignedIn> {
  let tries = 0;
  let wasTold = false;
  let pending: { cancel(): void } | null = null;
  connection.on('close', () => pending?.cancel());
  return new Promise((resolve) => {
    const succeed = (context: AuthContext, signedIn: SignedIn) => {
      services.signIns.succeeded(signedIn.principal, signedIn.tokenId, clientAddress, 'ssh');
      resolve(signedIn);
      context.accept();
    };
    connection.on('authentication', (context) => {
      const reject = () => context.reject([...methods]);
      const wanted = parseUser(context.username);
      if (context.method !== 'none') tries += 1;
      if (tries > triesMax) {
        connection.end();
        return reject();
      }
      if (wanted === null) {
        sayHowToName(context, wasTold);
        wasTold ||= context.method === 'keyboard-interactive';
        return;
      }
      if (context.method === 'none' || services.signIns.blocked(wanted.person, clientAddress)) return reject();
      const failed = () => {
        services.signIns.failed(wanted.person, clientAddress);
        reject();
      };
      switch (context.method) {
        case 'publickey': {
          const found = byPublicKey(context, wanted.person, clientAddress, services, trust);
          if (found.kind === 'refused') {
            // An agent offers every key it has: no failure to be counted.
            services.log.info({ person: wanted.person, clientAddress, why: found.why }, 'a key was not accepted');
            return reject();
          }
          if (context.signature === undefined) return context.accept();
          const { principal, method, restrictions } = found;
          return succeed(context, { principal, method, wanted, tokenId: null, restrictions });
        }
        case 'password': {
          const found = byToken(context.password, wanted.person, services);
          return found === null
            ? failed()
            : succeed(context, { principal: found.principal, method: 'token', wanted, tokenId: found.tokenId });
        }
        case 'keyboard-interactive': {
          pending?.cancel();
          extend();
          const { name, target } = { name: wanted.person, target: wanted.target };
          const browser = services.signIns.browser({ name, target, protocol: 'ssh', clientAddress });
          pending = browser;
          context.once('abort', () => browser.cancel());
          return ask(context, wanted.person, browser, (answer) => {
            const token = answer === '' ? null : byToken(answer, wanted.person, services);
            if (answer !== '') browser.cancel();
            if (token !== null) return succeed(context, { principal: token.principal, method: 'token', wanted, tokenId: token.tokenId });
            if (answer !== '') return failed();
            void browser.confirmed.then((confirmed) => {
              if (confirmed === null) return failed();
              succeed(context, { ...confirmed, method: 'browser', wanted });
            });
          });
        }
        default:
          return reject();
      }
    });
  });
}

/**
 * Nobody gets in without naming a target. Words without a question (RFC 4256, 3.2) say so, once: what is named as left to try after them
 * is no way in either, but an empty list has OpenSSH begin again.
 */
function sayHowToName(context: AuthContext, wasTold: boolean): void {
  if (wasTold) return context.reject(['publickey']);
  if (context.method !== 'keyboard-interactive') return context.reject(['keyboard-interactive']);
  const words =
    'The user name says who you are and where you go: ssh PERSON:TARGET@GATEWAY, as in alice:web-1. `sallyport targets` lists them.';
  context.prompt([], 'Sallyport', words, () => context.reject(['publickey']));
}

/** One question that takes both: a token, or an empty answer after the browser. */
function ask(
  context: KeyboardAuthContext,
  person: string,
  browser: { url: string; code: string },
  answered: (answer: string) => void,
): void {
  const instructions = [
    `To sign in as ${person}, open ${browser.url}`,
    `and compare the code ${browser.code}. It waits for ${duration(browserWordsMs)}. Then press Enter here.`,
  ].join('\n');
  const prompt = { prompt: 'Press Enter when you have confirmed, or paste an access token as password: ', echo: false };
  context.prompt([prompt], 'Sallyport', instructions, (answers) => answered(Array.isArray(answers) ? (answers[0] ?? '') : ''));
}

function byToken(token: string, person: string, services: LocalDriverServices): { principal: Principal; tokenId: string } | null {
  const { principal, verifiers } = services.signIns.material(person);
  const hash = createHash('sha256').update(token).digest();
  const verifier = verifiers.find(({ sha256 }) => sha256.length === hash.length && timingSafeEqual(sha256, hash));
  return principal === null || verifier === undefined ? null : { principal, tokenId: verifier.tokenId };
}
