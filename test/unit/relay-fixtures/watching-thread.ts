// Watches over the thread that started it, and says in shared memory when that one stands still.

import { workerData, type MessagePort } from 'node:worker_threads';
import { Calls, type Methods } from '../../../src/relay/calls.ts';
import { watchOver, type WatchMethods } from '../../../src/relay/watch.ts';

const { port, gate, everyMs } = workerData as { readonly port: MessagePort; readonly gate: Int32Array; readonly everyMs: number };
const calls: Calls<WatchMethods, Methods> = new Calls<WatchMethods, Methods>(port, {});
await calls.ask('alive', null);
const told = (what: number): void => {
  Atomics.store(gate, 0, what);
  Atomics.notify(gate, 0);
};
watchOver(() => calls.ask('alive', null), () => told(2), everyMs); // prettier-ignore
setInterval(() => undefined, 60_000); // a watch keeps no thread alive
told(1);
