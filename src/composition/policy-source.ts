// Where the policies come from, with the readers that their templates need.

import { mysqlTemplates } from '../../policies/classify/mysql/template.ts';
import { createPostgresTemplates } from '../../policies/classify/postgres/template.ts';
import { shellTemplates } from '../../policies/classify/shell/template.ts';
import { openPolicyFolder } from '../../policies/engine/folder.ts';
import type { PolicyFolder, PolicyFolderListener } from '../../policies/engine/folder.ts';
import type { Config } from '../config/config.ts';
import type { TemplateReaders } from '../core/template.ts';
import type { Teardown } from './teardown.ts';

/** Opens the policies that the configuration names. Rejects with Fault policy-invalid when their first version can't be taken. */
export async function openPolicySource(config: Config, down: Teardown, listener: PolicyFolderListener): Promise<PolicyFolder> {
  const { readers, close } = await openTemplateReaders();
  down.add(close);
  const policies = await openPolicyFolder(config.policies.dir, listener, readers);
  down.add(() => policies.close());
  return policies;
}

/** The readers of every language that templates can be written in. */
export async function openTemplateReaders(): Promise<{ readonly readers: TemplateReaders; close(): void }> {
  const postgres = await createPostgresTemplates();
  return { readers: { postgres, mysql: mysqlTemplates, ssh: shellTemplates }, close: () => postgres.close() };
}
