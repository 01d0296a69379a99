// `sallyport ssh-authority`: the public key that targets trust when the gateway signs in with certificates of its own. Only the key goes
// to stdout: sallyport ssh-authority > /etc/ssh/sallyport_authority.pub

import type { SshKeysView } from '../api/contract.ts';
import type { Command } from './command.ts';
import { printJson } from './command.ts';
import { visible } from './visible.ts';

export async function sshAuthority(command: Command, options: { readonly json?: boolean | undefined }): Promise<void> {
  const keys = await command.client.get<SshKeysView>('/ssh/keys');
  if (options.json === true) return printJson(command.terminal, keys);
  command.terminal.out(visible(keys.user_authority));
  command.terminal.err('the target needs it in a file, and "TrustedUserCAKeys FILE" in its sshd_config');
}
