// An agent that stops, one that has no room, and two processes that would be the same one: what goes on, and what people are told.

import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { streamsMax } from '../../src/tunnel/limits.ts';
import { temporaryDirectory } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { run, start } from '../support/processes.ts';
import { agentOf, byName, echoServer, linked, startSide, targetAt } from './agent-fixture.ts';

const sallyport = join(import.meta.dirname, '../../bin/sallyport.mjs');
const never = new AbortController().signal;
const timeoutMs = 5_000;

t.test('told to stop: open streams go on for the grace, new ones go to the other, and it ends with the last', async (t) => {
  const side = await startSide(t);
  const echo = await echoServer(t);
  const agent = agentOf(t, { gateway: side.url, token: side.token('vpc'), graceMs: 60_000 });
  await linked(agent);
  const open = await side.agents.dial(targetAt(echo.port, byName('vpc')), never, timeoutMs);
  const fromMs = performance.now();
  const closed = agent.close();
  const dial = () => side.agents.dial(targetAt(echo.port, byName('vpc')), never, timeoutMs);
  await eventually('new ones are refused in words', async () => {
    const stream = await dial().catch((thrown: unknown) => thrown as Error);
    if (!(stream instanceof Error)) return void stream.destroy();
    t.match(stream, { code: 'target-unreachable', message: /agent vpc \(ag-\w+\) takes no new streams: it is being stopped/ });
    return true;
  });
  const other = agentOf(t, { gateway: side.url, token: side.token('vpc') });
  await linked(other);
  (await dial()).destroy();
  open.write('still here');
  t.equal(String((await once(open, 'data'))[0]), 'still here');
  open.destroy();
  await closed;
  t.ok(performance.now() - fromMs < 20_000, 'it did not wait for the whole grace');
});

t.test('full: told as that, and not as an agent that is not there', { timeout: 60_000 }, async (t) => {
  const side = await startSide(t);
  const echo = await echoServer(t);
  await linked(agentOf(t, { gateway: side.url, token: side.token('vpc') }));
  const dial = () => side.agents.dial(targetAt(echo.port, byName('vpc')), never, timeoutMs);
  const all = [];
  while (all.length < streamsMax) all.push(...(await Promise.all(Array.from({ length: 128 }, dial))));
  await t.rejects(dial(), { message: /agent vpc \(ag-\w+\) takes no new streams: it has 1024 streams, the limit/ });
  for (const stream of all) stream.destroy();
});

t.test('a second process with the same folder is refused, and cuts nobody', { timeout: 60_000 }, async (t) => {
  const side = await startSide(t);
  const stateDir = join(temporaryDirectory(t, 'agent'), 'state');
  const args = [sallyport, 'agent', '--gateway', side.url, '--state', stateDir, '--allow', '127.0.0.1:*'];
  const agent = () => start(t, process.execPath, args, { env: { SALLYPORT_AGENT_TOKEN: ` ${side.token('one')}\n` } });
  const first = agent();
  await first.waitFor(/linked to the gateway/, 20_000);
  t.match(await run(t, process.execPath, args), { code: 2, stderr: /another agent runs with this folder \(process \d+\): stop it first/ });
  t.equal(side.events.filter(({ type }) => type === 'agent.lost').length, 0);
  first.kill('SIGKILL');
  await first.end();
  t.ok(existsSync(join(stateDir, 'lock')));
  const second = agent();
  await second.waitFor(/linked to the gateway/, 20_000);
  second.kill('SIGTERM');
  t.equal((await second.end()).code, 0);
  t.notOk(existsSync(join(stateDir, 'lock')), 'given back');
  writeFileSync(join(stateDir, 'lock'), `${process.pid} 1`);
  const third = agent();
  await third.waitFor(/linked to the gateway/, 20_000);
  third.kill('SIGTERM');
  await third.end();
});

t.test('options that can not be meant', async (t) => {
  const agent = (...more: readonly string[]) =>
    run(t, process.execPath, [sallyport, 'agent', '--gateway', 'wss://x', '--state', '/nonexistent', '--allow', 'x:1', ...more]);
  t.match(await agent('--grace-s', '1m'), { code: 2, stderr: /--grace-s 1m: write a whole number of seconds from 0 to 3600/ });
  const answer = await agent('--proxy', 'http://me:planted%zz@127.0.0.1:3128');
  t.match(answer, { code: 2, stderr: /write % as %25/ });
  t.notMatch(answer.stderr, /planted/);
});
