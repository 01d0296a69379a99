// An agent: keeps one link to its gateway, and opens what the gateway asks for and its own allow-list allows. It listens
// nowhere, parses nothing of what it carries, and knows no policy and no credential of a target.

import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, Random } from '../src/core/clock.ts';
import type { Log } from '../src/core/driver.ts';
import { messageOf } from '../src/core/errors.ts';
import type { VersionRange } from '../src/tunnel/handshake.ts';
import type { Link } from '../src/tunnel/link.ts';
import { parseAllowList } from './allow-list.ts';
import { defaultBackOff, waitMs } from './back-off.ts';
import type { BackOffTimes } from './back-off.ts';
import { dialGateway, gatewayUrl } from './dial-gateway.ts';
import { openTarget, systemNames } from './open-target.ts';
import type { Lookup } from './open-target.ts';
import { SignInRefused, signIn } from './sign-in.ts';
import { lockState } from './state-lock.ts';
import { memoryState, openState } from './state.ts';

export interface AgentOptions {
  /** wss://gateway.example.com */
  readonly gateway: string;
  /** One-time enrolment token; not looked at while the gateway takes the credential. */
  readonly token?: string | undefined;
  /** Where key and credential are kept. Without it they end with the agent. */
  readonly stateDir?: string | undefined;
  /** host:port patterns. */
  readonly allow: readonly string[];
  readonly hostname: string;
  readonly software: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** PEM of the authorities to trust for the gateway instead of the system's, asked for at every dialling. */
  readonly ca?: (() => string) | undefined;
  /** http://[user:password@]host:port */
  readonly proxy?: string | undefined;
  readonly backOff?: BackOffTimes;
  /** How long open streams may go on when the agent is told to stop. */
  readonly graceMs?: number;
  readonly lookup?: Lookup;
  readonly versions?: VersionRange;
}

export interface RunningAgent {
  /** Resolves when the agent has ended: null after close, else why it can't go on. Never rejects. */
  readonly ended: Promise<string | null>;
  readonly isLinked: boolean;
  /** Takes no new streams, waits a moment for those that are open, and ends. */
  close(): Promise<void>;
}

export const graceMsDefault = 1_000;
/** How often is looked whether all streams have ended. */
const graceLookMs = 50;

/** Starts an agent. Throws an Error in words when its options are wrong; afterwards it tries until it is refused or closed. */
export function startAgent(options: AgentOptions): RunningAgent {
  const { clock, random, log, backOff = defaultBackOff, lookup = systemNames, graceMs = graceMsDefault } = options;
  const allow = parseAllowList(options.allow);
  const route = {
    url: gatewayUrl(options.gateway),
    proxy: options.proxy === undefined ? null : proxyUrl(options.proxy),
  };
  let state = options.stateDir === undefined ? memoryState() : openState(options.stateDir);
  const unlock = options.stateDir === undefined ? () => {} : lockState(options.stateDir);
  const stopped = new AbortController();
  let link: Link | null = null;
  let failures = 0;
  /** Why the credential that it had was refused, while it tries the token. */
  let outdated = '';

  const ended = run().finally(unlock);
  return {
    ended,
    get isLinked() {
      return link !== null;
    },
    close: async () => {
      link?.drain('the agent stops');
      const untilMs = clock.monotonicMs() + graceMs;
      while (link !== null && link.figures.streams > 0 && clock.monotonicMs() < untilMs) await delay(graceLookMs);
      stopped.abort();
      link?.close('the agent stops');
      await ended;
    },
  };

  async function run(): Promise<string | null> {
    while (!stopped.signal.aborted) {
      try {
        await once();
        failures = 0;
        outdated = '';
      } catch (thrown) {
        if (stopped.signal.aborted) return null;
        if (thrown instanceof SignInRefused && isFinal(thrown)) {
          if (state.credential !== null && options.token !== undefined) {
            outdated = `${thrown.message}; with its enrolment token: `;
            state = state.anew();
            continue;
          }
          const words = `${outdated}${thrown.message}`;
          log.error({ code: thrown.code }, `the gateway refuses this agent: ${words}`);
          return words;
        }
        failures += 1;
        log.warn({ gateway: route.url.host, tries: failures }, `no link to the gateway: ${messageOf(thrown)}`);
      }
      await delay(waitMs(failures, backOff, random), undefined, { signal: stopped.signal }).catch(() => {});
    }
    return null;
  }

  /** One link, from dialling to its end. */
  async function once(): Promise<void> {
    const dialled = await dialGateway({ ...route, ca: options.ca?.() ?? null }, stopped.signal);
    const { hostname, software, token = null, versions } = options;
    const signedIn = await signIn(dialled, {
      url: route.url,
      state,
      token,
      hostname,
      software,
      allow: options.allow,
      clock,
      ...(versions === undefined ? {} : { versions }),
      onOpen: (request) => void openTarget(request, allow, lookup, log),
      onDrain: (reason) => log.info({ reason }, 'the gateway asks for no new streams'),
    });
    link = signedIn.link;
    log.info({ gateway: route.url.host, name: signedIn.name, version: link.version }, 'linked to the gateway');
    if (stopped.signal.aborted) link.close('the agent stops');
    const reason = await link.closed;
    link = null;
    if (!stopped.signal.aborted) log.warn({ reason }, 'the link to the gateway ended');
  }
}

/** Trying again would not help. */
function isFinal({ code }: SignInRefused): boolean {
  switch (code) {
    case 'credential':
    case 'revoked':
      return true;
    case 'version': // until somebody upgrades the other end
    case 'limit':
    case 'fault':
      return false;
  }
}

function proxyUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.protocol !== 'http:') throw new Error('the proxy is written as http://[user:password@]host:port');
  try {
    for (const part of [url.username, url.password]) decodeURIComponent(part);
  } catch {
    throw new Error("the proxy's user or password has a % that stands for nothing: write % as %25");
  }
  return url;
}
