// The section `policies`: a folder, or a git repository.

import { z } from 'zod';
import type { Secret } from '../core/secret.ts';
import type { ConfigDocument } from './document.ts';
import type { ConfigFiles } from './files.ts';
import { readCredential } from './read-targets.ts';
import type { Parts } from './validate.ts';

export interface GitPoliciesConfig {
  readonly url: string;
  readonly ref: { readonly kind: 'branch' | 'tag'; readonly name: string };
  /** In the repository; empty: its root. */
  readonly folder: string;
  readonly signedCommits: 'required' | 'optional';
  readonly allowedSignersFile: string | null;
  readonly sshKeyFile: string | null;
  readonly knownHostsFile: string | null;
  readonly token: Secret | null;
  readonly pollMs: number;
}

export type PoliciesConfig =
  | { readonly dir: string; readonly git: null }
  /** `dir` is where the copy of the repository is kept. */
  | { readonly dir: string; readonly git: GitPoliciesConfig };

/** Names of branches and tags that git and a command line read as nothing else (git-check-ref-format(1), and narrower). */
const refName = z
  .string()
  .regex(/^[A-Za-z0-9_](?:[A-Za-z0-9_.+-]|\/(?=[A-Za-z0-9_])){0,199}$/, 'write the name of a branch or tag, such as main or release/1');

export interface PoliciesSchemas<Duration extends z.ZodType> {
  readonly path: z.ZodString;
  readonly envName: z.ZodString;
  readonly poll: Duration;
}

export function policiesSection<Duration extends z.ZodType>({ path, envName, poll }: PoliciesSchemas<Duration>) {
  return z.strictObject({
    dir: path.optional().describe('The folder of policies.'),
    git: z
      .strictObject({
        url: z.string().min(1).max(2_048).describe('https://…, ssh://…, git@host:path, or a path of this machine.'),
        branch: refName.optional().describe('The branch that is followed. Default: main.'),
        tag: refName.optional().describe('A tag instead of a branch.'),
        folder: z
          .string()
          .regex(
            /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/,
            'write a folder of the repository, such as gateway/policies',
          )
          .optional()
          .describe('The folder in the repository. Default: its root.'),
        signed_commits: z
          .enum(['required', 'optional'])
          .default('optional')
          .describe('required: a commit counts only with the SSH signature of an allowed signer, and only when it follows from the last.'),
        allowed_signers: path.optional().describe('File of allowed signers, as ssh-keygen(1) describes it. Required with "required".'),
        ssh_key: path.optional().describe('Private key for an SSH URL.'),
        known_hosts: path.optional().describe('Host keys for an SSH URL. Default: what ssh knows.'),
        token_file: path.optional().describe('File with the token (password) for an https URL.'),
        token_env: envName.optional().describe('Environment variable with that token.'),
        poll: poll.optional().describe('How often the repository is asked. Default: 30s.'),
      })
      .optional()
      .describe('A git repository instead of a folder.'),
  });
}

/** One repository asked once a second is asked too often. */
const pollMsMin = 1_000;
const pollMsDefault = 30_000;

/** Undefined when there were problems. */
export function readPolicies(document: ConfigDocument, files: ConfigFiles, parts: Parts): PoliciesConfig | undefined {
  const { policies, data_dir: dataDir } = parts;
  if (policies === undefined) return undefined;
  const { dir, git } = policies;
  if (git === undefined || dir !== undefined) {
    if (git !== undefined) document.problem(['policies', 'dir'], 'and "git" exclude each other: leave one out');
    else if (dir === undefined) document.problem(['policies'], 'name a folder ("dir") or a repository ("git")');
    if (dir === undefined || git !== undefined) return undefined;
    files.folder(dir, ['policies', 'dir']);
    return { dir: files.absolute(dir), git: null };
  }
  const at = ['policies', 'git'];
  const problemUrl = urlProblem(git.url);
  if (problemUrl !== null) document.problem([...at, 'url'], problemUrl);
  if (git.branch !== undefined && git.tag !== undefined) document.problem([...at, 'tag'], 'and "branch" exclude each other: leave one out');
  if (git.signed_commits === 'required' && git.allowed_signers === undefined) {
    document.problem([...at, 'signed_commits'], 'needs "allowed_signers": whose signatures count');
  }
  for (const key of ['allowed_signers', 'ssh_key', 'known_hosts'] as const) if (git[key] !== undefined) files.text(git[key], [...at, key]);
  const pollMs = git.poll ?? pollMsDefault;
  if (pollMs < pollMsMin) document.problem([...at, 'poll'], 'must be 1s or more');
  const token = readCredential(document, files, at, { env: git.token_env, file: git.token_file }, 'token');
  if (dataDir === undefined) return undefined;
  const absolute = (path: string | undefined): string | null => (path === undefined ? null : files.absolute(path));
  return {
    dir: files.absolute(`${dataDir}/policies.git`),
    git: {
      url: git.url.startsWith('.') ? files.absolute(git.url) : git.url,
      ref: git.tag === undefined ? { kind: 'branch', name: git.branch ?? 'main' } : { kind: 'tag', name: git.tag },
      folder: git.folder ?? '',
      signedCommits: git.signed_commits,
      allowedSignersFile: absolute(git.allowed_signers),
      sshKeyFile: absolute(git.ssh_key),
      knownHostsFile: absolute(git.known_hosts),
      token,
      pollMs,
    },
  };
}

/** Null when it is an address that git may be given. */
function urlProblem(url: string): string | null {
  if (/^[./]/.test(url) || /^[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:[^\s]+$/.test(url)) return null;
  const parsed = URL.parse(url);
  if (parsed === null || !['https:', 'ssh:'].includes(parsed.protocol)) {
    return 'write https://…, ssh://…, git@host:path, or a path of this machine';
  }
  if (parsed.password !== '' || (parsed.protocol === 'https:' && parsed.username !== '')) {
    return 'holds a password, which would stand in logs: use "token_file" or "token_env"';
  }
  return null;
}
