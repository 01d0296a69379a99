// A bare copy of a git repository of policies, kept by the git program: fetched, verified and read without ever being checked out,
// so no hook, filter, submodule or symbolic link of the repository has a say. Nothing of the machine's own git configuration counts.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { makeFolder } from '../../src/core/make-folder.ts';
import type { Secret } from '../../src/core/secret.ts';
import { policyFileBytesMax } from './limits.ts';

export interface GitOrigin {
  /** https://, ssh://, git@host:path, or an absolute path of this machine. */
  readonly url: string;
  readonly ref: { readonly kind: 'branch' | 'tag'; readonly name: string };
  /** Folder in the repository; empty: its root. */
  readonly folder: string;
  /** File of allowed signers (ssh-keygen(1)); null: signatures do not count. */
  readonly allowedSigners: string | null;
  /** Private key and known hosts of an SSH URL; null: what ssh finds itself. */
  readonly sshKey: string | null;
  readonly knownHosts: string | null;
  /** Password of an https URL; null: none. */
  readonly token: Secret | null;
}

export interface GitCommit {
  /** 40 hex digits (64 in a SHA-256 repository). */
  readonly id: string;
  readonly author: string;
  readonly committedAt: string;
  readonly subject: string;
}

export interface TreeEntry {
  readonly mode: string;
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
}

/** A repository that does not answer is tried again at the next poll. */
const fetchMs = 60_000;
const readMs = 20_000;
/** Of one answer of git; the largest is a policy file. */
const outputBytesMax = 4 * policyFileBytesMax;
const errorCharsMax = 500;

const candidate = 'refs/sallyport/candidate';
const inForce = 'refs/sallyport/in-force';

export class GitRepository {
  readonly #dir: string;
  readonly #origin: GitOrigin;
  readonly #stopped = new AbortController();

  /** `dir` is made when it is missing, and belongs to this alone. */
  constructor(dir: string, origin: GitOrigin) {
    this.#dir = dir;
    this.#origin = origin;
  }

  get dir(): string {
    return this.#dir;
  }

  async open(): Promise<void> {
    makeFolder(this.#dir);
    await this.#git(['init', '--quiet', '--bare', '--template=', '.'], readMs);
  }

  /** Fetches the branch or tag and answers its commit. Throws in git's words. */
  async fetch(): Promise<string> {
    const { url, ref } = this.#origin;
    const from = ref.kind === 'branch' ? `refs/heads/${ref.name}` : `refs/tags/${ref.name}`;
    await this.#git(['fetch', '--quiet', '--no-tags', '--no-recurse-submodules', '--force', '--', url, `+${from}:${candidate}`], fetchMs);
    return this.#commitOf(candidate);
  }

  /** The commit that was last taken, in this run or an earlier one; null before the first. */
  async taken(): Promise<string | null> {
    return this.#commitOf(inForce).catch(() => null);
  }

  async take(commit: string): Promise<void> {
    await this.#git(['update-ref', inForce, commit], readMs);
  }

  /** Does `commit` come after `before`, or is it the same? */
  async follows(commit: string, before: string): Promise<boolean> {
    return this.#git(['merge-base', '--is-ancestor', before, commit], readMs).then(
      () => true,
      () => false,
    );
  }

  /** Who signed the commit. Throws when nobody did whose key the allowed signers name. */
  async signer(commit: string): Promise<string> {
    const said = await this.#git(['verify-commit', commit], readMs, 'stderr');
    const name = /^Good "git" signature for (.+) with \S+ key \S+$/m.exec(said)?.[1];
    if (name === undefined) throw new Error('the signature names nobody');
    return name;
  }

  async commit(id: string): Promise<GitCommit> {
    const said = await this.#git(['log', '-1', '--no-show-signature', '--format=%an <%ae>%x00%cI%x00%s', id], readMs);
    const [author = '', committedAt = '', subject = ''] = said.trimEnd().split('\0');
    return { id, author, committedAt, subject };
  }

  /** The entries of the policies' folder at that commit. */
  async entries(commit: string): Promise<TreeEntry[]> {
    const said = await this.#git(['ls-tree', '-z', '-l', `${commit}:${this.#origin.folder}`], readMs);
    return said.split('\0').flatMap((line): TreeEntry[] => {
      const found = /^(\d+) (\w+) ([0-9a-f]+) +(\d+|-)\t([^]*)$/.exec(line);
      return found === null ? [] : [{ mode: found[1]!, id: found[3]!, name: found[5]!, bytes: Number(found[4]) || 0 }];
    });
  }

  /** The content of a file. Throws when it is not UTF-8. */
  async text(blob: string): Promise<string> {
    return new TextDecoder('utf-8', { fatal: true }).decode(await this.#run(['cat-file', 'blob', blob], readMs, 'stdout'));
  }

  /** Ends what runs. */
  close(): void {
    this.#stopped.abort();
  }

  async #commitOf(ref: string): Promise<string> {
    return (await this.#git(['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], readMs)).trim();
  }

  async #git(args: readonly string[], timeoutMs: number, from: 'stdout' | 'stderr' = 'stdout'): Promise<string> {
    return (await this.#run(args, timeoutMs, from)).toString('utf8');
  }

  #run(args: readonly string[], timeoutMs: number, from: 'stdout' | 'stderr'): Promise<Buffer> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(timeoutMs)]);
    return new Promise((resolve, reject) => {
      const child = spawn('git', [...this.#settings(), ...args], {
        cwd: this.#dir,
        env: this.#environment(),
        stdio: ['ignore', 'pipe', 'pipe'],
        signal,
        killSignal: 'SIGKILL',
      });
      const output: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
      let bytes = 0;
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > outputBytesMax) child.kill('SIGKILL');
          else output[name].push(chunk);
        });
      }
      child.on('error', (thrown: NodeJS.ErrnoException) => reject(new Error(faultWords(thrown, timeoutMs))));
      child.on('close', (code) => {
        if (code === 0 && bytes <= outputBytesMax) resolve(Buffer.concat(output[from]));
        else reject(new Error(`git ${args[0]}: ${errorWords(Buffer.concat(output.stderr).toString('utf8')) || `exit code ${code}`}`));
      });
    });
  }

  /** Settings that no file of the repository or the machine can change. */
  #settings(): string[] {
    const { allowedSigners } = this.#origin;
    const settings = {
      'core.hooksPath': '/dev/null',
      'core.fsmonitor': 'false',
      'core.askPass': '/bin/false',
      'credential.helper': '',
      'http.followRedirects': 'false',
      'fetch.fsckObjects': 'true',
      'fetch.recurseSubmodules': 'false',
      'submodule.recurse': 'false',
      'protocol.allow': 'never',
      'protocol.https.allow': 'always',
      'protocol.ssh.allow': 'always',
      'protocol.file.allow': 'always',
      'gc.auto': '0',
      'gpg.format': 'ssh',
      'gpg.ssh.allowedSignersFile': allowedSigners ?? '/dev/null',
      'gpg.minTrustLevel': 'fully',
      // Only SSH signatures count: another kind would ask programs with key rings of their own.
      'gpg.openpgp.program': '/bin/false',
      'gpg.x509.program': '/bin/false',
    };
    return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  }

  #environment(): NodeJS.ProcessEnv {
    const { sshKey, knownHosts, token } = this.#origin;
    const ssh = ['ssh', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes'];
    if (sshKey !== null) ssh.push('-o', 'IdentitiesOnly=yes', '-i', quoted(sshKey));
    if (knownHosts !== null) ssh.push('-o', quoted(`UserKnownHostsFile=${knownHosts}`));
    // Not on the command line, where every account of the machine can read it.
    const basic = token === null ? null : Buffer.from(`git:${token.reveal()}`).toString('base64');
    return {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'] ?? this.#dir,
      LC_ALL: 'C',
      GIT_DIR: this.#dir,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_SSH_COMMAND: ssh.join(' '),
      GIT_NO_REPLACE_OBJECTS: '1',
      ...(basic === null
        ? {}
        : { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'http.extraHeader', GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}` }),
    };
  }
}

/** Where a repository of that name is kept within a folder of the gateway's. */
export function repositoryDir(dataDir: string): string {
  return join(dataDir, 'policies.git');
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function errorWords(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .slice(0, errorCharsMax);
}

function faultWords(thrown: NodeJS.ErrnoException, timeoutMs: number): string {
  if (thrown.code === 'ENOENT') return 'the program git is not installed, or not in PATH';
  return thrown.name === 'AbortError' ? `git did not answer within ${timeoutMs / 1000} s` : thrown.message;
}
