// Names, options and help of the commands about access for a while. What they do is in requests.ts and grants.ts, loaded when run.

import { Option } from 'commander';
import type { Command as Commander } from 'commander';
import type { Command } from './command.ts';
import type { GrantsOptions } from './grants.ts';
import type { RequestOptions, RequestsOptions } from './requests.ts';

export interface CommandTable {
  /** Adds the options that find the gateway. */
  remote(command: Commander): Commander;
  /** Adds those of lists. */
  listing(command: Commander): Commander;
  run(options: object, body: (command: Command) => Promise<void>): Promise<void>;
}

export function accessCommands(root: Commander, { remote, listing, run }: CommandTable): void {
  const states = ['pending', 'granted', 'denied', 'expired', 'withdrawn', 'all'] as const;
  remote(root.command('request'))
    .argument('<target>', 'what to get access to')
    .description('ask for access to a target for a while')
    .requiredOption('--for <time>', 'how long, as in 30m or 2h')
    .requiredOption('--reason <words>', 'shown to approvers, kept in the audit log')
    .option('--role <name>', 'the account of an SSH target, or a role that the policies know')
    .option('--read-only', 'only what changes nothing')
    .option('--tables <list>', 'only these tables, as in public.orders,public.items')
    .option('--break-glass', 'an emergency: everybody is told, everything is recorded, a review follows')
    .option('--wait', 'until it is answered; exit code 77 when it is denied, 75 when nobody answers')
    .option('--json', 'as JSON')
    .action((target: string, options: RequestOptions) =>
      run(options, async (it) => (await import('./requests.ts')).request(it, target, options)),
    );
  const requests = listing(remote(root.command('requests')))
    .argument('[request]', 'one of them in full, as in r-7K3M9Q')
    .description('list requests for access; answer with `sallyport approve r-…` or `deny r-…`')
    .addOption(new Option('--state <state>', 'which').choices(states).default('pending'))
    .option('--target <name>', 'for this target')
    .action((id: string | undefined, options: RequestsOptions) =>
      run(options, async (it) => (await import('./requests.ts')).requests(it, id, options)),
    );
  remote(requests.command('withdraw'))
    .argument('<request>')
    .description('take your own request back')
    .action((id: string, _options: object, command: Commander) =>
      run(command.optsWithGlobals(), async (it) => (await import('./requests.ts')).withdrawRequest(it, id)),
    );
  grantCommands(root, { remote, listing, run });
}

function grantCommands(root: Commander, { remote, listing, run }: CommandTable): void {
  const grants = listing(remote(root.command('grants')))
    .argument('[grant]', 'one of them in full, as in g-7K3M9Q')
    .description('list who has access for a while; end it, ask for more time, review an emergency')
    .option('--all', 'those that have ended too')
    .option('--to-review', 'emergencies that nobody has reviewed yet')
    .option('--person <name>', 'of this person')
    .option('--target <name>', 'to this target')
    .action((id: string | undefined, options: GrantsOptions) =>
      run(options, async (it) => (await import('./grants.ts')).grants(it, id, options)),
    );
  remote(grants.command('revoke'))
    .argument('<grant>')
    .description('end access at once, with the sessions that it let in')
    .option('--reason <words>', 'shown to the person, kept in the audit log')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<{ reason?: string }>();
      return run(options, async (it) => (await import('./grants.ts')).revokeGrant(it, id, options));
    });
  remote(grants.command('extend'))
    .argument('<grant>')
    .description('ask for more time before it ends')
    .requiredOption('--for <time>', 'how much more, as in 30m')
    .requiredOption('--reason <words>', 'shown to approvers, kept in the audit log')
    .option('--wait', 'until it is answered; exit code 77 when it is denied, 75 when nobody answers')
    .option('--json', 'as JSON')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<{ for: string; reason: string; wait?: boolean; json?: boolean }>();
      return run(options, async (it) => (await import('./grants.ts')).extendGrant(it, id, options));
    });
  remote(grants.command('review'))
    .argument('<grant>')
    .description('say what the review of a break-glass access came to')
    .requiredOption('--words <words>', 'kept in the audit log')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<{ words: string }>();
      return run(options, async (it) => (await import('./grants.ts')).reviewGrant(it, id, options));
    });
}
