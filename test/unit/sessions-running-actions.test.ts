// Whatever is released and finishes in whichever order: it is found once, and what is left stands in the order of its releases.

import t from 'tap';
import type { Permit } from '../../src/core/permit.ts';
import type { Running } from '../../src/sessions/entries.ts';
import { RunningActions } from '../../src/sessions/running-actions.ts';

t.test('as a map would have it, for every order of four releases and their ends', async (t) => {
  const permits = Array.from({ length: 4 }, (_, index) => ({ actionId: `s-${index}` }) as unknown as Permit);
  const running = permits.map((permit) => ({ permit }) as unknown as Running);
  const steps = (taken: readonly number[], rest: readonly number[]): number[][] =>
    rest.length === 0
      ? [[...taken]]
      : rest.flatMap((it) =>
          steps(
            [...taken, it],
            rest.filter((other) => other !== it),
          ),
        );
  // 0 to 3 release, 4 to 7 finish; a finish before its release is one too many.
  for (const order of steps([], [0, 1, 2, 3, 4, 5, 6, 7]).filter((_, index) => index % 17 === 0)) {
    const [actions, map] = [new RunningActions(), new Map<Permit, Running>()];
    let isAlike = true;
    for (const step of order) {
      const [permit, run] = [permits[step % 4] as Permit, running[step % 4] as Running];
      if (step < 4) {
        actions.add(permit, run);
        map.set(permit, run);
      } else {
        isAlike &&= actions.get(permit) === map.get(permit) && actions.take(permit) === map.get(permit);
        map.delete(permit);
      }
      isAlike &&= actions.all().length === map.size && actions.all().every((it, index) => it === [...map.values()][index]);
      isAlike &&= actions.permits().every((it, index) => it === [...map.keys()][index]);
    }
    if (!isAlike) t.fail(`order ${order.join(' ')}`);
  }
  t.pass('all orders');
});
