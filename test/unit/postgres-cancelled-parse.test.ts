// A Parse of a large text waits until another thread has read it: a cancellation in that time ends the batch that it belongs to.

import { setImmediate as turnEnd } from 'node:timers/promises';
import t from 'tap';
import type { Classification } from '../../src/core/classification.ts';
import { read, relayedSides } from '../support/postgres-sides.ts';
import { clientMessage, targetMessage } from '../transcripts/postgres-messages.ts';

const client = (...lines: string[]): Buffer => Buffer.concat(lines.map(clientMessage));
const target = (...lines: string[]): Buffer => Buffer.concat(lines.map(targetMessage));

t.test('a cancelled Parse is answered at once, and nothing of its batch runs when it has been read', async (t) => {
  const { promise, resolve } = Promise.withResolvers<Classification>();
  const world = await relayedSides(t, 1_000_000, () => promise);
  world.client.comes(client('P |select a', 'B ||', 'E |0', 'S'));
  await turnEnd();
  t.equal(world.target.text, '', 'it waits');
  await world.cancel();
  await turnEnd();
  t.match(world.client.text, /57014/);
  resolve(read);
  await turnEnd();
  t.notMatch(world.target.text, /select a/);
  world.target.comes(target('Z I'));
  await turnEnd();
  world.client.comes(client('Q select b'));
  await turnEnd();
  t.match(world.target.text, /select b/, 'the session goes on');
});
