// The command line: names, options and help of every command. What a command does is in src/cli (those that speak to a
// gateway) and src/offline (those that need none), loaded only when it is run.

import { Command as Commander, CommanderError, InvalidArgumentError, Option } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { accessCommands } from './cli/access-commands.ts';
import { delegationCommands, holdAnswerCommands, onCallCommands } from './cli/hold-commands.ts';
import { shapeCommands, shapeOptions } from './cli/shape-commands.ts';
import { Client } from './cli/client.ts';
import type { AgentFlags } from '../agent/run-agent.ts';
import type { AnswerOptions } from './cli/answer.ts';
import type { Command } from './cli/command.ts';
import { findCredentials } from './cli/credentials.ts';
import type { CredentialOptions } from './cli/credentials.ts';
import { CommandFailure, exitCode } from './cli/exit-code.ts';
import type { LoginOptions } from './cli/login.ts';
import { peopleCommands } from './cli/people-commands.ts';
import { processTerminal } from './cli/terminal.ts';
import type { Terminal } from './cli/terminal.ts';
import { visible, visibleLines } from './cli/visible.ts';
import { Fault } from './core/errors.ts';
import type { HealthOptions } from './offline/health.ts';
import { policyCommands } from './offline/policy-commands.ts';

/** Runs a command line (without node and file name) and resolves with the exit code. */
export async function main(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const ended: { code: number } = { code: exitCode.ok };
  try {
    const root = program(terminal, ended);
    refuseUnknown(root, args);
    await root.parseAsync([...args], { from: 'user' });
    return ended.code;
  } catch (thrown) {
    return failed(terminal, thrown);
  }
}

/** Commander answers `--help` before it looks at a name that nothing has. Options before the name are stepped over with their values. */
function refuseUnknown(root: Commander, args: readonly string[]): void {
  if (!args.some((arg) => arg === '--help' || arg === '-h') && args[0] !== 'help') return;
  let command = root;
  const names = args[0] === 'help' ? args.slice(1) : args;
  for (let at = 0; at < names.length && command.registeredArguments.length === 0; at += 1) {
    const name = names[at] ?? '';
    if (name === '--') return;
    if (name.startsWith('-')) {
      if (command.options.some((it) => [it.short, it.long].includes(name) && (it.required || it.optional))) at += 1;
      continue;
    }
    const found = command.commands.find((it) => it.name() === name);
    if (found === undefined) return command.commands.length === 0 ? undefined : command.error(`error: unknown command '${visible(name)}'`);
    command = found;
  }
}

/** Words for whatever was thrown. Anything unexpected keeps its stack: it is a fault of ours, and somebody has to find it. */
function failed(terminal: Terminal, thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? exitCode.ok : exitCode.usage;
  const known = thrown instanceof CommandFailure || thrown instanceof Fault;
  const words = known ? thrown.message : thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  for (const line of visibleLines(words)) terminal.err(terminal.paint('red', line));
  if (known && thrown.hint !== null) for (const line of visibleLines(thrown.hint)) terminal.err(line);
  if (thrown instanceof CommandFailure) return thrown.exitCode;
  return thrown instanceof Fault && (thrown.code === 'config-invalid' || thrown.code === 'policy-invalid')
    ? exitCode.usage
    : exitCode.failed;
}

/** All commands. Exit codes that are not by a fault go into `ended`. */
export function program(terminal: Terminal, ended: { code: number }): Commander {
  const root = new Commander('sallyport')
    .description('An access gateway that holds a risky statement in the live session until an approver answers.')
    .version(packageJson.version)
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for what there is)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text.trimEnd()), writeErr: (text) => terminal.err(text.trimEnd()) });

  root
    .command('gateway')
    .description('run the gateway')
    .requiredOption('--config <file>', 'its configuration (docs/configuration.md)')
    .option('--login-link <person>', 'write a one-time sign-in link for this person into the data folder (the first sign-in)')
    .action(async (options: { config: string; loginLink?: string }) =>
      (await import('./offline/gateway.ts')).runGateway(terminal, options.config, options.loginLink),
    );
  root
    .command('demo')
    .description('run a gateway with a real PostgreSQL, people and data to try it on')
    .allowUnknownOption()
    .helpOption(false)
    .argument('[args...]')
    .action(async (demoArgs: string[]) => void (ended.code = await (await import('./offline/demo.ts')).runDemo(demoArgs)));

  signInCommands(root, terminal);
  holdCommands(root, terminal);
  accessCommands(root, { remote, listing, run: (options, body) => run(terminal, options, body) });
  shapeCommands(root, { remote, listing, run: (options, body) => run(terminal, options, body) });
  recordCommands(root, terminal);
  agentCommands(root, terminal, ended);
  credentialCommands(root, terminal);

  peopleCommands(root, terminal, ended, { remote, listing, run });
  policyCommands(root.command('policy'), terminal);
  return root;
}

function signInCommands(root: Commander, terminal: Terminal): void {
  root
    .command('health')
    .description('say whether a gateway is ready; no sign-in (for health checks: exit code 0 or 1)')
    .option('--config <file>', 'ask the gateway of this configuration on this machine')
    .option('--server <url>', 'ask this one (or SALLYPORT_SERVER)')
    .option('--json', 'as JSON')
    .action(async (options: HealthOptions) => (await import('./offline/health.ts')).health(terminal, options, process.env));
  remote(root.command('login'))
    .description('sign in by the browser: keep the address of a gateway and an access token for the other commands')
    .option('--no-browser', 'print the address, do not open it')
    .option('--token-stdin', 'read an access token from stdin instead')
    .action(async (options: LoginOptions) => (await import('./cli/login.ts')).login(terminal, options, process.env, process.stdin));
  root
    .command('logout')
    .description('revoke the token that `sallyport login` kept, and forget it')
    .action(async () => (await import('./cli/logout.ts')).logout(terminal, process.env));
  remote(root.command('token'))
    .description('issue a short-lived access token: the password for psql and mysql')
    .option('--name <name>', 'what it is for', 'sallyport token')
    .option('--ttl <time>', 'how long it lives, as in 30m or 8h', '8h')
    .option('--person <name>', 'for whom (operators only; otherwise for yourself)')
    .option('--json', 'as JSON')
    .action((options: Remote & { name: string; ttl: string }) =>
      run(terminal, options, async (it) => (await import('./cli/token.ts')).token(it, options)),
    );
}

function holdCommands(root: Commander, terminal: Terminal): void {
  const states = ['pending', 'approved', 'denied', 'changes_requested', 'expired', 'withdrawn', 'all'] as const;
  const holds = listing(remote(root.command('holds')))
    .argument('[hold]', 'one of them in full, with what it would do, as in h-7K3M9Q')
    .description('list what waits for approval; answer with `sallyport approve h-…` or `deny h-…`')
    .addOption(new Option('--state <state>', 'which').choices(states).default('pending'))
    .option('--watch', 'print each hold as it appears and ends, until Ctrl-C')
    .action((id: string | undefined, options: Listing & { state: (typeof states)[number]; watch?: boolean }) =>
      run(terminal, options, async (it) => (await import('./cli/holds.ts')).holds(it, options, id)),
    );
  holdAnswerCommands(holds, { remote, run: (options, body) => run(terminal, options, body) });
  delegationCommands(root, { remote, run: (options, body) => run(terminal, options, body) });
  onCallCommands(root, { remote, run: (options, body) => run(terminal, options, body) });
  for (const verb of ['approve', 'deny'] as const) {
    const command = remote(root.command(verb))
      .argument('<number>', 'of a hold, as in h-7K3M9Q, or of a request for access, as in r-7K3M9Q')
      .option('--json', 'as JSON');
    command.description(verb === 'approve' ? 'let a waiting action run' : 'refuse a waiting action');
    if (verb === 'approve') {
      command.option('--reason <words>', 'kept in the audit log');
      command.option('--code <digits>', 'of your authenticator app, where the rule asks for a second factor');
      shapeOptions(command);
    }
    if (verb === 'deny') command.requiredOption('--reason <words>', 'shown to the person who asked, kept in the audit log');
    command.action((number: string, options: Remote & AnswerOptions) =>
      run(terminal, options, async (it) =>
        /^r-/i.test(number.trim())
          ? (await import('./cli/requests.ts')).answerRequest(it, number.trim(), verb, options)
          : (await import('./cli/answer.ts')).answer(it, number, verb, options),
      ),
    );
  }
}

function recordCommands(root: Commander, terminal: Terminal): void {
  listing(remote(root.command('sessions')))
    .argument('[session]', 'one session in full')
    .description('list sessions, show one, or end one')
    .addOption(new Option('--state <state>', 'only those').choices(['open', 'closed']))
    .option('--principal <name>', 'of this person')
    .option('--target <name>', 'on this target')
    .option('--text <words>', 'with each of these words, in person, target, address, database, …')
    .option('--from <time>', 'that ran since then, as in 2026-11-21T10:00:00Z')
    .option('--to <time>', 'that ran until then')
    .option('--kill', 'end the session named')
    .action((session: string | undefined, options: Listing & { kill?: boolean }) => {
      if (options.kill === true && session === undefined)
        throw new CommandFailure(exitCode.usage, 'say which session to end: sessions ID --kill');
      return run(terminal, options, async (it) => (await import('./cli/sessions.ts')).sessions(it, session, options));
    });
  remote(root.command('replay'))
    .argument('<session>')
    .description("print a session's statement log")
    .option('--speed <times>', 'with its own timing: 1 is real time, 10 ten times as fast', speed)
    .option('--json', 'as JSON')
    .action((session: string, options: Remote & { speed?: number }) =>
      run(terminal, options, async (it) => (await import('./cli/replay.ts')).replay(it, session, options)),
    );
  const audit = listing(remote(root.command('audit')))
    .description('search what was decided and done, newest first; or verify a log')
    .option('--type <type>', 'only these events, as in hold.approved')
    .option('--principal <name>', 'of this person')
    .option('--target <name>', 'on this target')
    .option('--session <id>', 'of this session')
    .option('--hold <id>', 'of this hold')
    .option('--from <time>', 'since then, as in 2026-11-21T10:00:00Z')
    .option('--to <time>', 'until then')
    .option('--text <words>', 'with these words')
    .action((options: Listing) => run(terminal, options, async (it) => (await import('./cli/audit.ts')).audit(it, options)));
  audit
    .command('verify')
    .argument('<dir>', "the gateway's folder <data_dir>/audit, or a copy")
    .description('check that no event was changed, removed or reordered, without a gateway')
    .option('--approvals', 'and that every approval by passkey was signed over exactly that action')
    .option('--recordings [dir]', 'and that recordings are as they were: in this folder, or in `recordings` beside the log')
    .option('--since <time>', 'with --recordings: only of sessions that ended since then, as in 2026-11-21')
    .option('--head <number:hash>', 'an event and its hash that you kept elsewhere: it must still be there')
    .option('--checkpoints <file>', 'a copy of checkpoints.jsonl that you kept elsewhere: all that it names must still be there')
    .option('--json', 'as JSON')
    .action(async (dir: string, _options: object, command: Commander) =>
      (await import('./offline/audit-verify.ts')).auditVerify(terminal, dir, command.optsWithGlobals()),
    );
  listing(remote(root.command('targets')))
    .description('list targets and how to connect to them')
    .action((options: Listing) => run(terminal, options, async (it) => (await import('./cli/targets.ts')).targets(it, options)));
  remote(root.command('ssh-authority'))
    .description("print the public key of the gateway's SSH authority, for TrustedUserCAKeys of targets")
    .option('--json', "as JSON, with the gateway's host key")
    .action((options: Remote & { json?: boolean }) =>
      run(terminal, options, async (it) => (await import('./cli/ssh-authority.ts')).sshAuthority(it, options)),
    );
}

function agentCommands(root: Commander, terminal: Terminal, ended: { code: number }): void {
  const several = (text: string, before: readonly string[]): readonly string[] => [...before, text];
  root
    .command('agent')
    .description('run an agent: reach targets in this network for a gateway elsewhere (docs/agents.md)')
    .requiredOption('--gateway <url>', 'where it dials: wss://gateway.example.com')
    .requiredOption('--state <dir>', 'where it keeps its key and credential')
    .requiredOption('--allow <host:port>', 'what it may dial, as in db.internal:5432 or 10.1.0.0/16:5432; again for more', several, [])
    .option('--token-file <file>', 'one-time enrolment token, for the first start (or SALLYPORT_AGENT_TOKEN)')
    .option('--token <token>', 'the same (others can see arguments)')
    .option('--ca <file>', "authorities to trust for the gateway, instead of the system's")
    .option('--proxy <url>', 'http://[user:password@]host:port to go through (or SALLYPORT_AGENT_PROXY)')
    .option('--busy-poll-us <n>', 'wait so long for the next bytes of the only busy stream without sleeping (200; 0 with one processor)')
    .option('--grace-s <n>', 'told to stop, let open connections go on for so many seconds (1); new ones go to other agents')
    .option('--verbose', 'log every stream')
    .action(
      async (options: AgentFlags) =>
        void (ended.code = await (await import('./offline/agent.ts')).runAgentCommand(options, packageJson.version)),
    );
  const agents = listing(remote(root.command('agents')))
    .description('list agents and their links; enrol or revoke one')
    .action((options: Listing) => run(terminal, options, async (it) => (await import('./cli/agents.ts')).agents(it, options)));
  remote(agents.command('token'))
    .argument('<name>', 'of the agent; replicas share one')
    .description('make a one-time token that enrols one agent')
    .option('--label <key=value>', 'a label of the agent; again for more', several, [])
    .option('--ttl <time>', 'how long it may wait to be used, as in 30m', '1h')
    .option('--json', 'as JSON')
    .action((name: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<Remote & { label: readonly string[]; ttl: string }>();
      return run(terminal, options, async (it) => (await import('./cli/agents.ts')).agentToken(it, name, options));
    });
  listing(remote(agents.command('tokens')))
    .description('list enrolment tokens that nobody has used')
    .action((_options: object, command: Commander) => {
      const options = command.optsWithGlobals<Listing>();
      return run(terminal, options, async (it) => (await import('./cli/agents.ts')).agentTokens(it, options));
    });
  remote(agents.command('revoke-token'))
    .argument('<token>', 'its id, as `agents tokens` shows it')
    .description('take back a token that nobody has used')
    .option('--json', 'as JSON')
    .action((id: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<Remote>();
      return run(terminal, options, async (it) => (await import('./cli/agents.ts')).revokeAgentToken(it, id, options));
    });
  remote(agents.command('revoke'))
    .argument('<agent>', 'name (all of that name) or id')
    .description('shut an agent out at once, for good')
    .option('--json', 'as JSON')
    .action((name: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<Remote>();
      return run(terminal, options, async (it) => (await import('./cli/agents.ts')).revokeAgent(it, name, options));
    });
}

function credentialCommands(root: Commander, terminal: Terminal): void {
  const module = () => import('./cli/credentials-of-targets.ts');
  const credentials = listing(remote(root.command('credentials')))
    .description('where the credential of each target is kept; set, try or remove one')
    .action((options: Listing) => run(terminal, options, async (it) => (await module()).credentials(it, options)));
  remote(credentials.command('set'))
    .argument('<target>', 'with `credential: stored`')
    .description('keep a password (or key) of a target in the gateway, encrypted; read from stdin or a prompt')
    .option('--private-key', 'SSH: a private key from stdin instead of a password')
    .option('--json', 'as JSON')
    .action((target: string, _options: object, command: Commander) => {
      const options = command.optsWithGlobals<Remote & { privateKey?: boolean }>();
      return run(terminal, options, async (it) => (await module()).setCredential(it, target, options, process.stdin));
    });
  for (const [name, description] of [
    ['check', 'read the credential of a target now, without using it'],
    ['remove', 'forget what the gateway keeps for a target'],
  ] as const)
    remote(credentials.command(name))
      .argument('<target>')
      .description(description)
      .option('--json', 'as JSON')
      .action((target: string, _options: object, command: Commander) => {
        const options = command.optsWithGlobals<Remote>();
        return run(terminal, options, async (it) => {
          const { checkCredential, removeCredential } = await module();
          return name === 'check' ? checkCredential(it, target, options) : removeCredential(it, target, options);
        });
      });
  remote(credentials.command('rewrap'))
    .description('put every stored credential under the present master key')
    .option('--json', 'as JSON')
    .action((_options: object, command: Commander) => {
      const options = command.optsWithGlobals<Remote>();
      return run(terminal, options, async (it) => (await module()).rewrapCredentials(it, options));
    });
}

interface Remote extends CredentialOptions {
  readonly json?: boolean;
}

interface Listing extends Remote {
  readonly limit: number;
}

function remote(command: Commander): Commander {
  return command
    .option('--server <url>', 'the gateway (or SALLYPORT_SERVER)')
    .option('--token <token>', 'access token (better: SALLYPORT_TOKEN, or sallyport login: others can see arguments)');
}

function listing(command: Commander): Commander {
  return command.option('--json', 'as JSON').option('--limit <count>', 'at most so many', limit, 50);
}

/** Finds the gateway and runs a command against it. */
async function run(terminal: Terminal, options: CredentialOptions, body: (command: Command) => Promise<void>): Promise<void> {
  const client = new Client(findCredentials(options, process.env));
  const interrupted = new AbortController();
  const onInterrupt = (): void => interrupted.abort();
  process.once('SIGINT', onInterrupt);
  try {
    await body({ terminal, client, nowMs: () => Date.now(), signal: interrupted.signal });
    if (client.leftOut) terminal.err('there are more: ask for them with --limit');
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

function limit(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 100_000) return value;
  throw new InvalidArgumentError('Write a number from 1 to 100000.');
}

function speed(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('Write a number above 0, as in 1, 2.5 or 10.');
}
