// Follows the files of secrets that the gateway shows others or knows them by (webhooks, chats, mail, forges, sign-in services): who
// rotates one replaces its file. What can't be used, or read, is told and changes nothing.

import { pemBytesMax } from '../core/pem-files.ts';
import type { Clock } from '../core/clock.ts';
import type { Log } from '../core/driver.ts';
import { fileWords, secretIn } from '../config/files.ts';
import type { SecretFile } from '../config/files.ts';
import { FileContents } from '../targets/credentials/file-content.ts';
import type { Teardown } from './teardown.ts';

/** As those of the gateway's own certificate are. */
const lookEveryMs = 2_000;

/** What a look found: a secret that could be taken, or why there is none. */
type Found = { readonly kind: 'secret'; readonly value: string } | { readonly kind: 'problem'; readonly words: string };

export function followSecretFiles(files: readonly SecretFile[], parts: { readonly clock: Clock; readonly log: Log }, down: Teardown): void {
  if (files.length === 0) return;
  const contents = new FileContents(pemBytesMax, parts.clock);
  const followed = files.map((file) => new Followed(file, parts.log));
  let isLooking = false;
  const look = async (): Promise<void> => {
    if (isLooking) return; // a file system that stands still
    isLooking = true;
    for (const file of followed) await file.look(contents);
    isLooking = false;
  };
  const timer = setInterval(() => void look(), lookEveryMs).unref(); // never rejects
  down.add(() => clearInterval(timer));
}

class Followed {
  readonly #file: SecretFile;
  readonly #log: Log;
  /** Found for the first time: taken, or told, when the next look finds the same, because a file may be half written. */
  #first = '';
  #told = '';

  constructor(file: SecretFile, log: Log) {
    this.#file = file;
    this.#log = log;
  }

  /** Never rejects. */
  async look(contents: FileContents): Promise<void> {
    const { path, secret } = this.#file;
    const found = await this.#read(contents);
    if (found.kind === 'secret' && found.value === secret.reveal()) {
      this.#first = this.#told = '';
      return;
    }
    const text = JSON.stringify(found);
    if (this.#first !== text) {
      this.#first = text;
    } else if (found.kind === 'secret') {
      secret.replace(found.value);
      this.#log.info({ file: path }, 'a secret was replaced');
    } else if (this.#told !== found.words) {
      this.#told = found.words;
      this.#log.warn({ file: path, err: found.words }, "a secret's new file can't be used: the last good one stays");
    }
  }

  async #read(contents: FileContents): Promise<Found> {
    const { path, problemOf } = this.#file;
    try {
      const text = await contents.of(path);
      const value = text === null ? null : secretIn(text);
      const words = value === null ? `it is larger than ${pemBytesMax} bytes` : value === '' ? 'it is empty' : problemOf(value);
      return words === null && value !== null ? { kind: 'secret', value } : { kind: 'problem', words: words ?? '' };
    } catch (thrown) {
      return { kind: 'problem', words: fileWords(thrown) };
    }
  }
}
