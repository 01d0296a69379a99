// A relay thread with nothing but what reaches targets. Its sign-in is one line, "user:password", answered by "in" or anything else; a
// connection that is signed in then echoes, or does what the test asks of it.

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { parentPort } from 'node:worker_threads';
import { Fault, messageOf } from '../../../src/core/errors.ts';
import { readExactly } from '../../../src/core/read-exactly.ts';
import type { Target } from '../../../src/core/target.ts';
import { Calls } from '../../../src/relay/calls.ts';
import { remoteCredentials } from '../../../src/relay/credentials.ts';
import type { CredentialMethods } from '../../../src/relay/credentials.ts';
import { remoteDialling } from '../../../src/relay/dialling.ts';
import type { DiallingMethods } from '../../../src/relay/dialling.ts';
import { receivedTarget } from '../../../src/relay/sent-target.ts';
import type { SentTarget } from '../../../src/relay/sent-target.ts';
import { dial as dialDirectly } from '../../../src/targets/dial.ts';

export type MainMethods = CredentialMethods & DiallingMethods;

export type ThreadMethods = {
  /** Answers with the connection's number. */
  'sign-in': { given: { readonly target: SentTarget; readonly failing?: 'strangely' }; answer: number };
  /** Dials the target as it is configured, as a cancellation does. */
  dial: { given: { readonly target: SentTarget }; answer: number };
  /** Says it and answers with as many bytes as came back. */
  say: { given: { readonly connection: number; readonly text: string }; answer: string };
  /** Ends its own direction, reads all that still comes and answers with how many bytes that were, and how it ended. */
  finish: { given: { readonly connection: number }; answer: { readonly bytes: number; readonly how: string } };
  leave: { given: { readonly connection: number }; answer: null };
  /** Resolves with the words of its end, once it is over. */
  ending: { given: { readonly connection: number }; answer: string };
  die: { given: null; answer: null };
};

const connections: Duplex[] = [];

function kept(stream: Duplex): number {
  stream.on('error', () => undefined);
  return connections.push(stream) - 1;
}

function connection(number: number): Duplex {
  const stream = connections[number];
  if (stream === undefined) throw new Error(`no connection ${number}`);
  return stream;
}

if (parentPort !== null) {
  const calls: Calls<MainMethods, ThreadMethods> = new Calls<MainMethods, ThreadMethods>(parentPort, {
    'sign-in': async ({ target: sent, failing }, { signal }) => {
      const { credentials, dial } = nextDriver();
      const stream = await credentials.signingIn(receivedTarget(sent), signal, async (filled) => {
        const dialled = await dial(filled, signal);
        dialled.on('error', () => undefined);
        try {
          await signIn(dialled, filled, signal);
          if (failing === 'strangely') throw new TypeError('something else');
        } catch (thrown) {
          dialled.destroy();
          throw thrown;
        }
        return dialled;
      });
      return kept(stream);
    },
    dial: async ({ target }, { signal }) => kept(await nextDriver().dial(receivedTarget(target), signal)),
    say: async ({ connection: number, text }, { signal }) => {
      connection(number).write(text);
      return (await readExactly(connection(number), Buffer.byteLength(text), signal)).toString();
    },
    finish: async ({ connection: number }) => {
      const stream = connection(number);
      let bytes = 0;
      let fault: Error | null = null;
      stream.once('error', (error: Error) => (fault = error));
      stream.on('data', (chunk: Buffer) => (bytes += chunk.length)).end();
      await once(stream, 'close');
      return { bytes, how: fault === null ? 'in order' : messageOf(fault) };
    },
    leave: ({ connection: number }) => {
      connection(number).destroy();
      return null;
    },
    ending: async ({ connection: number }) => {
      const stream = connection(number).resume();
      if (!stream.closed) await once(stream, 'close').catch(() => undefined);
      return stream.errored instanceof Fault ? stream.errored.code : messageOf(stream.errored ?? 'no fault');
    },
    die: () => {
      setImmediate(() => {
        throw new Error('the thread dies');
      });
      return null;
    },
  });
  // A thread has several drivers, each with its own.
  const drivers = [1, 2].map(() => {
    const credentials = remoteCredentials(calls);
    return { credentials, dial: remoteDialling(calls, { dial: dialDirectly, attemptOf: credentials.attemptOf }) };
  });
  let turn = 0;
  const nextDriver = () => drivers[turn++ % drivers.length] as (typeof drivers)[number];
}

async function signIn(stream: Duplex, { user, password }: Target, signal: AbortSignal): Promise<void> {
  stream.write(`${user}:${password?.reveal() ?? ''}\n`);
  const answer = (await readExactly(stream, 3, signal)).toString();
  if (answer !== 'in\n') throw new Fault('target-sign-in-failed', `the target refused ${user}`, { hint: 'look there' });
}
