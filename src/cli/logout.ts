// `sallyport logout`: ends the token that `sallyport login` kept, and forgets it, also where the gateway can't be asked.

import { Client } from './client.ts';
import { forgetCredentials, savedCredentials } from './credentials.ts';
import type { Environment } from './credentials.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import type { Terminal } from './terminal.ts';

export async function logout(terminal: Terminal, environment: Environment): Promise<void> {
  const saved = savedCredentials(environment);
  const file = forgetCredentials(environment);
  if (saved === 'none') terminal.err('you were not signed in');
  else if (saved === 'damaged') terminal.err(`${file} was damaged and is removed; a token that was in it is revoked in the console`);
  else await end(terminal, saved);
  if ((environment['SALLYPORT_TOKEN'] ?? '') !== '') terminal.err('SALLYPORT_TOKEN is still set in this shell');
}

async function end(terminal: Terminal, { server, token }: { readonly server: string; readonly token: string }): Promise<void> {
  try {
    await new Client({ server, token }).delete('/tokens/current');
  } catch (thrown) {
    if (!(thrown instanceof CommandFailure)) throw thrown;
    // 401: it has ended already.
    if (thrown.exitCode !== exitCode.notAllowed)
      throw new CommandFailure(
        exitCode.failed,
        `signed out here, but the token lives on until it runs out: ${thrown.message}`,
        'revoke it in the console (Tokens), or there with another `sallyport login`',
      );
  }
  terminal.err(`signed out of ${server}; the token is revoked`);
}
