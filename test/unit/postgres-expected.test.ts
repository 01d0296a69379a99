// The queue of what the target will answer: what runs is known after every answer, in long pipelines too.

import t from 'tap';
import { ExpectedQueue } from '../../protocols/postgres/expected.ts';
import type { Expected } from '../../protocols/postgres/expected.ts';
import type { Portal, Run } from '../../protocols/postgres/statements.ts';

const runNamed = (name: string): Run => ({ permit: name }) as unknown as Run;
const execute = (portal: { run: Run | null }): Expected => ({ kind: 'execute', portal: portal as Portal });
const describe: Expected = { kind: 'describe-portal' };

t.test('what runs is the first that runs anything, until it has ended or was answered', async (t) => {
  const [first, second] = [{ run: runNamed('a') as Run | null }, { run: runNamed('b') }];
  const queue = new ExpectedQueue();
  t.equal(queue.running, null);
  queue.push(describe, execute(first), { kind: 'sync' }, execute(second));
  t.equal(queue.running?.permit, 'a');
  queue.shift();
  t.equal(queue.running?.permit, 'a');
  first.run = null; // ended by another answer
  t.equal(queue.running?.permit, 'b');
  queue.dropSyncs();
  t.equal(queue.running?.permit, 'b');
  queue.shift();
  queue.shift();
  t.equal(queue.running, null);
  queue.push(execute(second));
  t.equal(queue.running?.permit, 'b', 'when all was answered it begins anew');
});

t.test('it is not looked for from the beginning after each answer', async (t) => {
  let looks = 0;
  const counted = {
    get kind() {
      looks += 1;
      return 'describe-portal' as const;
    },
  };
  const queue = new ExpectedQueue();
  const total = 5_000;
  for (let count = 0; count < total; count += 1) queue.push(counted);
  queue.push(execute({ run: runNamed('last') }));
  for (let count = 0; count < total; count += 1) {
    if (queue.running?.permit !== ('last' as unknown)) t.fail('the last one runs');
    queue.shift();
  }
  t.ok(looks <= 3 * total, `${looks} looks at ${total} messages`);
});
