// Which gateway to speak to and as whom: options first, then the environment, then what `sallyport login` saved. The saved
// file is readable by its owner alone.

import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { CommandFailure, exitCode } from './exit-code.ts';

export interface Credentials {
  readonly server: string;
  readonly token: string;
}

export interface CredentialOptions {
  readonly server?: string | undefined;
  readonly token?: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the gateway of a default configuration listens. */
export const defaultServer = 'http://127.0.0.1:8080';

export function credentialsFile(environment: Environment): string {
  const base = environment['XDG_CONFIG_HOME'] ?? join(environment['HOME'] ?? homedir(), '.config');
  return join(base, 'sallyport', 'credentials.json');
}

/** The gateway's address of the options or SALLYPORT_SERVER, which counts as unset when it is empty; undefined when neither says. */
export function namedServer({ server }: CredentialOptions, environment: Environment): string | undefined {
  return server ?? (environment['SALLYPORT_SERVER'] || undefined);
}

/** The credentials to use. A saved token is sent only to the server that it was saved for. */
export function findCredentials(options: CredentialOptions, environment: Environment): Credentials {
  const saved = savedCredentials(environment);
  if (saved === 'damaged')
    throw new CommandFailure(exitCode.failed, `${credentialsFile(environment)} is damaged`, 'delete it and run `sallyport login` again');
  const kept = saved === 'none' ? undefined : saved;
  const server = checkServer(namedServer(options, environment) ?? kept?.server ?? defaultServer);
  const token = options.token ?? environment['SALLYPORT_TOKEN'] ?? (kept?.server === server ? kept.token : undefined);
  if (token === undefined || token === '') {
    throw new CommandFailure(
      exitCode.notAllowed,
      `you are not signed in to ${server}`,
      'run `sallyport login`, or set SALLYPORT_TOKEN (a token comes from the console)',
    );
  }
  return { server, token };
}

/** The address in one spelling. A token never goes over the network in clear. */
export function checkServer(text: string): string {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new CommandFailure(exitCode.usage, `"${text}" is not an address`, 'write it like https://sallyport.example.com');
  }
  const loopback = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
  if (url.protocol === 'http:' && !loopback) {
    throw new CommandFailure(exitCode.usage, `a token is not sent in clear to ${url.host}`, `use https://${url.host}`);
  }
  return url.origin;
}

export function saveCredentials(credentials: Credentials, environment: Environment): string {
  const file = credentialsFile(environment);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(credentials)}\n`, { mode: 0o600 });
  chmodSync(fresh, 0o600);
  renameSync(fresh, file);
  return file;
}

/** What `sallyport login` saved. */
export function savedCredentials(environment: Environment): Credentials | 'none' | 'damaged' {
  let text: string;
  try {
    text = readFileSync(credentialsFile(environment), 'utf8');
  } catch {
    return 'none';
  }
  try {
    const { server, token } = JSON.parse(text) as Partial<Credentials>;
    return typeof server === 'string' && typeof token === 'string' ? { server, token } : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** Gives the file that is gone now. */
export function forgetCredentials(environment: Environment): string {
  const file = credentialsFile(environment);
  rmSync(file, { force: true });
  return file;
}
