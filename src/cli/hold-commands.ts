// `sallyport holds request-changes` and `take-back`: second thoughts about a hold.

import type { Command as Commander } from 'commander';
import type { CommandTable } from './access-commands.ts';

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
