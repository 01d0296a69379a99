// A bad way between agent and gateway: 100 ms there and back, and one chunk in twenty comes 300 ms late with all behind it, as TCP
// makes of 5 % of lost packets. (With a kernel that has netem, test/e2e/agent.test.ts loses real ones.) And a way that stops.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import t from 'tap';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';
import { agentOf, byName, echoServer, linked, startSide, targetAt } from './agent-fixture.ts';

const never = new AbortController().signal;
const openMs = 10_000;
const delayMs = 50;
/** One of so many chunks is lost, at a random place among them. */
const lostOfMany = 20;
const retransmitMs = 300;

interface BadWay {
  readonly port: number;
  late: number;
  /** Nothing passes any more, and nobody is told. */
  isStopped: boolean;
}

t.test('100 ms and 5 % loss: everything arrives, the link stays, and its latency is seen', { timeout: 60_000 }, async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  t.comment(`SEED=${seed}`);
  const side = await startSide(t, { isOwnOrigin: () => true });
  const way = await badWay(t, side.port, seed);
  const agent = agentOf(t, { gateway: `ws://127.0.0.1:${way.port}`, token: side.token('far') });
  await linked(agent);
  const echo = await echoServer(t);
  const target = targetAt(echo.port, byName('far'));
  const [bulk, talker] = await Promise.all([side.agents.dial(target, never, openMs), side.agents.dial(target, never, openMs)]);
  const sent = randomBytes(3_000_000);
  const hash = createHash('sha256');
  let got = 0;
  bulk.on('data', (chunk: Buffer) => {
    got += chunk.length;
    hash.update(chunk);
  });
  bulk.write(sent);
  const tookMs: number[] = [];
  for (let turn = 0; turn < 15; turn++) {
    const fromMs = performance.now();
    talker.write('ping');
    await once(talker, 'data');
    tookMs.push(performance.now() - fromMs);
  }
  tookMs.sort((a, b) => a - b);
  await eventually('the copy is whole', () => got === sent.length, 40_000);
  t.equal(hash.digest('hex'), createHash('sha256').update(sent).digest('hex'));
  t.ok(way.late > 1, `${way.late} chunks came late`);
  const median = tookMs[7] ?? 0;
  t.ok(median >= 2 * delayMs && median < 3_000, `an answer beside it took ${Math.round(median)} ms (median)`);
  t.ok((side.agents.list()[0]?.latencyMs ?? 0) >= 2 * delayMs - 10);
  t.equal(side.events.filter(({ type }) => type === 'agent.connected').length, 1, 'the link was never given up');
  for (const stream of [bulk, talker]) stream.destroy();
});

t.test('a way that stops is found dead at both ends, and the agent comes back when it goes on', { timeout: 60_000 }, async (t) => {
  const side = await startSide(t, { isOwnOrigin: () => true, times: { pingIntervalMs: 200, deadAfterMs: 600 } });
  const way = await badWay(t, side.port, 1);
  const agent = agentOf(t, {
    gateway: `ws://127.0.0.1:${way.port}`,
    token: side.token('far'),
  });
  await linked(agent);
  way.isStopped = true;
  await eventually('both know', () => !agent.isLinked && side.agents.list()[0]?.isConnected === false, 10_000);
  await t.rejects(side.agents.dial(targetAt(1, byName('far')), never, openMs), { message: /not connected/ }, 'at once, in words');
  way.isStopped = false;
  await linked(agent);
});

/** In order, late, and sometimes much later. */
async function badWay(t: Teardown, port: number, seed: number): Promise<BadWay> {
  let state = seed || 1;
  const random = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  const sockets = new Set<Socket>();
  let chunks = 0;
  let lostAt = 0;
  const pass = (from: Socket, to: Socket): void => {
    const waiting: { readonly chunk: Buffer; readonly atMs: number }[] = [];
    const send = (): void => {
      while ((waiting[0]?.atMs ?? Infinity) <= performance.now()) to.write(waiting.shift()?.chunk as Buffer);
      const [next] = waiting;
      if (next !== undefined && !to.destroyed) setTimeout(send, Math.max(1, next.atMs - performance.now()));
    };
    from.on('data', (chunk: Buffer) => {
      if (way.isStopped) return;
      if (chunks % lostOfMany === 0) lostAt = Math.floor(random() * lostOfMany);
      const isLate = chunks++ % lostOfMany === lostAt;
      if (isLate) way.late += 1;
      const atMs = performance.now() + delayMs + (isLate ? retransmitMs : 0);
      // What is behind a late one waits for it.
      if (waiting.push({ chunk, atMs: Math.max(atMs, waiting.at(-1)?.atMs ?? 0) }) === 1) setTimeout(send, atMs - performance.now());
    });
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  };
  const relay = createServer((near) => {
    if (way.isStopped) return void near.destroy(); // so that the agent's next try is soon
    const far = connect(port, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => sockets.delete(socket));
    }
    pass(near, far);
    pass(far, near);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    relay.close();
    for (const socket of sockets) socket.destroy();
  });
  const way: BadWay = { port: (relay.address() as AddressInfo).port, late: 0, isStopped: false };
  return way;
}
