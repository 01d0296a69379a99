// A relay thread that stands still is noticed, one that stood for a while is not, and neither is one of which the watcher was stuck itself.

import { MessageChannel, Worker } from 'node:worker_threads';
import t from 'tap';
import { Calls, type Methods } from '../../src/relay/calls.ts';
import { Fault } from '../../src/core/errors.ts';
import { watchHandlers, watchOver, type WatchMethods } from '../../src/relay/watch.ts';
import type { Teardown } from '../support/directories.ts';
import { eventually } from '../support/eventually.ts';

/** Long enough that a thread that turns on a machine with far too much to do is never taken for a stuck one. */
const everyMs = 200;

interface Watched {
  readonly calls: Calls<WatchMethods & { stand: { given: null; answer: void } }, Methods>;
  readonly gate: Int32Array;
  stuck: number;
  stop: () => void;
}

/** A thread that answered once: a watch begins with one that runs, and starting one takes long on a busy machine. */
async function watched(t: Teardown): Promise<Watched> {
  const { port1, port2 } = new MessageChannel();
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./relay-fixtures/stuck-thread.ts', import.meta.url), {
    workerData: { port: port2, gate },
    transferList: [port2],
  });
  t.teardown(() => {
    port1.close();
    return worker.terminate();
  });
  const made: Watched = { calls: new Calls(port1, {}), gate, stuck: 0, stop: () => undefined };
  await made.calls.ask('alive', null);
  made.stop = watchOver(() => made.calls.ask('alive', null), () => (made.stuck += 1), everyMs); // prettier-ignore
  t.teardown(() => made.stop());
  return made;
}

const turns = (count: number) => new Promise((resolve) => setTimeout(resolve, count * everyMs));

t.test('one that turns is left alone, also when this thread stood still', async (t) => {
  const made = await watched(t);
  await turns(2);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10 * everyMs);
  await turns(8);
  t.equal(made.stuck, 0);
});

t.test('one that stood for a while is left alone', async (t) => {
  const made = await watched(t);
  const stood = made.calls.ask('stand', null);
  await turns(3);
  Atomics.store(made.gate, 0, 1);
  Atomics.notify(made.gate, 0);
  await stood;
  await turns(8);
  t.equal(made.stuck, 0);
});

t.test('one that stands is told of, once', async (t) => {
  const made = await watched(t);
  void made.calls.ask('stand', null).catch(() => undefined);
  await eventually('it is told', () => made.stuck > 0);
  await turns(8);
  t.equal(made.stuck, 1);
});

t.test('one that is gone is not watched any more', async (t) => {
  const made = await watched(t);
  made.stop();
  made.calls.close(new Fault('limit-reached', 'it ended'));
  await turns(8);
  t.equal(made.stuck, 0);
});

t.test('a thread notices that this one stands', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./relay-fixtures/watching-thread.ts', import.meta.url), {
    workerData: { port: port2, gate, everyMs },
    transferList: [port2],
  });
  t.teardown(() => {
    port1.close();
    return worker.terminate();
  });
  const calls: Calls<Methods, WatchMethods> = new Calls<Methods, WatchMethods>(port1, watchHandlers);
  await eventually('it watches', () => Atomics.load(gate, 0) === 1);
  await turns(8);
  t.equal(Atomics.load(gate, 0), 1, 'while this one turns all is well');
  t.equal(Atomics.wait(gate, 0, 1, 60 * everyMs), 'ok');
  t.equal(Atomics.load(gate, 0), 2);
  calls.close(new Fault('limit-reached', 'done'));
});
