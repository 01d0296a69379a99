// A client that sends and does not read what it is answered: it is answered no further, so that its answers don't fill memory.

import t from 'tap';
import { framed } from '../../protocols/mysql/codec.ts';
import * as wire from '../../protocols/mysql/messages.ts';
import { Player } from '../transcripts/mysql-player.ts';

const dialect = { deprecatesEof: false, tracks: true, clientTracks: true, cachesMetadata: false, attributes: 'none' } as const;
/** COM_DEBUG: refused without anybody's judgement. */
const refused = framed(Buffer.from([0x0d]), 0);
const chunk = Buffer.concat(Array.from({ length: 1000 }, () => refused));

const refusals = (player: Player): number => Buffer.from(player.toClient, 'hex').toString('latin1').split('#08S01').length - 1;
const stalled = (): Player => {
  const player = new Player({ fast: true, turns: false, showsProgress: false, dialect });
  player.client.isFull = true;
  return player;
};
const takesAgain = (player: Player): void => {
  player.client.isFull = false;
  player.client.emit('drain');
};

t.test('in chunks of many commands', (t) => {
  const player = stalled();
  for (let count = 0; count < 50; count += 1) player.client.emit('data', chunk);
  const told = refusals(player);
  t.ok(told > 0 && told <= 1000, `${told} are answered`);
  t.ok(player.client.isPaused(), 'and it is not read');
  takesAgain(player);
  t.equal(refusals(player), 50_000, 'it is answered all that it sent');
  t.notOk(player.client.isPaused(), 'and it is read again');
  t.end();
});

t.test('a command at a time', (t) => {
  const player = stalled();
  for (let count = 0; count < 20_000; count += 1) player.client.emit('data', refused);
  t.ok(refusals(player) <= 1, 'one is answered');
  takesAgain(player);
  t.equal(refusals(player), 20_000);
  t.end();
});

t.test('what is plain is not taken either, and goes on in its order', (t) => {
  const player = stalled();
  player.client.emit('data', refused);
  player.client.emit('data', framed(Buffer.from([wire.command.query, ...Buffer.from('select 1')]), 0));
  t.equal(player.target.written.length, 0);
  takesAgain(player);
  t.equal(player.target.written.length, 1, 'it is at the target');
  const answer = player.serve();
  player.receive(answer);
  t.ok(player.toClient.endsWith(answer.toString('hex')), 'and is answered behind what came before it');
  t.end();
});
