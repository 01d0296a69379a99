// Reads what the configuration points at: PEM files and secrets, from files or the environment. Every failure becomes a
// problem at the place that named it; no message ever carries content.

import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { authoritiesProblem, pemBytesMax } from '../core/pem-files.ts';
import type { PemFile } from '../core/pem-files.ts';
import { Secret } from '../core/secret.ts';
import type { ConfigDocument, ValuePath } from './document.ts';

/** Why a secret can't be used, in words that tell nothing of it; null when it can. */
export type SecretProblem = (text: string) => string | null;

/** A secret whose file is looked at while the gateway runs. */
export interface SecretFile {
  /** Absolute. */
  readonly path: string;
  readonly secret: Secret;
  readonly problemOf: SecretProblem;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export class ConfigFiles {
  readonly #document: ConfigDocument;
  readonly #folder: string;
  readonly #environment: Environment;
  readonly warnings: string[] = [];
  readonly followed: SecretFile[] = [];

  constructor(document: ConfigDocument, file: string, environment: Environment) {
    this.#document = document;
    this.#folder = dirname(file);
    this.#environment = environment;
  }

  /** Absolute: relative paths start at the configuration's folder. */
  absolute(path: string): string {
    return isAbsolute(path) ? path : resolve(this.#folder, path);
  }

  /** A folder that has to be there. */
  folder(path: string, at: ValuePath): void {
    const problem = folderProblem(this.absolute(path));
    if (problem !== null) this.#document.problem(at, `${this.absolute(path)} ${problem}`);
  }

  text(path: string, at: ValuePath): string | undefined {
    const absolute = this.absolute(path);
    try {
      const stat = statSync(absolute);
      if (stat.isDirectory()) throw new Error('it is a folder');
      if (stat.size > pemBytesMax) throw new Error(`it is larger than ${pemBytesMax} bytes`);
      return readFileSync(absolute, 'utf8');
    } catch (thrown) {
      this.#document.problem(at, `can't read ${absolute}: ${fileWords(thrown)}`);
      return undefined;
    }
  }

  pem(path: string, at: ValuePath, label: 'CERTIFICATE' | 'PRIVATE KEY'): string | undefined {
    const text = this.text(path, at);
    const problem = text === undefined ? null : pemProblem(text, label);
    if (problem === null) return text;
    this.#document.problem(at, `${this.absolute(path)} ${problem}`);
    return undefined;
  }

  /** Authorities to trust, with the place where they are looked for again. */
  authorities(path: string, at: ValuePath): PemFile | null {
    const text = this.pem(path, at, 'CERTIFICATE');
    if (text === undefined) return null;
    const problem = authoritiesProblem(text);
    if (problem !== null) this.#document.problem(at, `${this.absolute(path)}: ${problem}`);
    return { path: this.absolute(path), text };
  }

  /** A secret file's text without the line end that editors add. */
  secretFile(path: string, at: ValuePath): Secret | undefined {
    const text = this.text(path, at);
    if (text === undefined) return undefined;
    this.#warnIfOpen(path);
    return this.#secret(secretIn(text), at, `${this.absolute(path)} is empty`);
  }

  /** What replaces the file while the gateway runs replaces the secret, if it can be used. */
  follow(secret: Secret, path: string, problemOf: SecretProblem): void {
    // What comes by a pipe comes once: to look again would wait for ever.
    if (!(statSync(this.absolute(path), { throwIfNoEntry: false })?.isFile() ?? false)) return;
    this.followed.push({ path: this.absolute(path), secret, problemOf });
  }

  privateKey(path: string, at: ValuePath): Secret | undefined {
    const text = this.pem(path, at, 'PRIVATE KEY');
    if (text === undefined) return undefined;
    this.#warnIfOpen(path);
    return new Secret(text);
  }

  secretVariable(name: string, at: ValuePath): Secret | undefined {
    const value = this.#environment[name];
    if (value === undefined) {
      this.#document.problem(at, `the environment variable ${name} is not set`);
      return undefined;
    }
    return this.#secret(value, at, `the environment variable ${name} is empty`);
  }

  #secret(value: string, at: ValuePath, emptyWords: string): Secret | undefined {
    if (value !== '') return new Secret(value);
    this.#document.problem(at, emptyWords);
    return undefined;
  }

  #warnIfOpen(path: string): void {
    const mode = statSync(this.absolute(path), { throwIfNoEntry: false })?.mode ?? 0;
    if ((mode & 0o004) !== 0) this.warnings.push(`${this.absolute(path)} can be read by every user of this machine; chmod 600 it`);
  }
}

/** The secret of a file's text: without the line end that editors add. */
export function secretIn(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** Why a path is no usable folder, or null. */
function folderProblem(absolute: string): string | null {
  try {
    return statSync(absolute).isDirectory() ? null : 'is not a folder';
  } catch (thrown) {
    return `can't be used: ${fileWords(thrown)}`;
  }
}

export function pemProblem(text: string, label: 'CERTIFICATE' | 'PRIVATE KEY'): string | null {
  return text.includes(`${label}-----`) ? null : `holds no ${label.toLowerCase()} in PEM form (-----BEGIN … ${label}-----)`;
}

/** System errors in words, without the path that the caller names already. */
export function fileWords(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return 'there is no such file or folder';
    case 'EACCES':
      return 'permission denied';
    case 'ENOTDIR':
      return 'a part of the path is not a folder';
    default:
      return thrown instanceof Error ? (code ?? thrown.message) : String(thrown);
  }
}
