// The section `policies` from its written form.

import type { PoliciesConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import type { ConfigFiles } from './files.ts';
import { readFollowedSecret } from './read-secret.ts';
import type { Parts } from './validate.ts';

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
  const token = readFollowedSecret({ document, files }, at, 'token', { env: git.token_env, file: git.token_file });
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
