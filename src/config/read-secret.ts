// One secret that the configuration names by a file or by an environment variable. What replaces the file of a followed one later
// replaces the secret, too.

import type { Secret } from '../core/secret.ts';
import type { ConfigDocument, ValuePath } from './document.ts';
import type { ConfigFiles, SecretProblem } from './files.ts';

/** What readers of secrets need. */
export interface SecretReading {
  readonly document: ConfigDocument;
  readonly files: ConfigFiles;
}

export interface NamedSecret {
  readonly env: string | undefined;
  readonly file: string | undefined;
}

/** `WORD_file` or `WORD_env`; null: neither is written, or a problem was noted. */
export function readSecret({ document, files }: SecretReading, path: ValuePath, word: string, { env, file }: NamedSecret): Secret | null {
  if (env !== undefined && file !== undefined) {
    document.problem([...path, `${word}_env`], `is one too many: use ${word}_env or ${word}_file`);
    return null;
  }
  if (env !== undefined) return files.secretVariable(env, [...path, `${word}_env`]) ?? null;
  return file === undefined ? null : (files.secretFile(file, [...path, `${word}_file`]) ?? null);
}

/** The same of one that follows its file. `problemOf` counts for the first and for those that replace it. */
export function readFollowedSecret(
  reading: SecretReading,
  path: ValuePath,
  word: string,
  named: NamedSecret,
  problemOf: SecretProblem = () => null,
): Secret | null {
  const secret = readSecret(reading, path, word, named);
  if (secret === null) return null;
  const problem = problemOf(secret.reveal());
  if (problem !== null) reading.document.problem([...path, `${word}_${named.file === undefined ? 'env' : 'file'}`], problem);
  if (named.file !== undefined) reading.files.follow(secret, named.file, problemOf);
  return secret;
}

/** The same of one without which nothing works. */
export function readNeededSecret(
  reading: SecretReading,
  path: ValuePath,
  word: string,
  named: NamedSecret,
  problemOf?: SecretProblem,
): Secret | null {
  if (named.env !== undefined || named.file !== undefined) return readFollowedSecret(reading, path, word, named, problemOf);
  reading.document.problem([...path, `${word}_file`], `is missing: use ${word}_file or ${word}_env`);
  return null;
}
