// Connections counted for all threads together: the limits hold exactly, whoever counts at the same moment, and what a thread
// held when it died is given back.

import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { AcceptedSockets } from '../../src/core/accepted-sockets.ts';
import { joinAcceptCounts, openAcceptCounts } from '../../src/relay/accept-counts.ts';
import type { AllAcceptCounts } from '../../src/relay/accept-counts.ts';

const random = { bytes: (count: number) => randomBytes(count) };
const [here, there] = ['10.0.0.1', '2001:db8::7'];

function open(connectionsMax: number, connectionsPerAddressMax: number, threads = 2): AllAcceptCounts {
  return openAcceptCounts({ connectionsMax, connectionsPerAddressMax }, threads, random);
}

t.test('one address may have so many over all threads, and others theirs', async (t) => {
  const all = open(100, 3);
  const [first, second] = [joinAcceptCounts(all.share(), 0), joinAcceptCounts(all.share(), 1)];
  t.same([first.enter(here), second.enter(here), first.enter(here)], [true, true, true]);
  t.equal(second.enter(here), false, 'the fourth, in whichever thread');
  t.equal(first.enter(here), false);
  t.equal(second.enter(there), true, 'another address');
  t.equal(all.connections, 4, 'what was turned away is not counted');
  second.leave(here);
  t.equal(first.enter(here), true, 'one has left');
});

t.test('all together may be so many', async (t) => {
  const all = open(3, 100);
  const [first, second] = [joinAcceptCounts(all.share(), 0), joinAcceptCounts(all.share(), 1)];
  t.same([first.enter('a'), second.enter('b'), second.enter('c')], [true, true, true]);
  t.equal(first.enter('d'), false);
  t.equal(second.enter('a'), false);
  first.leave('a');
  t.equal(second.enter('d'), true);
  for (const [counts, address] of [
    [second, 'b'],
    [second, 'c'],
    [second, 'd'],
  ] as const)
    counts.leave(address);
  t.equal(all.connections, 0);
  const alone = open(3, 3);
  const counts = joinAcceptCounts(alone.share(), 0);
  for (let turn = 0; turn < 3; turn++) counts.enter('d');
  t.equal(counts.enter('e'), false, 'full');
  for (let turn = 0; turn < 3; turn++) counts.leave('d');
  for (let turn = 0; turn < 3; turn++)
    t.equal(counts.enter('e'), true, 'what was turned away when all was full is not counted for its address');
});

t.test('what a thread held is given back, and nothing of the others', async (t) => {
  const all = open(10, 5);
  const [dying, living] = [joinAcceptCounts(all.share(), 0), joinAcceptCounts(all.share(), 1)];
  for (let turn = 0; turn < 4; turn++) dying.enter(here);
  dying.enter(there);
  t.equal(living.enter(here), true);
  t.equal(living.enter(here), false, 'full before');
  all.giveBack(0);
  t.equal(all.connections, 1);
  for (let turn = 0; turn < 4; turn++) t.equal(living.enter(here), true);
  t.equal(living.enter(here), false, 'its own still counts');
  all.giveBack(0);
  t.equal(all.connections, 5, 'a second time gives nothing');
  t.equal(joinAcceptCounts(all.share(), 0).enter(there), true, 'another takes its number');
  t.throws(() => joinAcceptCounts(all.share(), 2), { message: /no thread 2 of 2/ });
  t.throws(() => all.giveBack(-1), { message: /no thread -1/ });
});

t.test('threads that count at the same moment never let in too many, nor turn away too early', async (t) => {
  const threads = 4;
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
  for (const [name, connectionsMax, perAddressMax, expected] of [
    ['one address is the limit', 100_000, 37, 37 * addresses.length],
    ['all together are the limit', 101, 100_000, 101],
  ] as const) {
    const all = open(connectionsMax, perAddressMax, threads);
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const workers = Array.from({ length: threads }, (_, thread) => {
      const workerData = { shared: all.share(), thread, addresses, rounds: 8_000, gate };
      return new Worker(new URL('./relay-fixtures/counting-thread.ts', import.meta.url), { workerData });
    });
    t.teardown(() => Promise.all(workers.map((it) => it.terminate())));
    const held = (await Promise.all(workers.map((it) => once(it, 'message')))).map(([list]) => list as string[]);
    const perAddress = addresses.map((address) => held.flat().filter((it) => it === address).length);
    t.equal(held.flat().length, expected, `${name}: exactly so many are in (${perAddress.join(', ')})`);
    t.equal(all.connections, expected);
    t.ok(Math.max(...perAddress) <= perAddressMax);
    await workers[0]?.terminate();
    all.giveBack(0);
    t.equal(all.connections, expected - (held[0]?.length ?? 0), 'the dead one’s are given back');
    const rest = workers.slice(1);
    const left = rest.map((it) => once(it, 'message'));
    for (const worker of rest) worker.postMessage('leave');
    await Promise.all(left);
    t.equal(all.connections, 0, 'and the others have left');
    const counts = joinAcceptCounts(all.share(), 0);
    t.same(
      addresses.map((address) => counts.enter(address)),
      addresses.map(() => true),
    );
  }
});

t.test('sockets are counted until they close, by shared counts as by their own', async (t) => {
  const all = open(100, 2);
  const limits = { connectionsMax: 100, connectionsPerAddressMax: 2 };
  const shared = (thread: number) => new AcceptedSockets({ ...limits, counts: joinAcceptCounts(all.share(), thread) });
  const own = new AcceptedSockets(limits);
  for (const [name, turns] of [
    ['its own', [own, own, own]],
    ['shared', [shared(0), shared(1), shared(0)]],
  ] as const) {
    const accepted: Socket[] = [];
    const admitted: boolean[] = [];
    const server = createServer((socket) => {
      admitted.push(turns[accepted.length % turns.length]?.admit(socket) ?? false);
      accepted.push(socket.resume());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const dial = async (): Promise<void> => {
      const accepting = once(server, 'connection');
      const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => undefined);
      t.teardown(() => client.destroy());
      await accepting;
    };
    for (let turn = 0; turn < 3; turn++) await dial();
    t.same(admitted, [true, true, false], name);
    const closed = once(accepted[0] as Socket, 'close');
    accepted[0]?.destroy();
    await closed;
    await dial();
    t.equal(admitted[3], true, `${name}: after one has closed`);
    accepted.forEach((it) => it.destroy());
  }
});
