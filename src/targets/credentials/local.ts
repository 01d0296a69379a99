// Passwords and keys on this machine: a file, looked at again at every sign-in (whoever rotates it has nothing to restart), or an
// environment variable. Their words name the place, never the content.

import type { Clock } from '../../core/clock.ts';
import type { Credential, CredentialProvider } from '../../core/credential.ts';
import { Fault } from '../../core/errors.ts';
import { Secret } from '../../core/secret.ts';
import type { Target } from '../../core/target.ts';
import { FileContents } from './file-content.ts';

/** A private key has some kilobytes. */
const fileBytesMax = 64 * 1024;

export type Environment = Readonly<Record<string, string | undefined>>;

export function localCredentials(environment: Environment, clock: Pick<Clock, 'nowMs'>): CredentialProvider {
  const contents = new FileContents(fileBytesMax, clock);
  return {
    read: async (target) => {
      const source = sourceOf(target);
      const password =
        source.password === null
          ? null
          : 'file' in source.password
            ? withoutLineEnd(await read(contents, source.password.file))
            : variable(environment, source.password.variable);
      const privateKey = source.privateKeyFile === null ? null : await read(contents, source.privateKeyFile);
      if (password === '') throw failed(`${placeOf(source.password)} is empty`);
      return {
        user: null,
        password: password === null ? null : new Secret(password),
        privateKey: privateKey === null ? null : new Secret(privateKey),
        version: [placeOf(source.password), source.privateKeyFile].filter((it) => it !== null).join(', '),
        lease: null,
      } satisfies Credential;
    },
    previous: async () => null,
    accepted: () => {},
  };
}

function sourceOf({ credential }: Target) {
  if (credential?.kind !== 'local') throw new Error('not a credential of this machine');
  return credential;
}

function placeOf(password: { readonly variable: string } | { readonly file: string } | null): string | null {
  if (password === null) return null;
  return 'file' in password ? password.file : `the environment variable ${password.variable}`;
}

function variable(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined) throw failed(`the environment variable ${name} is not set`);
  return value;
}

async function read(contents: FileContents, file: string): Promise<string> {
  const text = await contents.of(file).catch((thrown: unknown) => {
    throw failed(`${file} can't be read (${(thrown as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  });
  if (text === null) throw failed(`${file} is larger than ${fileBytesMax} bytes`);
  return text;
}

/** Editors add it. */
function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function failed(words: string): Fault {
  return new Fault('target-credential-failed', words);
}
