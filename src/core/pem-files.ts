// PEM files that may be replaced while the gateway runs: read whenever they are used. What can't be used (a damaged certificate, half of
// a pair) is told, and the last good ones stay.

import { X509Certificate, createPrivateKey } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Log } from './driver.ts';
import { messageOf } from './errors.ts';

/** A bundle of all authorities that there are is a tenth of that; anything larger is the wrong file. */
export const pemBytesMax = 4 * 1024 ** 2;

export interface PemFile {
  readonly path: string;
  /** What was read at the start. */
  readonly text: string;
}

type Texts<Name extends string> = Readonly<Partial<Record<Name, string>>>;

/** Files that have to fit together, by name. */
export class PemFiles<Name extends string> {
  readonly #files: readonly (readonly [string, PemFile])[];
  readonly #problemOf: (texts: Texts<Name>) => string | null;
  readonly #log: Pick<Log, 'warn'>;
  #good: Texts<Name>;
  #told = '';

  /** `problemOf` says in words why they can't be used. */
  constructor(files: Readonly<Partial<Record<Name, PemFile>>>, problemOf: (texts: Texts<Name>) => string | null, log: Pick<Log, 'warn'>) {
    this.#files = Object.entries<PemFile | undefined>(files).flatMap(([name, file]) => (file === undefined ? [] : [[name, file] as const]));
    this.#good = Object.fromEntries(this.#files.map(([name, { text }]) => [name, text])) as Texts<Name>;
    this.#problemOf = problemOf;
    this.#log = log;
  }

  /** What they hold now. Never rejects; the very same object as long as nothing has changed. */
  async current(): Promise<Texts<Name>> {
    let problem: string | null;
    try {
      const read = await Promise.all(this.#files.map(async ([name, { path }]) => [name, await textOf(path)]));
      const texts = Object.fromEntries(read) as Texts<Name>;
      const isSame = Object.entries(texts).every(([name, text]) => text === this.#good[name as Name]);
      problem = isSame ? null : this.#problemOf(texts);
      if (!isSame && problem === null) this.#good = texts;
    } catch (thrown) {
      problem = messageOf(thrown);
    }
    if (problem !== null && problem !== this.#told) {
      const files = this.#files.map(([, { path }]) => path);
      this.#log.warn({ files, err: problem }, 'PEM files that were replaced can not be used: the last good ones stay');
    }
    this.#told = problem ?? '';
    return this.#good;
  }
}

/** The PEM text to trust now. */
export type Authorities = () => Promise<string>;

/** Follows one file of authorities; null: the system's are trusted. */
export function followAuthorities(ca: PemFile | null, log: Pick<Log, 'warn'>): Authorities | null {
  if (ca === null) return null;
  const files = new PemFiles({ ca }, (texts) => authoritiesProblem(texts.ca ?? ''), log);
  return async () => (await files.current()).ca ?? ca.text;
}

/** Why these are no certificates to trust, in words; null when they are. */
export function authoritiesProblem(pem: string): string | null {
  const certificates = pem.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END/g) ?? [];
  if (certificates.length === 0) return 'holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)';
  try {
    for (const begun of certificates) new X509Certificate(`${begun} ${/BEGIN ([^-]+)-/.exec(begun)?.[1] ?? ''}-----\n`);
  } catch {
    return 'a certificate in it is damaged';
  }
  return null;
}

/** Why certificate and key are no pair, and which of the two is to blame; null when they are one. */
export function pairProblem(certificate: string, key: string): { readonly of: 'certificate' | 'key'; readonly words: string } | null {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch {
    return { of: 'certificate', words: "the certificate can't be read: it is damaged" };
  }
  try {
    return leaf.checkPrivateKey(createPrivateKey(key)) ? null : { of: 'key', words: 'the key does not belong to the certificate' };
  } catch {
    return { of: 'key', words: "the key can't be read: it is damaged, or has a passphrase (which is not supported)" };
  }
}

async function textOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path}: it is no file`);
    if (stat.size > pemBytesMax) throw new Error(`${path}: it is larger than ${pemBytesMax} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
