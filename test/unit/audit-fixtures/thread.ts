// A worker thread that appends to a log that the main thread has opened. What it asked for and what it was told stands in shared
// memory, so that it is known whenever the thread is terminated.

import { writeSync } from 'node:fs';
import { setImmediate as turnEnd } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { joinAuditLog, type JoinOptions, type SharedAudit } from '../../../src/audit/joined.ts';
import type { Fault } from '../../../src/core/errors.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { event, realClock } from './log.ts';

/** What became of an event. */
export const told = { notAsked: 0, soon: 1, waits: 2, written: 3, refused: 4, wrong: 5 } as const;

/** What its writes do: fail now and then, wholly or in part; hang in the middle of one, or behind it; fail always, with long events. */
export type Disk = 'good' | 'fails' | 'hangs' | 'hangs-behind' | 'is-full';

export interface ThreadData {
  readonly shared: SharedAudit;
  readonly name: string;
  readonly seed: number;
  /** So many events at most; they end with the array. */
  readonly results: Int32Array<SharedArrayBuffer>;
  readonly disk: Disk;
  /** Not 0 while a write hangs; set to 0 it goes on. */
  readonly hanging: Int32Array<SharedArrayBuffer>;
}

const { shared, name, seed, results, disk, hanging } = workerData as ThreadData;
const die = seededRandom(seed);
let writes = 0;

const onDisks: Readonly<Record<Disk, NonNullable<JoinOptions['write']>>> = {
  good: writeSync,
  fails: (fd, bytes, offset) => {
    if (die(3) > 0) return writeSync(fd, bytes, offset);
    if (die(2) === 0) writeSync(fd, bytes, offset, die(bytes.length - offset));
    throw new Error('no space left on device');
  },
  hangs: (fd, bytes, offset) => hang(fd, bytes, offset, Math.ceil((bytes.length - offset) / 2)),
  'hangs-behind': (fd, bytes, offset) => hang(fd, bytes, offset, bytes.length - offset),
  'is-full': () => {
    throw new Error('no space left on device');
  },
};

function hang(fd: number, bytes: Buffer, offset: number, lengthBytes: number): number {
  writes += 1;
  if (writes !== 20) return writeSync(fd, bytes, offset);
  const written = writeSync(fd, bytes, offset, lengthBytes);
  Atomics.store(hanging, 0, 1);
  Atomics.notify(hanging, 0);
  Atomics.wait(hanging, 0, 1);
  return written;
}

const failures: string[] = [];
const log = joinAuditLog(shared, { clock: realClock, onFailed: (fault) => void failures.push(fault.message), write: onDisks[disk] });
let asked = 0;
let waiting = 0;

function ask(result: number): number {
  const number = asked;
  asked += 1;
  results[number] = result;
  return number;
}

function answer(number: number, failed: Fault | null): void {
  waiting -= 1;
  results[number] = results[number] === told.waits ? (failed === null ? told.written : told.refused) : told.wrong;
}

function step(): void {
  if (asked >= results.length) return;
  const kind = disk === 'is-full' ? 5 : die(10);
  const detail = { text: disk === 'is-full' ? 'x'.repeat(30_000) : 'SELECT 1' };
  const of = (number: number) => event(number, { sessionId: name, actionId: `${name}-${number}`, detail });
  if (kind < 5) {
    const number = ask(told.waits);
    waiting += 1;
    log.appendInTurn(of(number), (failed) => answer(number, failed));
  } else if (kind < 8) log.appendSoon(of(ask(told.soon)));
  else {
    const number = ask(told.waits);
    waiting += 1;
    try {
      const onDisk = log.append(of(number));
      if (onDisk === undefined) answer(number, null);
      else
        void onDisk.then(
          () => answer(number, null),
          (fault: Fault) => answer(number, fault),
        );
    } catch (thrown) {
      answer(number, thrown as Fault);
    }
  }
}

while (asked < results.length) {
  for (let count = die(12); count > 0; count -= 1) step();
  await turnEnd();
}
while (waiting > 0) await turnEnd();
for (let isFlushed = failures.length > 0; !isFlushed;) {
  try {
    log.flush();
    isFlushed = true;
  } catch {
    await turnEnd(); // the disk
  }
}
await log.close();
parentPort?.postMessage(failures);
