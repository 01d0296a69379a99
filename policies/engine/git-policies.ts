// Policies from a git repository at a branch or tag, followed while the gateway runs. A commit is taken as a whole or not at all: a bad
// one, or one without the signature that is asked for, never replaces a good one. Without the repository the last good commit counts.

import { Fault, messageOf } from '../../src/core/errors.ts';
import type { TemplateReaders } from '../../src/core/template.ts';
import { isPolicyFile } from './folder.ts';
import type { PolicyFolder, PolicyFolderListener } from './folder.ts';
import { GitRepository } from './git-repository.ts';
import type { GitCommit, GitOrigin } from './git-repository.ts';
import { policyFileBytesMax, policyFilesMax } from './limits.ts';
import { formatProblem, loadPolicies } from './load.ts';
import type { LoadedPolicySet, PolicyText } from './load.ts';
import type { PolicyProblem } from './problem.ts';

export interface GitOptions {
  readonly origin: GitOrigin;
  /** Every commit must be signed by one of the allowed signers, and follow from the one before. */
  readonly isSignatureRequired: boolean;
  readonly pollMs: number;
}

/** The commit in force. */
export interface GitSource extends GitCommit {
  readonly url: string;
  readonly ref: string;
  /** Who signed it, as the allowed signers name them; null when signatures are not asked for and there is none that counts. */
  readonly signedBy: string | null;
}

/** Digits of the commit in a version: enough to find it. */
const commitDigits = 12;

interface Taken {
  readonly set: LoadedPolicySet;
  readonly files: readonly PolicyText[];
  readonly source: GitSource;
}

export interface GitPolicies extends PolicyFolder {
  source(): GitSource;
}

/** Opens the policies of a repository. Rejects with Fault policy-invalid, in words, when there is no good version at all. */
export async function openGitPolicies(
  dir: string,
  options: GitOptions,
  listener: PolicyFolderListener,
  readers: TemplateReaders = {},
): Promise<GitPolicies> {
  const policies = new FollowedRepository(dir, options, listener, readers);
  await policies.start();
  return policies;
}

class FollowedRepository implements GitPolicies {
  readonly #repository: GitRepository;
  readonly #options: GitOptions;
  readonly #listener: PolicyFolderListener;
  readonly #readers: TemplateReaders;
  #taken: Taken | null = null;
  #rejected: readonly string[] = [];
  /** What was last told as rejected: the same is told once. */
  #told = '';
  /** A commit that was looked at and not taken. */
  #refused: { commit: string; problems: readonly PolicyProblem[] } | null = null;
  #poll: NodeJS.Timeout | null = null;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(dir: string, options: GitOptions, listener: PolicyFolderListener, readers: TemplateReaders) {
    this.#repository = new GitRepository(dir, options.origin);
    this.#options = options;
    this.#listener = listener;
    this.#readers = readers;
  }

  async start(): Promise<void> {
    const { url } = this.#options.origin;
    try {
      await this.#repository.open();
    } catch (thrown) {
      throw new Fault('policy-invalid', `the repository of policies can't be kept in ${this.#repository.dir}: ${messageOf(thrown)}`, {
        hint: 'Install git, and give the gateway a data_dir that it can write.',
      });
    }
    const problems = await this.#look();
    if (this.#taken === null) await this.#takeLast();
    if (this.#taken === null) {
      this.close();
      const words = problems.map(formatProblem).join('\n');
      throw new Fault('policy-invalid', `the policies of ${url} can't be loaded:\n${words}`, {
        hint: 'Correct the repository, or the section policies.git of the configuration.',
      });
    }
    if (problems.length > 0) this.#tellRejected(problems);
    this.#poll = setInterval(() => void this.reload(), this.#options.pollMs);
    this.#poll.unref();
  }

  current(): LoadedPolicySet {
    return this.#inForce().set;
  }

  files(): readonly PolicyText[] {
    return this.#inForce().files;
  }

  source(): GitSource {
    return this.#inForce().source;
  }

  rejected(): readonly string[] {
    return this.#rejected;
  }

  reload(): Promise<void> {
    const reading = this.#reading.then(() => this.#readAndTell());
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  close(): void {
    this.#closed = true;
    if (this.#poll !== null) clearInterval(this.#poll);
    this.#repository.close();
  }

  #inForce(): Taken {
    if (this.#taken === null) throw new Error('policies asked for before they were loaded');
    return this.#taken;
  }

  async #readAndTell(): Promise<void> {
    if (this.#closed) return;
    const before = this.#taken;
    const problems = await this.#look();
    if (this.#closed) return;
    if (problems.length > 0) return this.#tellRejected(problems);
    const wasRejected = this.#rejected.length > 0;
    this.#rejected = [];
    this.#told = '';
    if (this.#taken !== null && this.#taken !== before) this.#listener.onLoaded(this.#taken.set);
    else if (this.#taken !== null && wasRejected) this.#listener.onPutBack(this.#taken.set);
  }

  #tellRejected(problems: readonly PolicyProblem[]): void {
    this.#rejected = problems.map(formatProblem);
    const told = this.#rejected.join('\n');
    if (told === this.#told) return;
    this.#told = told;
    this.#listener.onRejected(problems);
  }

  /** Fetches, and takes the commit when it is new and good. Returns why it was not taken; nothing when it is in force. */
  async #look(): Promise<readonly PolicyProblem[]> {
    let commit: string;
    try {
      commit = await this.#repository.fetch();
    } catch (thrown) {
      return [this.#problem(null, `can't be fetched: ${messageOf(thrown)}`)];
    }
    if (commit === this.#taken?.source.id) return [];
    if (commit === this.#refused?.commit) return this.#refused.problems;
    const problems = await this.#tryToTake(commit, true);
    this.#refused = problems.length > 0 ? { commit, problems } : null;
    return problems;
  }

  /** After a start without the repository, or with a bad commit in it: what was in force before. */
  async #takeLast(): Promise<void> {
    const commit = await this.#repository.taken();
    if (commit !== null) await this.#tryToTake(commit, false);
  }

  async #tryToTake(commit: string, isNew: boolean): Promise<readonly PolicyProblem[]> {
    try {
      const { isSignatureRequired, origin } = this.#options;
      const last = isNew && isSignatureRequired ? await this.#repository.taken() : null;
      // An old commit has a good signature too: without this whoever can push could bring it back.
      if (last !== null && !(await this.#repository.follows(commit, last))) {
        const hint = `to take it all the same, stop the gateway and remove ${this.#repository.dir}`;
        return [
          this.#problem(commit, `does not follow from ${last.slice(0, commitDigits)}, which was in force: history was rewritten; ${hint}`),
        ];
      }
      const signedBy = await this.#signer(commit);
      const { files, problems } = await this.#read(commit);
      if (problems.length > 0) return problems;
      const loaded = loadPolicies(files, this.#readers, `@${commit.slice(0, commitDigits)}`);
      if (!loaded.ok) return loaded.errors.map((it) => ({ ...it, path: `${commit.slice(0, commitDigits)}:${it.path}` }));
      const source = { ...(await this.#repository.commit(commit)), url: origin.url, ref: origin.ref.name, signedBy };
      await this.#repository.take(commit);
      this.#taken = { set: loaded.set, files, source };
      return [];
    } catch (thrown) {
      return [this.#problem(commit, messageOf(thrown))];
    }
  }

  async #signer(commit: string): Promise<string | null> {
    const { isSignatureRequired, origin } = this.#options;
    if (origin.allowedSigners === null) return null;
    try {
      return await this.#repository.signer(commit);
    } catch (thrown) {
      if (!isSignatureRequired) return null;
      throw new Error(`is not signed by anybody in ${origin.allowedSigners} (${messageOf(thrown)})`);
    }
  }

  async #read(commit: string): Promise<{ files: readonly PolicyText[]; problems: readonly PolicyProblem[] }> {
    const entries = (await this.#repository.entries(commit)).filter(({ name }) => isPolicyFile(name));
    const problems: PolicyProblem[] = [];
    if (entries.length === 0) problems.push(this.#problem(commit, 'there is no policy file (*.yaml) here'));
    if (entries.length > policyFilesMax) problems.push(this.#problem(commit, `more than ${policyFilesMax} policy files`));
    const files: PolicyText[] = [];
    for (const { name, mode, bytes, id } of problems.length > 0 ? [] : entries) {
      if (!mode.startsWith('100')) problems.push(this.#problem(commit, `${name} is no plain file`));
      else if (bytes > policyFileBytesMax) problems.push(this.#problem(commit, `${name} is larger than ${policyFileBytesMax} bytes`));
      else files.push({ path: name, text: await this.#repository.text(id) });
    }
    return { files, problems };
  }

  #problem(commit: string | null, message: string): PolicyProblem {
    const { url, ref } = this.#options.origin;
    const what = commit === null ? `${ref.kind} ${ref.name}` : `commit ${commit.slice(0, commitDigits)}`;
    return { path: url, line: 1, column: 1, message: `${what} ${message}` };
  }
}
