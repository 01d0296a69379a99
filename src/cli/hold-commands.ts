// Names, options and help of second thoughts about a hold (`sallyport holds request-changes`, `take-back`), of delegations and of on-call schedules.

import type { Command as Commander } from 'commander';
import type { CommandTable } from './access-commands.ts';
import type { DelegateOptions } from './delegations.ts';

/** Adds them below `sallyport holds`. */
export function holdAnswerCommands(holds: Commander, { remote, run }: Pick<CommandTable, 'remote' | 'run'>): void {
  remote(holds.command('request-changes'))
    .argument('<hold>', 'as in h-7K3M9Q')
    .description('refuse a waiting action with words on what to change')
    .requiredOption('--reason <words>', 'shown to the person who asked, kept in the audit log')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<{ reason: string; json?: boolean }>();
      return run(options, async (it) => (await import('./answer.ts')).requestChanges(it, id, options));
    });
  remote(holds.command('take-back'))
    .argument('<hold>')
    .description('take your own approval back while others are waited for')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<{ json?: boolean }>();
      return run(options, async (it) => (await import('./answer.ts')).takeBack(it, id, options));
    });
}

/** `sallyport delegate`, `delegations`. */
export function delegationCommands(root: Commander, { remote, run }: Pick<CommandTable, 'remote' | 'run'>): void {
  remote(root.command('delegate'))
    .argument('<person>', 'who answers in your right')
    .description('lend your right to answer holds for a while')
    .requiredOption('--for <time>', 'how long, as in 8h or 14d')
    .option('--reason <words>', 'kept in the audit log')
    .option('--json', 'as JSON')
    .action((to: string, options: DelegateOptions) =>
      run(options, async (it) => (await import('./delegations.ts')).delegate(it, to, options)),
    );
  const list = remote(root.command('delegations'))
    .description('list who answers for whom')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run(options, async (it) => (await import('./delegations.ts')).delegations(it, options)));
  remote(list.command('end'))
    .argument('<delegation>')
    .description('end a delegation now')
    .action((id: string, _options: object, command: Commander) =>
      run(command.optsWithGlobals(), async (it) => (await import('./delegations.ts')).endDelegation(it, id)),
    );
}

/** `sallyport on-call`. */
export function onCallCommands(root: Commander, { remote, run }: Pick<CommandTable, 'remote' | 'run'>): void {
  remote(root.command('on-call'))
    .description('whose turn it is to answer, until when, and who comes then')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => run(options, async (it) => (await import('./on-call.ts')).onCall(it, options)));
}
