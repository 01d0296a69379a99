// An agent's target behind a name with several addresses, of which some do not answer.

import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { dialFirst } from '../../agent/dial-target.ts';
import type { Teardown } from '../support/directories.ts';
import { start } from '../support/processes.ts';
import { agentOf, byName, echoServer, linked, startSide, targetAt } from './agent-fixture.ts';

const never = new AbortController().signal;
const silent = '127.0.0.9';

/** Somebody listens at that address who takes nobody any more: the kernel lets further callers wait without a word. */
async function beSilent(t: Teardown, port: number): Promise<void> {
  const listen = `require('net').createServer().listen({ host: '${silent}', port: ${port}, backlog: 1 }, () => console.log('listens'))`;
  const server = start(t, process.execPath, ['-e', listen]);
  await server.waitFor(/listens/);
  server.kill('SIGSTOP');
  t.teardown(() => server.kill('SIGKILL'));
  const isTaken = async (): Promise<boolean> => {
    const socket = connect(port, silent);
    t.teardown(() => socket.destroy());
    return Promise.race([new Promise<boolean>((resolve) => socket.once('connect', () => resolve(true))), delay(200, false)]);
  };
  while (await isTaken());
}

t.test('a silent address costs a moment, not the time there is', async (t) => {
  const side = await startSide(t);
  const echo = await echoServer(t);
  await beSilent(t, echo.port);
  const allow = ['127.0.0.0/8:*'];
  const lookup = async () => [silent, '127.0.0.1'];
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc'), allow, lookup });
  await linked(agent);
  const fromMs = performance.now();
  const stream = await side.agents.dial(targetAt(echo.port, byName('vpc'), 'db.internal'), never, 10_000);
  t.ok(performance.now() - fromMs < 3_000, `after ${Math.round(performance.now() - fromMs)} ms`);
  t.equal(echo.connections(), 1);
  stream.destroy();
});

t.test('one that refuses costs nothing, and in the end each says why', async (t) => {
  const echo = await echoServer(t);
  await beSilent(t, echo.port);
  const fromMs = performance.now();
  const target = await dialFirst(['127.0.0.2', '::1', '127.0.0.1'], echo.port, never);
  t.equal(target.socket.remoteAddress, '127.0.0.1');
  t.ok(performance.now() - fromMs < 2_000);
  target.socket.destroy();
  await t.rejects(dialFirst(['127.0.0.2', silent], echo.port, AbortSignal.timeout(300)), {
    message: /^127\.0\.0\.2: connection refused \(nothing listens there\), 127\.0\.0\.9: no answer in time$/,
  });
  await t.rejects(dialFirst([], echo.port, never), { message: 'the name stands for no address' });
});

t.test('given up: nothing is dialled any more', async (t) => {
  const echo = await echoServer(t);
  await beSilent(t, echo.port);
  const gone = new AbortController();
  const attempt = dialFirst([silent, '127.0.0.1'], echo.port, gone.signal);
  gone.abort();
  await t.rejects(attempt, { message: /in time/ });
  t.equal(echo.connections(), 0);
});
