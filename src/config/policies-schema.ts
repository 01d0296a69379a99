// The section `policies`, as zod: a folder, or a git repository.

import { z } from 'zod';

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
