// A folder of policy files that is followed while the gateway runs. A version is taken as a whole or not at all: a bad one never
// replaces a good one, and is told to whoever asked to hear of it.

import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '../../src/core/errors.ts';
import type { TemplateReaders } from '../../src/core/template.ts';
import { policyFileBytesMax, policyFilesMax } from './limits.ts';
import { formatProblem, loadPolicies, versionOf } from './load.ts';
import type { LoadedPolicySet, PolicyText } from './load.ts';
import type { PolicyProblem } from './problem.ts';

/** Editors write in several steps; a folder is read when it has been quiet for this long. */
const quietMs = 100;
/** Watching misses some changes (the far end of a symbolic link, network file systems), so the folder is also looked at. */
const lookEveryMs = 2_000;

export interface PolicyFolderListener {
  /** A new version is in force. Not called for the first one. */
  onLoaded(set: LoadedPolicySet): void;
  /** A version on disk was not taken; once for each version. */
  onRejected(problems: readonly PolicyProblem[]): void;
  /** After a version that was not taken, the one in force is there again. */
  onPutBack(set: LoadedPolicySet): void;
}

export interface PolicyFolder {
  current(): LoadedPolicySet;
  /** The files of the version in force, named as in the folder. */
  files(): readonly PolicyText[];
  /** Problems of the version on disk when it is not the one in force, in words. */
  rejected(): readonly string[];
  /** Reads the folder now. Problems are told to the listener; rejects only when the listener throws. */
  reload(): Promise<void>;
  close(): void;
}

/** Opens a folder. Rejects with Fault policy-invalid, all problems in words, when its first version can't be taken. */
export async function openPolicyFolder(
  directory: string,
  listener: PolicyFolderListener,
  readers: TemplateReaders = {},
): Promise<PolicyFolder> {
  const folder = new Folder(directory, listener, readers);
  await folder.start();
  return folder;
}

/** Test files stand beside the policies that they test. */
export function isPolicyFile(name: string): boolean {
  return /\.ya?ml$/.test(name) && !/\.tests?\.ya?ml$/.test(name) && !name.startsWith('.');
}

class Folder implements PolicyFolder {
  readonly #directory: string;
  readonly #listener: PolicyFolderListener;
  readonly #readers: TemplateReaders;
  #current: LoadedPolicySet | null = null;
  #files: readonly PolicyText[] = [];
  #rejected: readonly string[] = [];
  /** What was last read, good or bad: the same content is judged once. */
  #seen = '';
  #stamp = '';
  #watcher: FSWatcher | null = null;
  #quiet: NodeJS.Timeout | null = null;
  #look: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(directory: string, listener: PolicyFolderListener, readers: TemplateReaders) {
    this.#directory = directory;
    this.#readers = readers;
    this.#listener = listener;
  }

  async start(): Promise<void> {
    // Watching begins before reading, so that nothing can change in between unseen.
    this.#watch();
    const problems = await this.#read().catch((thrown: unknown) => [unreadable(this.#directory, thrown)]);
    if (problems.length > 0) {
      this.close();
      const words = problems.map(formatProblem).join('\n');
      throw new Fault('policy-invalid', `the policies in ${this.#directory} can't be loaded:\n${words}`, {
        hint: 'Correct the files, or start with the ones in policies/packs.',
      });
    }
    this.#look = setInterval(() => void this.#lookAgain(), lookEveryMs);
    this.#look.unref();
  }

  current(): LoadedPolicySet {
    if (this.#current === null) throw new Error('policies asked for before they were loaded');
    return this.#current;
  }

  files(): readonly PolicyText[] {
    return this.#files;
  }

  rejected(): readonly string[] {
    return this.#rejected;
  }

  reload(): Promise<void> {
    // One reading at a time, in order: a slow old one must not come after a new one.
    const reading = this.#reading.then(() => this.#readAndTell());
    // A listener that throws fails the reading that it was told of, and no later one.
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    this.#watcher = null;
    if (this.#quiet !== null) clearTimeout(this.#quiet);
    if (this.#look !== null) clearInterval(this.#look);
  }

  async #readAndTell(): Promise<void> {
    if (this.#closed) return;
    let problems: readonly PolicyProblem[];
    const before = this.#current;
    const wasRejected = this.#rejected.length > 0;
    try {
      problems = await this.#read();
    } catch (thrown) {
      problems = this.#reject(`unreadable: ${messageOf(thrown)}`, [unreadable(this.#directory, thrown)]);
    }
    if (this.#closed) return;
    if (problems.length > 0) this.#listener.onRejected(problems);
    else if (this.#current !== null && this.#current !== before) this.#listener.onLoaded(this.#current);
    else if (this.#current !== null && wasRejected && this.#rejected.length === 0) this.#listener.onPutBack(this.#current);
  }

  /** Reads and takes what is new. Returns the problems of a version that is seen for the first time. */
  async #read(): Promise<readonly PolicyProblem[]> {
    this.#stamp = await stampOf(this.#directory);
    const read = await readFiles(this.#directory);
    const version = read.problems.length > 0 ? JSON.stringify(read.problems) : versionOf(read.files);
    if (this.#current !== null && version === this.#current.version) {
      this.#rejected = [];
      this.#seen = version;
      return [];
    }
    if (version === this.#seen) return [];
    if (read.problems.length > 0) return this.#reject(version, read.problems);
    const texts = read.files.map(({ path, text }) => ({ path: join(this.#directory, path), text }));
    const loaded = loadPolicies(texts, this.#readers);
    if (!loaded.ok) return this.#reject(version, loaded.errors);
    this.#current = loaded.set;
    this.#files = read.files;
    this.#rejected = [];
    this.#seen = version;
    return [];
  }

  #reject(version: string, problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
    if (version === this.#seen) return [];
    this.#seen = version;
    this.#rejected = problems.map(formatProblem);
    return problems;
  }

  #watch(): void {
    if (this.#closed || this.#watcher !== null) return;
    try {
      this.#watcher = watch(this.#directory, { persistent: false }, () => this.#changed());
      this.#watcher.on('error', () => {
        this.#watcher?.close();
        this.#watcher = null;
      });
    } catch {
      // The folder is gone or can't be watched: it is looked at every few seconds anyway.
      this.#watcher = null;
    }
  }

  #changed(): void {
    if (this.#closed) return;
    if (this.#quiet !== null) clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => void this.reload(), quietMs);
    this.#quiet.unref();
  }

  async #lookAgain(): Promise<void> {
    this.#watch();
    const stamp = await stampOf(this.#directory);
    if (stamp === this.#stamp) return;
    // A folder that was replaced by rename leaves the watcher on the old one.
    this.#watcher?.close();
    this.#watcher = null;
    this.#watch();
    await this.reload();
  }
}

interface ReadFolder {
  readonly files: readonly PolicyText[];
  readonly problems: readonly PolicyProblem[];
}

/** The policy files of the folder itself, by name; folders in it are not entered. */
async function readFiles(directory: string): Promise<ReadFolder> {
  const names = (await readdir(directory)).filter(isPolicyFile).sort();
  if (names.length === 0)
    return { files: [], problems: [{ path: directory, line: 1, column: 1, message: 'there is no policy file (*.yaml) here' }] };
  if (names.length > policyFilesMax) {
    return { files: [], problems: [{ path: directory, line: 1, column: 1, message: `more than ${policyFilesMax} policy files` }] };
  }
  const files: PolicyText[] = [];
  const problems: PolicyProblem[] = [];
  for (const name of names) {
    const path = join(directory, name);
    try {
      const found = await stat(path);
      if (!found.isFile()) continue;
      if (found.size > policyFileBytesMax) throw new Error(`larger than ${policyFileBytesMax} bytes`);
      files.push({ path: name, text: new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path)) });
    } catch (thrown) {
      problems.push(unreadable(path, thrown));
    }
  }
  return { files, problems };
}

/** Changes when a file does, as far as the file system tells. */
async function stampOf(directory: string): Promise<string> {
  try {
    const names = (await readdir(directory)).filter(isPolicyFile).sort();
    const stamps = names.map(async (name) => {
      const found = await stat(join(directory, name), { bigint: true }).catch(() => null);
      return `${name} ${found?.ino} ${found?.size} ${found?.mtimeNs} ${found?.ctimeNs}`;
    });
    return (await Promise.all(stamps)).join('\n');
  } catch (thrown) {
    return `unreadable: ${messageOf(thrown)}`;
  }
}

function unreadable(path: string, thrown: unknown): PolicyProblem {
  return { path, line: 1, column: 1, message: `can't be read: ${messageOf(thrown)}` };
}
