// Names, options and help of `sallyport people` and `sallyport exec`.

import type { Command as Commander } from 'commander';
import type { Command, ListOptions } from './command.ts';
import type { CredentialOptions } from './credentials.ts';
import type { AccessOptions } from './exec-access.ts';
import type { Deed } from './people.ts';
import type { Terminal } from './terminal.ts';

/** What main.ts does for every command that speaks to a gateway. */
interface Ways {
  remote(command: Commander): Commander;
  listing(command: Commander): Commander;
  run(terminal: Terminal, options: CredentialOptions, body: (command: Command) => Promise<void>): Promise<void>;
}

const deeds: readonly (readonly [Deed, string])[] = [
  ['disable', 'let somebody act no more, at once'],
  ['enable', 'let somebody act again'],
  ['remove', 'remove somebody who was added at run time'],
  ['reset-factors', 'take passkeys and authenticator app of somebody away'],
  ['unlink', 'forget which account of a sign-in service somebody is'],
];

export function peopleCommands(root: Commander, terminal: Terminal, ended: { code: number }, { remote, listing, run }: Ways): void {
  const several = (text: string, before: readonly string[]): readonly string[] => [...before, text];
  const people = listing(remote(root.command('people')))
    .description('list people and machines; add, disable or help one (operators)')
    .action((options: CredentialOptions & ListOptions) =>
      run(terminal, options, async (it) => (await import('./people.ts')).people(it, options)),
    );
  remote(people.command('add'))
    .argument('<name>')
    .description('add somebody who is not in the configuration, or change their groups')
    .option('--display-name <words>', 'as others see them')
    .option('--group <group>', 'a group they are in; again for more', several, [])
    .action((name: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<CredentialOptions & { displayName?: string; group: readonly string[]; json?: boolean }>();
      return run(terminal, options, async (it) => (await import('./people.ts')).addPerson(it, name, options));
    });
  remote(people.command('set-password'))
    .argument('<name>')
    .description('set the password of somebody: typed, or from stdin')
    .action((name: string, _options: object, command: Commander) =>
      run(terminal, command.optsWithGlobals<CredentialOptions>(), async (it) =>
        (await import('./people.ts')).setPassword(it, name, process.stdin),
      ),
    );
  for (const [deed, words] of deeds) {
    remote(people.command(deed))
      .argument('<name>')
      .description(words)
      .action((name: string, _options: object, command: Commander) =>
        run(terminal, command.optsWithGlobals<CredentialOptions>(), async (it) => (await import('./people.ts')).doToPerson(it, name, deed)),
      );
  }

  remote(root.command('exec'))
    .argument('<target>')
    .argument('[command...]', 'after --, as in: exec orders -- psql -c "SELECT 1"')
    .description('run a command against a target, and wait for its approval (docs/people.md: exit codes)')
    .option('--ttl <time>', 'how long the token of this command lives, as in 30m', '1h')
    .option('--id-token-file <file>', "a CI job's OIDC token (or SALLYPORT_ID_TOKEN, or GitHub's own)")
    .option('--audience <audience>', "of GitHub's token", 'sallyport')
    .action(async (target: string, argv: readonly string[], options: AccessOptions) => {
      ended.code = await (await import('./exec.ts')).exec(terminal, target, argv, options, process.env);
    });
}
