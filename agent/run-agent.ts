// An agent as a process: options from flags and environment, log lines in words on stderr, a clean end on a signal.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { agentBusyPollUsDefault, busyPollUsMax, setBusyPoll } from '../src/core/busy-poll.ts';
import type { Log } from '../src/core/driver.ts';
import { messageOf } from '../src/core/errors.ts';
import { printable } from '../src/tunnel/frames.ts';
import { authoritiesIn } from './authorities.ts';
import { graceMsDefault, startAgent } from './start-agent.ts';

export interface AgentFlags {
  readonly gateway: string;
  readonly state: string;
  readonly allow: readonly string[];
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly ca?: string | undefined;
  readonly proxy?: string | undefined;
  readonly verbose?: boolean | undefined;
  /** As they were written. */
  readonly busyPollUs?: string | undefined;
  readonly graceS?: string | undefined;
}

/** 0: told to stop. 2: the options are wrong. 3: the gateway refuses this agent, and trying again would not help. */
export type AgentExit = 0 | 2 | 3;

/** What waits longer is waited for by nobody. */
const graceSMax = 3_600;

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs until a signal or a refusal. Never rejects. */
export async function runAgent(flags: AgentFlags, software: string, environment: Environment = process.env): Promise<AgentExit> {
  const log = lines(flags.verbose === true);
  let agent;
  try {
    setBusyPoll(busyPollUsOf(flags));
    agent = startAgent({
      gateway: flags.gateway,
      stateDir: flags.state,
      allow: flags.allow,
      token: tokenOf(flags, environment),
      ca: flags.ca === undefined ? undefined : authoritiesIn(flags.ca, log),
      proxy: flags.proxy ?? environment['SALLYPORT_AGENT_PROXY'],
      hostname: hostname(),
      software,
      clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
      graceMs: graceMsOf(flags),
      random: { bytes: (count) => randomBytes(count) },
      log,
    });
  } catch (thrown) {
    log.error({}, messageOf(thrown));
    return 2;
  }
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info({}, `${signal}: the agent stops`);
    void agent.close();
  };
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  const refusal = await agent.ended;
  process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  if (refusal === null) return 0;
  const { tokenFile } = flags;
  if (tokenFile !== undefined && !existsSync(tokenFile)) log.error({}, `--token-file ${tokenFile}: there is no such file`);
  return 3;
}

function busyPollUsOf({ busyPollUs }: AgentFlags): number {
  const count = Number(busyPollUs ?? agentBusyPollUsDefault);
  if (Number.isInteger(count) && count >= 0 && count <= busyPollUsMax) return count;
  throw new Error(`--busy-poll-us ${busyPollUs}: write a whole number of microseconds from 0 to ${busyPollUsMax}`);
}

function graceMsOf({ graceS }: AgentFlags): number {
  if (graceS === undefined) return graceMsDefault;
  const count = Number(graceS);
  if (graceS !== '' && Number.isInteger(count) && count >= 0 && count <= graceSMax) return count * 1_000;
  throw new Error(`--grace-s ${graceS}: write a whole number of seconds from 0 to ${graceSMax}`);
}

/** Others can see a process's arguments: file and environment come first. The file may be gone: later starts need no token. */
function tokenOf({ token, tokenFile }: AgentFlags, environment: Environment): string | undefined {
  if (tokenFile !== undefined) return existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').trim() || undefined : undefined;
  return environment['SALLYPORT_AGENT_TOKEN']?.trim() || token;
}

function lines(verbose: boolean): Log {
  const at = (level: string) => (fields: object, message: string) => {
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
    process.stderr.write(`${new Date().toISOString()} ${level} ${printable(message + rest.join(''))}\n`);
  };
  return { debug: verbose ? at('debug') : () => {}, info: at('info '), warn: at('warn '), error: at('error') };
}
