// `sallyport exec TARGET -- command`: runs a command with the right environment and a token of its own, tells on stderr what it
// waits for, and ends with a code that a pipeline can use (docs/people.md lists them).

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HoldView, TargetView, TokenActivity } from '../api/contract.ts';
import { Client } from './client.ts';
import type { Environment } from './credentials.ts';
import { execAccess } from './exec-access.ts';
import type { AccessOptions, ExecAccess } from './exec-access.ts';
import { prepare } from './exec-environment.ts';
import type { Prepared } from './exec-environment.ts';
import { CommandFailure, exitCode } from './exit-code.ts';
import { span } from './command.ts';
import type { Terminal } from './terminal.ts';
import { visible } from './visible.ts';

const lookEveryMs = 1_000;
/** How often a hold that goes on waiting is told again: a pipeline's log shows that it lives. */
const tellAgainMs = 60_000;
const targetsMax = 10_000;
/** What clients end with when they can't connect. */
const connectFailures: Readonly<Record<string, number>> = { postgres: 2, ssh: 255 };
/** What a shell answers for a program that is not there. */
const commandNotFound = 127;

/** Resolves with the exit code. Throws CommandFailure when the command was not run. */
export async function exec(
  terminal: Terminal,
  targetName: string,
  argv: readonly string[],
  options: AccessOptions,
  environment: Environment,
): Promise<number> {
  if (argv.length === 0) throw new CommandFailure(exitCode.usage, 'say what to run: sallyport exec TARGET -- psql -c …');
  const access = await execAccess(targetName, options, environment);
  try {
    const client = new Client({ server: access.server, token: access.token });
    const targets = await client.list<TargetView>('/targets', {}, targetsMax);
    const target = targets.find(({ name }) => name === targetName);
    if (target === undefined) throw new CommandFailure(exitCode.notFound, `there is no target "${visible(targetName)}"`);
    const prepared = prepare(target, access, argv);
    try {
      return await runAndWatch(terminal, client, access, target, prepared);
    } finally {
      prepared.cleanUp();
    }
  } finally {
    await access.end();
  }
}

async function runAndWatch(
  terminal: Terminal,
  client: Client,
  access: ExecAccess,
  target: TargetView,
  prepared: Prepared,
): Promise<number> {
  const over = new AbortController();
  const ran = run(prepared).finally(() => over.abort());
  const watcher = new Watcher(terminal, client, access.tokenId);
  const watched = watcher.watch(over.signal);
  const code = await ran;
  await watched;
  const activity = await watcher.look();
  return codeOf(terminal, code, activity, target.protocol);
}

/** The command's exit code; 128 and the signal's number when it was killed. */
function run({ command, args, environment }: Prepared): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...environment } });
    const pass = (signal: NodeJS.Signals) => void child.kill(signal);
    // Ctrl-C reaches the child by the terminal; the gateway then withdraws what waits.
    const stay = () => undefined;
    process.on('SIGINT', stay);
    process.on('SIGTERM', pass);
    const done = () => {
      process.off('SIGINT', stay);
      process.off('SIGTERM', pass);
    };
    child.on('error', (error: NodeJS.ErrnoException) => {
      done();
      if (error.code !== 'ENOENT') return reject(error);
      reject(new CommandFailure(commandNotFound, `there is no program "${visible(command)}" here`));
    });
    child.on('exit', (code, signal) => {
      done();
      resolve(code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : 15));
    });
  });
}

class Watcher {
  readonly #terminal: Terminal;
  readonly #client: Client;
  readonly #tokenId: string;
  /** Of each hold: what was told of it last, and when. */
  readonly #told = new Map<string, { state: string; atMs: number }>();
  #last: TokenActivity | null = null;

  constructor(terminal: Terminal, client: Client, tokenId: string) {
    this.#terminal = terminal;
    this.#client = client;
    this.#tokenId = tokenId;
  }

  async watch(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.look();
      await sleep(lookEveryMs, undefined, { signal: over }).catch(() => undefined);
    }
  }

  /** What was asked until now; the last known when the gateway does not answer. */
  async look(): Promise<TokenActivity | null> {
    try {
      this.#last = await this.#client.get<TokenActivity>(`/tokens/${encodeURIComponent(this.#tokenId)}/activity`);
      for (const hold of this.#last.holds.toReversed()) this.#tell(hold);
    } catch {
      // The command goes on, and says itself what it meets.
    }
    return this.#last;
  }

  #tell(hold: HoldView): void {
    const state = `${hold.state} ${hold.approvals.length}`;
    const before = this.#told.get(hold.id);
    const nowMs = performance.now();
    if (before?.state === state && (hold.state !== 'pending' || nowMs - before.atMs < tellAgainMs)) return;
    this.#told.set(hold.id, { state, atMs: nowMs });
    for (const line of holdWords(hold, this.#client.server)) this.#terminal.err(line);
  }
}

function holdWords(hold: HoldView, server: string): string[] {
  const head = `sallyport: hold ${visible(hold.id)}`;
  switch (hold.state) {
    case 'pending': {
      const left = span(Date.parse(hold.expires_at) - Date.now());
      const who = hold.approver_groups.map(visible).join(' or ');
      const given = hold.approvals_needed > 1 ? `, ${hold.approvals.length} of ${hold.approvals_needed} given` : '';
      return [`${head} waits for approval by ${who}${given}; ${left} left: ${server}/holds/${encodeURIComponent(hold.id)}`];
    }
    case 'approved':
      return [`${head}: approved by ${hold.approvals.map(({ by }) => visible(by)).join(', ')}`];
    case 'denied':
    case 'changes_requested':
    case 'expired':
    case 'withdrawn': {
      const by = hold.settled_by === null ? '' : ` by ${visible(hold.settled_by)}`;
      const why = hold.settled_reason === null ? '' : `: ${visible(hold.settled_reason)}`;
      return [`${head}: ${hold.state.replace('_', ' ')}${by}${why}`];
    }
  }
}

/** A refused action is never success, even for a client that goes on after an error. */
function codeOf(terminal: Terminal, code: number, activity: TokenActivity | null, protocol: string): number {
  const states = new Set(activity?.holds.map(({ state }) => state) ?? []);
  if (states.has('expired')) return exitCode.expired;
  if (states.has('denied') || states.has('changes_requested')) return exitCode.denied;
  if (states.has('withdrawn') && code !== 0) return exitCode.withdrawn;
  if ((activity?.denied ?? 0) > 0) {
    terminal.err('sallyport: a rule of the gateway refused it');
    return exitCode.denied;
  }
  const nothingReached = activity !== null && activity.sessions === 0 && protocol === 'mysql';
  if (code !== 0 && (code === connectFailures[protocol] || nothingReached)) return exitCode.unreachable;
  return code;
}
