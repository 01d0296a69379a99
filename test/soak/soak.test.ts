// A slice of the soak: what must hold when the gateway is killed and its disk is full. More of it: node test/soak/main.ts.

import t from 'tap';
import { soak } from './soak.ts';

const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);

t.test(`everything that was told, written and run agrees (SOAK_SEED=${seed})`, { timeout: 170_000 }, async (t) => {
  const say = (words: string) => void t.comment(words);
  const found = await soak(t, { seed, rounds: 1, relayThreads: 0, roundMs: 5_000, faults: ['disk-full', 'gateway-killed'], say });
  t.strictSame(found, []);
});
