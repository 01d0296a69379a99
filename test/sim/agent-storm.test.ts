// The gateway restarts and everybody comes back: ten thousand agents in calculated time, a few hundred as real links.

import { randomBytes } from 'node:crypto';
import t from 'tap';
import { defaultBackOff, waitMs } from '../../agent/back-off.ts';
import { eventually } from '../support/eventually.ts';
import { agentOf, linked, startSide } from '../unit/agent-fixture.ts';

const agents = 10_000;
/** Sign-ins that the calculated gateway takes in each tick (600 a second): chosen low, not measured. */
const takenPerTick = 60;
const tickMs = 100;

t.test(`${agents} agents come back within a minute, without a storm`, async (t) => {
  const random = { bytes: (count: number) => randomBytes(count) };
  for (const downMs of [500, 5_000, 60_000]) {
    // Each agent's next try; the gateway is back after downMs and takes so many in each tick, the others are told to wait.
    const tries = Array.from({ length: agents }, () => ({ failures: 0, atMs: waitMs(0, defaultBackOff, random) }));
    let waiting = tries;
    let peak = 0;
    let nowMs = 0;
    while (waiting.length > 0 && nowMs < downMs + 120_000) {
      nowMs += tickMs;
      const due = waiting.filter(({ atMs }) => atMs <= nowMs);
      if (nowMs > downMs) peak = Math.max(peak, due.length);
      let room = nowMs > downMs ? takenPerTick : 0;
      const taken = new Set<object>();
      for (const it of due) {
        if (room-- > 0) taken.add(it);
        else it.atMs = nowMs + waitMs(++it.failures, defaultBackOff, random);
      }
      waiting = waiting.filter((it) => !taken.has(it));
    }
    t.ok(nowMs - downMs < 60_000, `down for ${downMs} ms: all back ${nowMs - downMs} ms later`);
    t.ok(peak < agents / 10, `at most ${peak} tries in ${tickMs} ms`);
  }
});

t.test('300 real links come back after a restart', async (t) => {
  const side = await startSide(t);
  const all = Array.from({ length: 300 }, (_, index) =>
    agentOf(t, { gateway: side.url, token: side.token(`agent-${index}`), backOff: { firstMs: 300, maxMs: 1_000 } }),
  );
  for (const agent of all) await linked(agent);
  await side.down();
  await eventually('all noticed', () => all.every(({ isLinked }) => !isLinked));
  await side.up();
  await eventually('all are back', () => all.every(({ isLinked }) => isLinked), 20_000);
  t.equal(side.agents.list().filter(({ isConnected }) => isConnected).length, 300);
});
