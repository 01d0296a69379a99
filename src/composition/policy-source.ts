// Where the policies come from, with the readers that their templates need.

import { mysqlTemplates } from '../../policies/classify/mysql/template.ts';
import { createPostgresTemplates } from '../../policies/classify/postgres/template.ts';
import { shellTemplates } from '../../policies/classify/shell/template.ts';
import { openPolicyFolder } from '../../policies/engine/folder.ts';
import type { PolicyFolder, PolicyFolderListener } from '../../policies/engine/folder.ts';
import { openGitPolicies } from '../../policies/engine/git-policies.ts';
import type { GitSource } from '../../policies/engine/git-policies.ts';
import type { Config, PoliciesConfig } from '../config/config.ts';
import type { TemplateReaders } from '../core/template.ts';
import type { Teardown } from './teardown.ts';

/** A folder, or a repository that can say which commit is in force. */
export type OpenPolicies = PolicyFolder & { source?(): GitSource };

/** Opens the policies that the configuration names. Rejects with Fault policy-invalid when their first version can't be taken. */
export async function openPolicySource(config: Config, down: Teardown, listener: PolicyFolderListener): Promise<OpenPolicies> {
  const { readers, close } = await openTemplateReaders();
  down.add(close);
  const policies = await openFrom(config.policies, listener, readers);
  down.add(() => policies.close());
  return policies;
}

function openFrom({ dir, git }: PoliciesConfig, listener: PolicyFolderListener, readers: TemplateReaders): Promise<OpenPolicies> {
  if (git === null) return openPolicyFolder(dir, listener, readers);
  const { url, ref, folder, token, pollMs, signedCommits } = git;
  const files = { allowedSigners: git.allowedSignersFile, sshKey: git.sshKeyFile, knownHosts: git.knownHostsFile };
  const options = { origin: { url, ref, folder, token, ...files }, isSignatureRequired: signedCommits === 'required', pollMs };
  return openGitPolicies(dir, options, listener, readers);
}

/** The readers of every language that templates can be written in. */
export async function openTemplateReaders(): Promise<{ readonly readers: TemplateReaders; close(): void }> {
  const postgres = await createPostgresTemplates();
  return { readers: { postgres, mysql: mysqlTemplates, ssh: shellTemplates }, close: () => postgres.close() };
}
