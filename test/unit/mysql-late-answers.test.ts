// Answers that wait for the end of the turn because other sessions are busy: whatever comes behind one in the same turn, the client
// has it first, whole and once.

import { setImmediate as turnEnd } from 'node:timers/promises';
import t from 'tap';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { flushesSoon } from '../../src/core/turn-flushes.ts';
import { Player } from '../transcripts/mysql-player.ts';

const dialect = { deprecatesEof: false, tracks: true, clientTracks: true, cachesMetadata: false, attributes: 'none' } as const;
const command = (code: number, text = ''): Buffer => framed(Buffer.from([code, ...Buffer.from(text)]), 0);

/** Others keep the turn busy. */
async function busy(): Promise<void> {
  for (let count = 0; count < 40; count += 1) flushesSoon({ flush: () => undefined });
  await turnEnd();
  for (let count = 0; count < 4; count += 1) flushesSoon({ flush: () => undefined });
}

/** A SELECT was answered in this turn. */
async function answered(): Promise<{ player: Player; answer: string }> {
  const player = new Player({ fast: true, turns: false, showsProgress: false, dialect });
  await busy();
  player.send(command(wire.command.query, 'select 1'));
  const answer = player.serve();
  player.receive(answer);
  return { player, answer: answer.toString('hex') };
}

t.test('an answer leaves at the end of the turn, and what came of it is written down at once', async (t) => {
  const { player, answer } = await answered();
  t.same(player.fast, { client: 1, target: 1 });
  t.equal(player.toClient, '');
  t.match(player.record.at(-1), /^finish a-1 .*completed/);
  await turnEnd();
  t.equal(player.toClient, answer);
});

t.test('the next command may come, and be answered, before it has left', async (t) => {
  const { player, answer } = await answered();
  player.send(command(wire.command.query, 'select 2'));
  const next = player.serve();
  player.receive(next);
  await turnEnd();
  t.equal(player.toClient, answer + next.toString('hex'));
});

const endings: Readonly<Record<string, { readonly happens: (player: Player) => void; readonly says: RegExp }>> = {
  'the connection is killed': { happens: (player) => player.kill('connection'), says: /Connection was killed/ },
  'the session is ended': { happens: (player) => player.endSession(), says: /the grant is over/ },
  'the target closes': { happens: (player) => void player.target.emit('close'), says: /the target closed/ },
  'the client says goodbye': { happens: (player) => player.send(command(wire.command.quit)), says: /^$/ },
  'the client sends nonsense': { happens: (player) => player.send(framed(Buffer.alloc(0), 0)), says: /an empty command/ },
};
for (const [what, { happens, says }] of Object.entries(endings)) {
  t.test(`${what} in the same turn: the answer was first`, async (t) => {
    const { player, answer } = await answered();
    happens(player);
    await turnEnd();
    await turnEnd();
    t.equal(player.toClient.slice(0, answer.length), answer);
    t.match(Buffer.from(player.toClient.slice(answer.length), 'hex').toString('latin1'), says);
    t.ok(player.client.destroyed, 'and it is over');
  });
}
