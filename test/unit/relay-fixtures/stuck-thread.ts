// A relay thread that can be made to stand still: it waits until the gate is not 0.

import { workerData, type MessagePort } from 'node:worker_threads';
import { Calls, type Methods } from '../../../src/relay/calls.ts';
import { watchHandlers, type WatchMethods } from '../../../src/relay/watch.ts';

const { port, gate } = workerData as { readonly port: MessagePort; readonly gate: Int32Array };

new Calls<Methods, WatchMethods & { stand: { given: null; answer: void } }>(port, {
  ...watchHandlers,
  stand: () => void Atomics.wait(gate, 0, 0),
});
