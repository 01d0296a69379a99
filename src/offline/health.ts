// `sallyport health`: is a gateway ready to take people? For health checks of containers and services: no sign-in, a line, an exit code.

import { request as plainRequest } from 'node:http';
import type { ClientRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { readFileSync } from 'node:fs';
import { checkServer, defaultServer, namedServer, savedCredentials } from '../cli/credentials.ts';
import { CommandFailure, exitCode } from '../cli/exit-code.ts';
import { printJson } from '../cli/command.ts';
import { unreachable } from '../cli/client.ts';
import type { Terminal } from '../cli/terminal.ts';
import { visible } from '../cli/visible.ts';
import { ConfigDocument } from '../config/document.ts';
import { validate } from '../config/validate.ts';
import { Fault, messageOf } from '../core/errors.ts';

export interface HealthOptions {
  readonly server?: string | undefined;
  /** Of a gateway on this machine. */
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
}

interface Asked {
  readonly url: URL;
  /** Its own address is not in a certificate for the public name, and nothing is sent that others should not have. */
  readonly isOwnMachine: boolean;
}

/** A gateway whose main thread stands still answers nobody. */
const timeoutMs = 10_000;
const answerCharactersMax = 4_096;

export async function health(terminal: Terminal, options: HealthOptions, environment: NodeJS.ProcessEnv): Promise<void> {
  const asked = options.config === undefined ? byAddress(options, environment) : byConfiguration(options.config);
  const { status, text } = await get(asked);
  const answer = read(text);
  const ready = status === 200 && answer.status === 'ready';
  if (options.json === true) printJson(terminal, { ready, server: asked.url.origin, ...(ready ? {} : { status }) });
  if (!ready) {
    const words = status === 503 ? (answer.detail ?? 'statements are refused') : `it answered ${status}, and not as a gateway does`;
    throw new CommandFailure(exitCode.failed, `the gateway at ${asked.url.origin} is not ready: ${visible(words)}`);
  }
  if (options.json !== true) terminal.out(`ready: ${asked.url.origin}`);
}

function byAddress(options: HealthOptions, environment: NodeJS.ProcessEnv): Asked {
  const saved = savedCredentials(environment);
  const kept = typeof saved === 'string' ? defaultServer : saved.server;
  return { url: new URL('/readyz', checkServer(namedServer(options, environment) ?? kept)), isOwnMachine: false };
}

/** Where it listens, and nothing else of the file: a mistake elsewhere in it says nothing about the gateway that runs. */
function byConfiguration(path: string): Asked {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    throw new Fault('config-invalid', `${path} can't be read: ${messageOf(thrown)}`, { cause: thrown });
  }
  const { listen, tls } = validate(new ConfigDocument(text));
  if (listen === undefined) throw new Fault('config-invalid', `${path} does not say where the gateway listens`);
  const { host, port } = listen.http;
  if (port === 0) throw new Fault('config-invalid', `${path}: listen.http.port is 0: name the gateway with --server`);
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const scheme = tls === undefined ? 'http' : 'https';
  return { url: new URL(`${scheme}://${near.includes(':') ? `[${near}]` : near}:${port}/readyz`), isOwnMachine: true };
}

async function get({ url, isOwnMachine }: Asked): Promise<{ readonly status: number; readonly text: string }> {
  const signal = AbortSignal.timeout(timeoutMs);
  const options = { agent: false, signal, headers: { accept: 'application/json' } };
  const asked =
    url.protocol === 'https:' ? secureRequest(url, { ...options, rejectUnauthorized: !isOwnMachine }) : plainRequest(url, options);
  try {
    return await answerTo(asked);
  } catch (thrown) {
    throw unreachable(url.origin, signal.aborted ? signal.reason : new Error('no answer', { cause: thrown }));
  }
}

function answerTo(asked: ClientRequest): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    asked.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text = (text + chunk).slice(0, answerCharactersMax)));
      response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.end();
  });
}

function read(text: string): { readonly status?: unknown; readonly detail?: string } {
  try {
    return (JSON.parse(text) ?? {}) as { readonly status?: unknown; readonly detail?: string };
  } catch {
    return {};
  }
}
