// Counts connections as a relay thread does, many at once: each round it lets in one connection more or lets one go, and notes
// when more were in than may be. `parentPort`: told 'holds' with how many it holds at the end, which it goes on holding.

import { parentPort, workerData } from 'node:worker_threads';
import type { SharedAcceptCounts } from '../../../src/relay/accept-counts.ts';
import { joinAcceptCounts } from '../../../src/relay/accept-counts.ts';

interface Given {
  readonly shared: SharedAcceptCounts;
  readonly thread: number;
  readonly addresses: readonly string[];
  readonly rounds: number;
  /** All threads begin together: each counts itself here. */
  readonly gate: Int32Array;
}

const { shared, thread, addresses, rounds, gate } = workerData as Given;
const counts = joinAcceptCounts(shared, thread);
const held: string[] = [];
Atomics.add(gate, 0, 1);
while (Atomics.load(gate, 0) < shared.threads) Atomics.wait(gate, 1, 0, 1);
for (let round = 0; round < rounds; round++) {
  const address = addresses[(round * 7 + thread) % addresses.length] as string;
  if (round % 3 !== 2) {
    if (counts.enter(address)) held.push(address);
  } else {
    const gone = held.shift();
    if (gone !== undefined) counts.leave(gone);
  }
}
for (const address of addresses) while (counts.enter(address)) held.push(address);
parentPort?.postMessage(held);
parentPort?.on('message', () => {
  for (const address of held.splice(0)) counts.leave(address);
  parentPort?.postMessage('left');
});
