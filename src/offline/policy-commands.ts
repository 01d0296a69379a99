// Names and options of `sallyport policy …`. What each does is in the file beside it that has its name, loaded when it is run.

import { InvalidArgumentError } from 'commander';
import type { Command as Commander } from 'commander';
import type { Terminal } from '../cli/terminal.ts';
import type { DiffOptions } from './policy-diff.ts';
import type { ExplainOptions } from './policy-explain.ts';
import { grantScopeWords } from './policy-grant.ts';
import type { RehearseOptions } from './policy-rehearse.ts';
import type { PolicyTestOptions } from './policy-test.ts';

/** Adds the commands to `policy`. */
export function policyCommands(policy: Commander, terminal: Terminal): void {
  policy.description('work on policies, without a gateway');
  policy
    .command('check')
    .argument('<dir>', 'folder of policies')
    .description('load a folder of policies as the gateway would, and run the tests beside them')
    .action(async (dir: string) => (await import('./policy-check.ts')).policyCheck(terminal, dir));
  policy
    .command('test')
    .argument('<dir>', 'folder of policies and their tests')
    .description('run the tests beside policies; exit code 1 when one fails')
    .option('--junit <file>', 'write the results as JUnit XML too')
    .option('--json', 'as JSON')
    .action(async (dir: string, options: PolicyTestOptions) => (await import('./policy-test.ts')).policyTest(terminal, dir, options));
  explainCommand(policy, terminal);
  policy
    .command('diff')
    .argument('<before>', 'folder of policies')
    .argument('<after>', 'the changed folder')
    .description('say what a change of policies comes to: rules in words, and samples judged by both versions')
    .option('--config <file>', "a gateway's configuration: its people and targets are judged too")
    .option('--exit-code', 'exit code 1 when a decision differs')
    .option('--json', 'as JSON')
    .action(async (before: string, after: string, options: DiffOptions) =>
      (await import('./policy-diff.ts')).policyDiff(terminal, { before, after }, options),
    );
  policy
    .command('rehearse')
    .argument('<dir>', 'folder of changed policies')
    .description('judge what was recorded by changed policies, and list what would be decided otherwise')
    .option('--data <dir>', "the gateway's data_dir, or a copy")
    .option('--config <file>', 'its configuration: data_dir, and people and targets for older recordings')
    .option('--days <count>', 'so many days back', wholeNumber, 14)
    .option('--limit <count>', 'show at most so many of each kind', wholeNumber, 50)
    .option('--exit-code', 'exit code 1 when a decision would differ')
    .option('--json', 'as JSON')
    .action(async (dir: string, options: RehearseOptions) =>
      (await import('./policy-rehearse.ts')).policyRehearse(terminal, dir, options, Date.now()),
    );
}

function explainCommand(policy: Commander, terminal: Terminal): void {
  policy
    .command('explain')
    .argument('<dir>', 'folder of policies')
    .argument('<who>', 'a person of the configuration or of the tests beside the policies')
    .argument('<target>', 'a target, likewise')
    .argument('[text]', 'the statement; standard input when it is left out')
    .description('say what the policies decide of a statement, and why, rule by rule')
    .option('--config <file>', "a gateway's configuration: its people and targets")
    .option('--groups <names>', 'groups of that person, with commas')
    .option('--kind <kind>', 'person, machine or ai-agent')
    .option('--protocol <name>', 'postgres, mysql or ssh')
    .option('--label <name=value>', 'a label of the target; may be repeated', repeated)
    .option('--action <kind>', 'statement, connect, …; a statement (on SSH a command) when not said')
    .option('--at <time>', 'judge as if it were then')
    .option('--in-transaction', 'a transaction is open')
    .option('--database <name>', 'the database that the session is in')
    .option('--estimated-rows <count>', 'rows as the target would estimate them; not known when not said', rowCount)
    .option('--client-address <ip>', 'where the client is')
    .option('--reason <words>', 'what the session says that it is for; nothing when not said')
    .option('--grant <scope>', `as if there were access for a while: ${grantScopeWords}; may be repeated`, repeated)
    .option('--approved-by <names>', 'people who have said yes, with commas')
    .option('--expect <decision>', 'exit code 1 when it is another one')
    .option('--all', 'also rules about other people, targets and kinds of actions')
    .option('--json', 'as JSON')
    .action(async (dir: string, who: string, target: string, text: string | undefined, options: ExplainOptions) =>
      (await import('./policy-explain.ts')).policyExplain(terminal, { dir, who, target, text }, options, Date.now()),
    );
}

function repeated(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 100_000) return value;
  throw new InvalidArgumentError('Write a number from 1 to 100000.');
}

function rowCount(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('Write a whole number.');
}
