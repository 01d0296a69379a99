// Answers that wait for the end of the turn because other sessions are busy: whatever comes behind one in the same turn, the client
// has it first, whole and once.

import { setImmediate as turnEnd } from 'node:timers/promises';
import t, { type Test as TapTest } from 'tap';
import { flushesSoon } from '../../src/core/turn-flushes.ts';
import { relayedSides, type RelayedSides } from '../support/postgres-sides.ts';
import { clientMessage, targetMessage } from '../transcripts/postgres-messages.ts';

const client = (...lines: string[]): Buffer => Buffer.concat(lines.map(clientMessage));
const target = (...lines: string[]): Buffer => Buffer.concat(lines.map(targetMessage));
const answer = target('T a', 'D 1', 'C SELECT 1', 'Z I');

/** A session in which a SELECT is at the target, among many that are busy. */
async function asked(t: TapTest): Promise<RelayedSides> {
  const sides = await relayedSides(t);
  for (let count = 0; count < 40; count += 1) flushesSoon({ flush: () => undefined });
  await turnEnd();
  sides.client.comes(client('Q select a'));
  t.equal(sides.target.text, client('Q select a').toString('latin1'), 'it is at the target');
  sides.client.written.length = 0;
  // Others keep this turn busy.
  for (let count = 0; count < 4; count += 1) flushesSoon({ flush: () => undefined });
  return sides;
}

t.test('an answer leaves at the end of the turn, and what came of it is written down at once', async (t) => {
  const world = await asked(t);
  world.target.comes(answer);
  t.equal(world.client.text, '');
  t.equal(world.finished(), 1);
  await turnEnd();
  t.equal(world.client.text, answer.toString('latin1'));
});

t.test('a long answer leaves at once', async (t) => {
  const world = await asked(t);
  const long = target('T a', `D ${'x'.repeat(9000)}`, 'C SELECT 1', 'Z I');
  world.target.comes(long);
  t.equal(world.client.text, long.toString('latin1'));
});

t.test('what the target says next stands behind it', async (t) => {
  const world = await asked(t);
  world.target.comes(answer);
  const notice = target('N SNOTICE|C00000|Mnext');
  world.target.comes(notice);
  t.equal(world.client.text, Buffer.concat([answer, notice]).toString('latin1'));
  await turnEnd();
  t.equal(world.client.text.length, answer.length + notice.length, 'once');
});

t.test('the next statement of the client may come before it has left', async (t) => {
  const world = await asked(t);
  world.target.comes(answer);
  world.client.comes(client('Q select b'));
  await turnEnd();
  t.equal(world.client.text, answer.toString('latin1'));
  t.match(world.target.text, /select b/);
});

for (const [what, happens] of Object.entries<(world: RelayedSides) => void>({
  'the session is ended': ({ kill }) => kill('ended by an operator'),
  'the target closes': (world) => void world.target.emit('end'),
  'the client says goodbye': (world) => world.client.comes(client('X')),
  'the target says nonsense': (world) => world.target.comes(Buffer.from('\x00\x00\x00\x00\x00\x00')),
})) {
  t.test(`${what} in the same turn: the answer was first`, async (t) => {
    const world = await asked(t);
    world.target.comes(answer);
    happens(world);
    await turnEnd();
    await turnEnd();
    const expected = answer.toString('latin1');
    t.equal(world.client.text.slice(0, expected.length), expected);
    t.equal(world.client.text.indexOf('SELECT 1', expected.length), -1, 'once');
    t.ok(world.client.writableEnded, 'and it is over');
  });
}
