// node test/soak/main.ts: the soak from the command line, for as long as one likes. Ends with status 1 when something was found.

import { parseArgs } from 'node:util';
import { faultNames } from './faults.ts';
import type { FaultName } from './faults.ts';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    rounds: { type: 'string', default: '20' },
    threads: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '15' },
    faults: { type: 'string', default: faultNames.join() },
  },
});
const faults = values.faults.split(',').filter((name) => name !== '');
const unknown = faults.find((name) => !(faultNames as string[]).includes(name));
if (unknown !== undefined) throw new Error(`no fault "${unknown}"; there are ${faultNames.join(', ')}`);

const undo: (() => unknown)[] = [];
const say = (words: string) => void process.stdout.write(`${words}\n`);
say(`--seed ${values.seed} --rounds ${values.rounds} --threads ${values.threads} --seconds ${values.seconds}`);
const undoAll = async () => {
  for (const step of undo.splice(0).reverse()) await step();
};
let isEnding = false; // what fails then fails of it
const endedBySignal = async () => {
  isEnding = true;
  await undoAll();
  process.exit(1);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void endedBySignal());
process.on('unhandledRejection', (thrown) => {
  if (!isEnding) throw thrown;
});
let violations: readonly string[] = [];
try {
  violations = await soak(
    { teardown: (step: () => unknown) => undo.push(step) },
    {
      seed: Number(values.seed),
      rounds: Number(values.rounds),
      relayThreads: Number(values.threads),
      roundMs: Number(values.seconds) * 1000,
      faults: faults as FaultName[],
      say,
    },
  );
} catch (thrown) {
  if (!isEnding) throw thrown;
  await new Promise(() => undefined); // the signal's own end
} finally {
  await undoAll();
}
for (const words of violations) say(words);
say(violations.length === 0 ? 'nothing found' : `${violations.length} violations`);
process.exit(violations.length === 0 ? 0 : 1);
